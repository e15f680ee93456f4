"""Priors on the means of components."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from bayesgmm._typing import Floats
from bayesgmm.errors import InputError
from bayesgmm.priors.hyper import check_positive

HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


def per_feature(name: str, value, positive: bool = False) -> Floats:
    """Return numbers of shape (n_features,) or (n_components, n_features), checked."""
    array = np.array(value, dtype=np.float64)
    good = array.ndim in (1, 2) and array.size > 0 and np.isfinite(array).all()
    if good and (not positive or (array > 0).all()):
        return array
    raise InputError(
        name,
        "be finite numbers"
        + " above 0" * positive
        + " of shape (n_features,) or (n_components, n_features)",
        f"shape {array.shape}" if array.ndim not in (1, 2) else f"{value}",
        "Give one number for every feature, or a row of them for every component.",
    )


def _check_features(name: str, array: Floats, location: Floats) -> None:
    """Refuse numbers of other features than those of `location`."""
    if array.shape[-1] != location.shape[-1]:
        raise InputError(
            name,
            f"have the {location.shape[-1]} features of `location`",
            f"{array.shape[-1]}",
            "Give one number for every feature.",
        )


@dataclass(frozen=True, slots=True, eq=False)
class NormalMeans:
    """means ~ Normal(location, scale), whatever the covariances are.

    Attributes
    ----------
    location, scale : array of shape (n_features,) or (n_components, n_features)
        In the units of the features.
    """

    location: Floats
    scale: Floats

    def __post_init__(self):
        object.__setattr__(self, "location", per_feature("location", self.location))
        object.__setattr__(self, "scale", per_feature("scale", self.scale, True))
        _check_features("scale", self.scale, self.location)

    @property
    def n_features(self) -> int:
        return self.location.shape[-1]

    @property
    def is_exchangeable(self) -> bool:
        return _same_rows(self.location) and _same_rows(self.scale)

    def lines(self, names) -> list[str]:
        """Return one line for every feature, or component and feature."""
        location, scale = np.broadcast_arrays(self.location, self.scale)
        return [
            f"means[{place}] ~ Normal({m:.4g}, {s:.4g})"
            for place, m, s in _places(names, location, scale)
        ]

    def draw(self, rng, covariances: Floats) -> dict[str, Floats]:
        noise = rng.standard_normal(covariances.shape[:-1])
        return {"means": self.location + self.scale * noise}

    def log_density(self, values: dict[str, Floats]) -> Floats:
        each = stats.norm.logpdf(values["means"], self.location, self.scale)
        return each.sum((-2, -1))


@dataclass(frozen=True, slots=True, eq=False)
class ScaledNormalMeans:
    """means_k ~ Normal(location, covariances_k / shrinkage).

    With `InverseWishart` covariances the normal-inverse-Wishart prior, in which EM's
    `ConjugatePrior` takes its maximum.

    Attributes
    ----------
    location : array of shape (n_features,) or (n_components, n_features)
    shrinkage : float
        How many rows at `location` the prior is worth.
    """

    location: Floats
    shrinkage: float

    def __post_init__(self):
        object.__setattr__(self, "location", per_feature("location", self.location))
        check_positive("shrinkage", self.shrinkage)

    @property
    def n_features(self) -> int:
        return self.location.shape[-1]

    @property
    def is_exchangeable(self) -> bool:
        return _same_rows(self.location)

    def lines(self, names) -> list[str]:
        """Return one line for every feature, or component and feature."""
        return [
            f"means[{place}] ~ Normal({m:.4g}, sd / sqrt({self.shrinkage:g}))"
            for place, m in _places(names, self.location)
        ]

    def draw(self, rng, covariances: Floats) -> dict[str, Floats]:
        lower = np.linalg.cholesky(covariances / self.shrinkage)
        noise = rng.standard_normal((*covariances.shape[:-1], 1))
        return {"means": self.location + (lower @ noise)[..., 0]}

    def log_density(self, values: dict[str, Floats]) -> Floats:
        gaps = values["means"] - self.location
        lower = np.linalg.cholesky(values["covariances"] / self.shrinkage)
        z = np.linalg.solve(lower, gaps[..., None])[..., 0]
        log_roots = np.log(np.diagonal(lower, axis1=-2, axis2=-1))
        return (-0.5 * z**2 - log_roots - HALF_LOG_2PI).sum((-2, -1))


@dataclass(frozen=True, slots=True, eq=False)
class NormalGammaMeans:
    """means_kj ~ Normal(location_j, sqrt(spread_j) ranges_j), spread_j ~ Gamma.

    Features in which the components do not differ are pulled together: shrinkage [1]_.

    Attributes
    ----------
    location, ranges : array of shape (n_features,)
    shape, rate : float
        Of the gamma distribution of every ``means_spread``.

    References
    ----------
    .. [1] G. Malsiner-Walli, S. Fruehwirth-Schnatter, B. Gruen (2016), *Model-based
       clustering based on sparse finite Gaussian mixtures*, Stat. Comput. 26:303-324.
    """

    location: Floats
    ranges: Floats
    shape: float = 0.5
    rate: float = 0.5

    def __post_init__(self):
        for name in ("location", "ranges"):
            array = per_feature(name, getattr(self, name), name == "ranges")
            if array.ndim != 1:
                raise InputError(
                    name,
                    "have shape (n_features,)",
                    f"shape {array.shape}",
                    "Components share their shrinkage: give one number a feature.",
                )
            object.__setattr__(self, name, array)
        _check_features("ranges", self.ranges, self.location)
        check_positive("shape", self.shape)
        check_positive("rate", self.rate)

    @property
    def n_features(self) -> int:
        return self.location.shape[-1]

    @property
    def is_exchangeable(self) -> bool:
        return True

    def lines(self, names) -> list[str]:
        """Return one line for every feature."""
        gamma = f"Gamma({self.shape:g}, {self.rate:g})"
        return [
            f"means[{place}] ~ Normal({m:.4g}, sqrt(spread) {s:.4g}), spread ~ {gamma}"
            for place, m, s in _places(names, self.location, self.ranges)
        ]

    def draw(self, rng, covariances: Floats) -> dict[str, Floats]:
        shape = (*covariances.shape[:-3], self.n_features)
        spread = rng.gamma(self.shape, 1.0 / self.rate, shape)
        scale = np.sqrt(spread)[..., None, :] * self.ranges
        noise = rng.standard_normal(covariances.shape[:-1])
        return {"means": self.location + scale * noise, "means_spread": spread}

    def log_density(self, values: dict[str, Floats]) -> Floats:
        spread = values["means_spread"]
        scale = np.sqrt(spread)[..., None, :] * self.ranges
        each = stats.norm.logpdf(values["means"], self.location, scale)
        hyper = stats.gamma.logpdf(spread, self.shape, scale=1.0 / self.rate)
        return each.sum((-2, -1)) + hyper.sum(-1)


MeansPrior = NormalMeans | ScaledNormalMeans | NormalGammaMeans


def _same_rows(array) -> bool:
    return array.ndim == 1 or bool((array == array[0]).all())


def _places(names, *arrays):
    """Yield (label, numbers): a feature's, or a component's and a feature's."""
    if arrays[0].ndim == 1:
        yield from zip(names, *arrays, strict=True)
        return
    for k, rows in enumerate(zip(*arrays, strict=True)):
        for name, *numbers in zip(names, *rows, strict=True):
            yield f"{k}, {name}", *numbers
