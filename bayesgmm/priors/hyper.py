"""Distributions of one positive number: of a concentration that is not known."""

from dataclasses import dataclass

from scipy import stats

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_number


def check_positive(name: str, value) -> float:
    """Return `value` as a float above zero."""
    return check_number(name, value, "be a number above 0", lambda number: number > 0)


@dataclass(frozen=True, slots=True)
class Gamma:
    """A gamma distribution, of mean ``shape / rate``."""

    shape: float
    rate: float

    def __post_init__(self):
        check_positive("shape", self.shape)
        check_positive("rate", self.rate)

    def __str__(self) -> str:
        return f"Gamma({self.shape:g}, {self.rate:g})"

    def draw(self, rng, size) -> Floats:
        return rng.gamma(self.shape, 1 / self.rate, size)

    def log_density(self, value) -> Floats:
        return stats.gamma.logpdf(value, self.shape, scale=1 / self.rate)

    @property
    def centre(self) -> float:
        """The median: where samplers begin."""
        return float(stats.gamma.median(self.shape, scale=1 / self.rate))


@dataclass(frozen=True, slots=True)
class FDistribution:
    """Fisher's F distribution, heavy in its right tail."""

    numerator: float
    denominator: float

    def __post_init__(self):
        check_positive("numerator", self.numerator)
        check_positive("denominator", self.denominator)

    def __str__(self) -> str:
        return f"F({self.numerator:g}, {self.denominator:g})"

    def draw(self, rng, size) -> Floats:
        return rng.f(self.numerator, self.denominator, size)

    def log_density(self, value) -> Floats:
        return stats.f.logpdf(value, self.numerator, self.denominator)

    @property
    def centre(self) -> float:
        """The median: where samplers begin."""
        return float(stats.f.median(self.numerator, self.denominator))


Hyperprior = Gamma | FDistribution
