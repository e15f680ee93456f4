"""Priors on the weights of components.

Every part of `Priors` says its own in NumPy: what it would draw, and its log-density
with all constants. Draws are dicts of arrays by the names of the posterior's variables,
with a leading axis of draws; log-densities take such dicts.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, xlogy

from bayesgmm._typing import Floats
from bayesgmm.errors import InputError
from bayesgmm.priors.hyper import Hyperprior, check_positive

SMALLEST_WEIGHT = np.finfo(np.float64).tiny
"""A weight of zero has no finite density where empty components are likely."""


@dataclass(frozen=True, slots=True, eq=False)
class Dirichlet:
    """weights ~ Dirichlet(concentration, ..., concentration).

    Attributes
    ----------
    concentration : float, array of shape (n_components,), Gamma or FDistribution
        Small numbers leave components empty [1]_: a sparse finite mixture. With a
        distribution it is not known, and a variable ``concentration`` of the posterior.
    shared : bool
        Whether the components share the concentration, ``concentration / n_components``
        each: a dynamic mixture of finite mixtures [2]_ if their number is not known.

    References
    ----------
    .. [1] J. Rousseau, K. Mengersen (2011), *Asymptotic behaviour of the posterior
       distribution in overfitted mixture models*, JRSS-B 73:689-710.
    .. [2] S. Fruehwirth-Schnatter, G. Malsiner-Walli, B. Gruen (2021), *Generalized
       mixtures of finite mixtures and telescoping sampling*, Bayesian Anal. 16.
    """

    concentration: float | Floats | Hyperprior = 1.0
    shared: bool = False

    def __post_init__(self):
        if self.hyperprior is not None:
            return
        if np.ndim(self.fixed) == 0:
            check_positive("concentration", self.concentration)
            return
        array = np.array(self.concentration, dtype=np.float64)
        if array.ndim != 1 or not (np.isfinite(array) & (array > 0)).all():
            raise InputError(
                "concentration",
                "be a number above 0, or one for every component",
                f"{self.concentration}",
                "For example `Dirichlet(1.0)`.",
            )
        object.__setattr__(self, "concentration", array)

    def __str__(self) -> str:
        divided = " / n_components" * self.shared
        if self.hyperprior is not None:
            return f"Dirichlet(e{divided}), e ~ {self.hyperprior}"
        numbers = ", ".join(f"{number:.4g}" for number in np.atleast_1d(self.fixed))
        told = numbers if self.fixed.ndim == 0 else f"[{numbers}]"
        return f"Dirichlet({told}{divided})"

    @property
    def hyperprior(self) -> Hyperprior | None:
        """The distribution of the concentration, None if it is known."""
        return _hyperprior(self.concentration)

    @property
    def fixed(self) -> Floats:
        """The concentration where it is known, as an array."""
        return np.asarray(self.concentration, dtype=np.float64)

    @property
    def is_exchangeable(self) -> bool:
        return self.hyperprior is not None or self.fixed.ndim == 0

    def concentrations(self, n_components: int, concentration=None) -> Floats:
        """Return the concentration of every component, shape (..., n_components).

        Parameters
        ----------
        n_components : int
        concentration : array of shape (...), optional
            Draws of it, where it is not known.
        """
        value = self.fixed if concentration is None else np.asarray(concentration)
        share = value / n_components if self.shared else value
        if concentration is None and share.ndim == 1:
            return share
        return np.repeat(share[..., None], n_components, axis=-1)

    def together(self, n_components: int, concentration=None) -> Floats | float:
        """Return the prior probability that two rows are of one component, (...)."""
        value = self.fixed if concentration is None else np.asarray(concentration)
        if self.is_exchangeable:
            e = value / n_components if self.shared else value
            return (e + 1.0) / (n_components * e + 1.0)
        each = self.concentrations(n_components)
        return (each * (each + 1.0)).sum() / (each.sum() * (each.sum() + 1.0))

    def draw(self, rng, n_draws: int, n_components: int) -> dict[str, Floats]:
        if self.hyperprior is not None:
            e = self.hyperprior.draw(rng, n_draws)
            weights = draw_dirichlet(rng, self.concentrations(n_components, e))
            return {"weights": weights, "concentration": e}
        each = np.broadcast_to(
            self.concentrations(n_components), (n_draws, n_components)
        )
        return {"weights": draw_dirichlet(rng, each)}

    def log_density(self, values: dict[str, Floats]) -> Floats:
        weights, hyperprior = values["weights"], self.hyperprior
        e = None if hyperprior is None else values["concentration"]
        each = self.concentrations(weights.shape[-1], e)
        total = gammaln(each.sum(-1)) - gammaln(each).sum(-1)
        total = total + xlogy(each - 1.0, weights).sum(-1)
        return total if hyperprior is None else total + hyperprior.log_density(e)


@dataclass(frozen=True, slots=True, eq=False)
class StickBreaking:
    """weights_k = v_k (1 - v_1) ... (1 - v_(k-1)), v_k ~ Beta(1, concentration).

    A Dirichlet process that ends with its last component [1]_, which takes what is left
    of the stick. Earlier components are the larger ones: not exchangeable.

    Attributes
    ----------
    concentration : float, Gamma or FDistribution

    References
    ----------
    .. [1] H. Ishwaran, L. F. James (2001), *Gibbs sampling methods for stick-breaking
       priors*, JASA 96:161-173.
    """

    concentration: float | Hyperprior = 1.0

    def __post_init__(self):
        if self.hyperprior is None:
            check_positive("concentration", self.concentration)

    def __str__(self) -> str:
        if self.hyperprior is not None:
            return f"StickBreaking(e), e ~ {self.hyperprior}"
        return f"StickBreaking({self.concentration:g})"

    @property
    def hyperprior(self) -> Hyperprior | None:
        """The distribution of the concentration, None if it is known."""
        return _hyperprior(self.concentration)

    @property
    def is_exchangeable(self) -> bool:
        return False

    def together(self, n_components: int, concentration=None) -> Floats:
        """Return the prior probability that two rows are of one component, (...)."""
        e = self.concentration if concentration is None else concentration
        e = np.asarray(e, dtype=np.float64)
        # What the first sticks leave, squared, on average.
        rest = (e / (e + 2.0)) ** (n_components - 1)
        return (1.0 - rest) / (1.0 + e) + rest

    def draw(self, rng, n_draws: int, n_components: int) -> dict[str, Floats]:
        own, e = {}, np.asarray(self.concentration)
        if self.hyperprior is not None:
            e = self.hyperprior.draw(rng, n_draws)
            own = {"concentration": e}
        sticks = np.ones((n_draws, n_components))
        rest = 1.0 - rng.random((n_draws, n_components - 1))  # in (0, 1]
        left = rest ** (1.0 / e.reshape(-1, 1))
        sticks[:, :-1] = 1.0 - left
        sticks[:, 1:] *= np.cumprod(left, axis=1)
        return {"weights": np.maximum(sticks, SMALLEST_WEIGHT)} | own

    def log_density(self, values: dict[str, Floats]) -> Floats:
        weights, hyperprior = values["weights"], self.hyperprior
        known = hyperprior is None
        e = np.asarray(self.concentration if known else values["concentration"])
        # What is left of the stick after each break, from the far end: no cancellation.
        left = np.cumsum(weights[..., ::-1], axis=-1)[..., ::-1]
        with np.errstate(divide="ignore"):
            log_left = np.log(left)
        k = weights.shape[-1]
        total = (k - 1) * np.log(e) - log_left[..., 1:-1].sum(-1)
        if k > 1:
            total = total + xlogy(e - 1.0, left[..., -1])
        return total if hyperprior is None else total + hyperprior.log_density(e)


WeightsPrior = Dirichlet | StickBreaking


def _hyperprior(concentration) -> Hyperprior | None:
    return concentration if isinstance(concentration, Hyperprior) else None


def draw_dirichlet(rng, concentrations: Floats) -> Floats:
    """Draw weights, one row of concentrations a draw, however small these are.

    A gamma variable of shape e is one of shape e + 1 times a uniform one to the power
    1 / e: in logarithms it does not vanish.
    """
    log_gamma = np.log(rng.standard_gamma(concentrations + 1.0))
    log_gamma += np.log1p(-rng.random(concentrations.shape)) / concentrations
    weights = np.exp(log_gamma - log_gamma.max(axis=-1, keepdims=True))
    return np.maximum(weights / weights.sum(axis=-1, keepdims=True), SMALLEST_WEIGHT)
