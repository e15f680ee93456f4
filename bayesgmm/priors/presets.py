"""Sets of priors scaled to the data: one table, and `default_priors` that reads it."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice, check_count
from bayesgmm.chunks import is_chunked
from bayesgmm.conjugate import ConjugatePrior
from bayesgmm.conjugate_default import default_conjugate
from bayesgmm.covariances import covariance_family
from bayesgmm.fittable import check_fittable
from bayesgmm.initialise import Overall
from bayesgmm.priors.belief import Priors
from bayesgmm.priors.covariances import (
    HierarchicalInverseWishart,
    InverseWishart,
    LogNormalLKJ,
)
from bayesgmm.priors.hyper import FDistribution, Gamma
from bayesgmm.priors.means import NormalGammaMeans, NormalMeans, ScaledNormalMeans
from bayesgmm.priors.sizes import BetaNegativeBinomialSizes, UniformSizes
from bayesgmm.priors.weights import Dirichlet, StickBreaking
from bayesgmm.sketch import Sketch, refuse_gaps, sketch
from bayesgmm.validation import MISSING, check_sample_weight, check_table

CONCENTRATION = 1.0
# A prior mean is anywhere in the bulk of the data or a little beyond.
MEANS_IN_STANDARD_DEVIATIONS = 2.0
# 95 % of the prior on a standard deviation is within a factor of 4.3 of its median.
LOG_SD_SCALE = 0.75
LKJ_ETA = 2.0
# Malsiner-Walli, Fruehwirth-Schnatter and Gruen's, which leaves components empty.
SPARSE = Gamma(1.0, 20.0)
RICHARDSON_GREEN_LARGEST = 30


_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


class _Data(NamedTuple):
    """What presets read off the data."""

    overall: Overall
    median: Floats
    lowest: Floats
    highest: Floats
    n_components: int
    names: tuple[str, ...]

    @property
    def mean(self) -> Floats:
        return self.overall.mean

    @property
    def sd(self) -> Floats:
        return np.sqrt(np.diag(self.overall.covariance))

    @property
    def range(self) -> Floats:
        return self.highest - self.lowest

    @property
    def conjugate(self) -> ConjugatePrior:
        """The prior of full covariances: each feature has a variance of its own."""
        full = covariance_family("full", len(self.names))
        return default_conjugate(self.overall, self.n_components, full, self.names)


def _normal_means(data):
    return NormalMeans(data.mean, MEANS_IN_STANDARD_DEVIATIONS * data.sd)


def _default(data):
    log_location = np.log(data.sd) - np.log(data.n_components) / len(data.sd)
    covariances = LogNormalLKJ(log_location, LOG_SD_SCALE, LKJ_ETA)
    weights = Dirichlet(CONCENTRATION)
    return Priors(weights, _normal_means(data), covariances, data.names)


def _inverse_wishart(data):
    """Fraley and Raftery's: the data's covariance, for as many components."""
    return InverseWishart(data.conjugate.degrees_of_freedom, data.conjugate.scale)


def _conjugate(data):
    means = ScaledNormalMeans(data.mean, data.conjugate.shrinkage)
    return Priors(Dirichlet(CONCENTRATION), means, _inverse_wishart(data), data.names)


def _independent(data):
    weights = Dirichlet(CONCENTRATION)
    return Priors(weights, _normal_means(data), _inverse_wishart(data), data.names)


def _stephens(data):
    """Stephens (1997): S = 2 C0, and C0 has the mean g0 G0^-1."""
    d = len(data.sd)
    c0, g0 = 2.5 + (d - 1) / 2, 0.5 + (d - 1) / 2
    g_matrix = 100.0 * g0 / c0 * np.diag(data.range**-2.0)
    return HierarchicalInverseWishart(2 * c0, 2 * g0, np.linalg.inv(g_matrix))


def _hierarchical(data):
    means = NormalMeans(data.median, data.range)
    return Priors(Dirichlet(CONCENTRATION), means, _stephens(data), data.names)


def _richardson_green(data):
    """Richardson and Green (1997), for one feature; Stephens's extension for more."""
    d = len(data.sd)
    means = NormalMeans((data.lowest + data.highest) / 2, data.range)
    rate = 10.0 / data.range**2
    covariances = HierarchicalInverseWishart(
        4.0 + (d - 1), 0.4 + (d - 1), np.diag(1.0 / rate)
    )
    sizes = UniformSizes(RICHARDSON_GREEN_LARGEST)
    return Priors(Dirichlet(CONCENTRATION), means, covariances, data.names, sizes)


def _sparse(data):
    means = NormalGammaMeans(data.median, data.range)
    return Priors(Dirichlet(SPARSE), means, _stephens(data), data.names)


def _stick_breaking(data):
    weights = StickBreaking(Gamma(2.0, 4.0))
    return Priors(weights, _normal_means(data), _inverse_wishart(data), data.names)


def _dynamic(data):
    means = NormalMeans(data.median, data.range)
    weights = Dirichlet(FDistribution(6.0, 3.0), shared=True)
    sizes = BetaNegativeBinomialSizes(1.0, 4.0, 3.0)
    return Priors(weights, means, _stephens(data), data.names, sizes)


def _static(data):
    means = NormalMeans(data.median, data.range)
    sizes = BetaNegativeBinomialSizes(1.0, 4.0, 3.0)
    return Priors(Dirichlet(1.0), means, _stephens(data), data.names, sizes)


