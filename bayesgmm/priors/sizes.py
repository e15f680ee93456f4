"""Priors on the number of components, where it is not known."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import logsumexp

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_count
from bayesgmm.errors import InputError
from bayesgmm.priors.hyper import check_positive


@dataclass(frozen=True, slots=True)
class UniformSizes:
    """n_components ~ Uniform{1, ..., largest}."""

    largest: int

    def __post_init__(self):
        check_count("largest", self.largest)

    def __str__(self) -> str:
        return f"Uniform{{1, ..., {self.largest}}}"

    def log_probabilities(self, largest: int) -> Floats:
        """Return log p(n_components) of 1, ..., `largest`, which sum to one."""
        sizes = np.arange(1, largest + 1)
        return _normalise(np.where(sizes <= self.largest, 0.0, -np.inf))


@dataclass(frozen=True, slots=True)
class PoissonSizes:
    """n_components - 1 ~ Poisson(rate)."""

    rate: float = 1.0

    def __post_init__(self):
        check_positive("rate", self.rate)

    def __str__(self) -> str:
        return f"1 + Poisson({self.rate:g})"

    def log_probabilities(self, largest: int) -> Floats:
        """Return log p(n_components) of 1, ..., `largest`, which sum to one."""
        return _normalise(stats.poisson.logpmf(np.arange(largest), self.rate))


@dataclass(frozen=True, slots=True)
class BetaNegativeBinomialSizes:
    """n_components - 1 ~ BetaNegativeBinomial(n, a, b): small, with a heavy tail [1]_.

    References
    ----------
    .. [1] S. Fruehwirth-Schnatter, G. Malsiner-Walli, B. Gruen (2021), *Generalized
       mixtures of finite mixtures and telescoping sampling*, Bayesian Anal. 16.
    """

    n: float = 1.0
    a: float = 4.0
    b: float = 3.0

    def __post_init__(self):
        for name in ("n", "a", "b"):
            check_positive(name, getattr(self, name))

    def __str__(self) -> str:
        return f"1 + BetaNegativeBinomial({self.n:g}, {self.a:g}, {self.b:g})"

    def log_probabilities(self, largest: int) -> Floats:
        """Return log p(n_components) of 1, ..., `largest`, which sum to one."""
        extra = np.arange(largest)
        return _normalise(stats.betanbinom.logpmf(extra, self.n, self.a, self.b))


@dataclass(frozen=True, slots=True, eq=False)
class SizeProbabilities:
    """n_components is 1, 2, ... with these probabilities.

    Attributes
    ----------
    probabilities : array
        0 or more each; divided by their sum.
    """

    probabilities: Floats

    def __post_init__(self):
        array = np.array(self.probabilities, dtype=np.float64)
        good = array.ndim == 1 and np.isfinite(array).all() and (array >= 0).all()
        if not good or array.sum() <= 0:
            raise InputError(
                "probabilities",
                "be numbers of 0 or more, not all 0",
                f"{self.probabilities}",
                "Give the probabilities of 1, 2, ... components.",
            )
        object.__setattr__(self, "probabilities", array / array.sum())

    def __str__(self) -> str:
        each = ", ".join(f"{p:.3g}" for p in self.probabilities)
        return f"{{1, ..., {len(self.probabilities)}}} with probabilities {each}"

    def log_probabilities(self, largest: int) -> Floats:
        """Return log p(n_components) of 1, ..., `largest`, which sum to one."""
        shown = np.zeros(largest)
        n = min(largest, len(self.probabilities))
        shown[:n] = self.probabilities[:n]
        with np.errstate(divide="ignore"):
            return _normalise(np.log(shown))


SizesPrior = UniformSizes | PoissonSizes | BetaNegativeBinomialSizes | SizeProbabilities


def _normalise(logs):
    return logs - logsumexp(logs)