PRESETS: dict[str, Callable[[_Data], Priors]] = {
    "default": _default,
    "conjugate": _conjugate,
    "independent": _independent,
    "hierarchical": _hierarchical,
    "sparse": _sparse,
    "stick_breaking": _stick_breaking,
    "dynamic": _dynamic,
    "static": _static,
    "richardson_green": _richardson_green,
}


def default_priors(
    X,
    n_components: int,
    covariance_type: str = "full",
    *,
    kind: str = "default",
    sample_weight=None,
    missing: str = "error",
) -> Priors:
    """Return priors scaled to the data.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
        Of lazy rows, those of Dask, medians are those of a sample, and all else is of
        all rows.
    n_components : int
        More components are expected to be narrower: the prior median of a standard
        deviation is that of the column over ``n_components ** (1 / n_features)``, as
        in Fraley and Raftery [1]_. Where their number is not known, a guess of it.
    covariance_type : str
        As in `GaussianMixture`; checked, and without influence: a family takes of the
        priors what it has room for.
    kind : str, default "default"
        "default" : weakly informative, scale x LKJ, for NUTS.
        "conjugate" : normal-inverse-Wishart [1]_; for families with full covariances
        EM with ``prior="default"`` takes its maximum. For those with the features as
        axes every variance has the scale of its own feature, which EM's has not.
        "independent" : normal x inverse-Wishart.
        "hierarchical" : normal x inverse-Wishart with an unknown scale [2]_.
        "sparse" : too many components, of which most stay empty, and shrinkage of
        means [3]_. "stick_breaking" : a truncated Dirichlet process.
        "dynamic", "static" : an unknown number of components [4]_.
        "richardson_green" : the same with the prior of [5]_.
    sample_weight : array-like of shape (n_observations,), optional
        How often each row counts: a row of weight 0 moves no prior.
    missing : {"error", "fiml"}
        "fiml" takes rows with NaN: moments are then those of one component fitted to
        what was observed.

    Returns
    -------
    Priors
        Changing the units of a feature changes these numbers and nothing else. For
        "spherical", where features share one standard deviation, they should already
        be in comparable units.

    Raises
    ------
    InputError
        If the data cannot carry a mixture of `n_components`.

    References
    ----------
    .. [1] C. Fraley and A. E. Raftery (2007), *Bayesian regularization for normal
       mixture estimation and model-based clustering*, J. Classification 24:155-181.
    .. [2] M. Stephens (1997), *Bayesian methods for mixtures of normal distributions*,
       DPhil thesis, Oxford.
    .. [3] G. Malsiner-Walli, S. Fruehwirth-Schnatter, B. Gruen (2016), *Model-based
       clustering based on sparse finite Gaussian mixtures*, Stat. Comput. 26:303-324.
    .. [4] S. Fruehwirth-Schnatter, G. Malsiner-Walli, B. Gruen (2021), *Generalized
       mixtures of finite mixtures and telescoping sampling*, Bayesian Anal. 16.
    .. [5] S. Richardson, P. J. Green (1997), *On Bayesian analysis of mixtures with an
       unknown number of components*, JRSS-B 59:731-792.
    """
    make = PRESETS[check_choice("kind", kind, PRESETS)]
    n_components = check_count("n_components", n_components)
    missing = check_choice("missing", missing, MISSING)
    if is_chunked(X):
        refuse_gaps(missing)
        lazy = sketch(X, sample_weight)
        return sketched_priors(lazy, n_components, covariance_type, kind)
    table = check_table(X, missing)
    family = covariance_family(covariance_type, table.n_features)
    check_fittable(table, n_components)
    weight = check_sample_weight(sample_weight, table.n_observations)
    overall = _overall(table.values, weight, family)
    counted = table.values if weight is None else table.values[weight > 0]
    return make(
        _Data(
            overall=overall,
            median=_median(table.values, weight),
            lowest=np.nanmin(counted, axis=0),
            highest=np.nanmax(counted, axis=0),
            n_components=n_components,
            names=table.feature_names,
        )
    )


def sketched_priors(
    lazy: Sketch, n_components: int, covariance_type: str, kind: str
) -> Priors:
    """Return `default_priors` of lazy rows that were read already."""
    table, weight, extent = lazy.sample, lazy.sample_weight, lazy.extent
    covariance_family(covariance_type, table.n_features)
    check_fittable(table, n_components)
    return PRESETS[check_choice("kind", kind, PRESETS)](
        _Data(
            overall=Overall.of_extent(extent),
            median=_median(table.values, weight),
            lowest=extent.lowest,
            highest=extent.highest,
            n_components=n_components,
            names=table.feature_names,
        )
    )


def _median(X, weight) -> Floats:
    """Return the median of every column, a row of weight 2 being the row twice."""
    weight = np.ones(len(X)) if weight is None else weight
    return np.array([_middle(x, weight) for x in X.T], dtype=np.float64)


def _middle(x, weight) -> float:
    known = ~np.isnan(x) & (weight > 0)
    values, numbers = np.unique(x[known], return_inverse=True)
    below = np.cumsum(np.bincount(numbers, weight[known]))
    sides = [np.searchsorted(below, 0.5 * below[-1], side) for side in _SIDES]
    return float(np.mean(values[np.minimum(sides, len(values) - 1)]))


def _overall(X, weight, family) -> Overall:
    """Return the moments of all rows; with gaps those of one component, by EM."""
    if not np.isnan(X.min()):
        return Overall.of(X, weight)
    from bayesgmm.overall import find_overall  # below, as EM is

    return find_overall(X, weight, family)
