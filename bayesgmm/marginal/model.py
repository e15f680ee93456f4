"""`build_model`: priors, covariance family and likelihood as a plain `pm.Model`."""

from itertools import combinations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.util import UNSET

from bayesgmm.arguments import check_count
from bayesgmm.covariances import covariance_family
from bayesgmm.dims import (
    COMPONENT,
    DIMS,
    FEATURE,
    FEATURE_BIS,
    OBSERVATION,
    PAIR,
)
from bayesgmm.errors import InputError
from bayesgmm.fittable import check_fittable
from bayesgmm.marginal.distribution import MvNormalMixture
from bayesgmm.marginal.ops import covariance_cholesky
from bayesgmm.marginal.start import Start, em_start
from bayesgmm.marginal.structure import Structure, structure_of
from bayesgmm.marginal.support import with_support_point
from bayesgmm.marginal.transforms import Affine, fisher_z, log_ratio
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.priors import Priors, default_priors
from bayesgmm.validation import (
    are_named,
    check_sample_weight,
    check_table,
)


def build_model(
    X,
    n_components: int,
    covariance_type: str = "full",
    *,
    priors: Priors | None = None,
    init=None,
    sample_weight=None,
) -> pm.Model:
    """Build a Gaussian mixture with priors as a plain PyMC model.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
        Column names become the coordinate ``feature``.
    n_components : int
    covariance_type : {"full", "tied", "diag", "spherical"}
    priors : Priors, optional
        `default_priors` of the data if not given.
    init : GaussianMixture or MixtureParameters, optional
        A fitted EM estimate. Every chain then starts near it, and one unit of every
        free variable is one standard error, so that jitter and warm-up are short. The
        posterior does not depend on it.
    sample_weight : array-like of shape (n_observations,), optional
        Multiplies each row's log-likelihood.

    Returns
    -------
    pymc.Model
        Free variables ``weights``, ``means``, ``standard_deviations`` and, where the
        family has correlations, ``partial_correlations``; ``covariances`` is made of
        them. The observed variable is ``x``, its data ``X``. Labels are summed out.

    Raises
    ------
    InputError
        If the data cannot carry the mixture, or `init` or `priors` are of another
        shape.
    """
    table = check_table(X)
    n_components = check_count("n_components", n_components)
    structure = structure_of(covariance_type, table.n_features)
    check_fittable(table, n_components)
    sample_weight = check_sample_weight(sample_weight, table.n_observations)
    if priors is None:
        priors = default_priors(
            table, n_components, covariance_type, sample_weight=sample_weight
        )
    _check_priors(priors, table)
    start = _start(init, table, n_components, covariance_type, sample_weight)
    coords = _coords(table, n_components, structure)
    with pm.Model(coords=coords, check_bounds=False) as model:
        _add_mixture(_Variables(priors, structure, start, coords), table, sample_weight)
    # The reference for labels: PyMC knows nothing of it.
    model.em_start = None if init is None else as_parameters(init, "init")
    return model


def _check_priors(priors, table):
    if not isinstance(priors, Priors):
        raise InputError(
            "priors",
            "be Priors",
            type(priors).__name__,
            "Make them with `default_priors(X, n_components)`.",
        )
    if len(priors.means_location) != table.n_features:
        raise InputError(
            "priors",
            f"have the {table.n_features} features of `X`",
            f"{len(priors.means_location)}",
            "Make them with `default_priors(X, n_components)`.",
        )
    _check_names("priors", priors.feature_names, table)


def _check_names(argument, names, table):
    """Refuse what was made from other columns, or the same in another order."""
    if are_named(names) and table.named and tuple(names) != table.feature_names:
        raise InputError(
            argument,
            f"have the features of `X` ({', '.join(table.feature_names)})",
            f"({', '.join(names)})",
            "Make it from the same columns in the same order.",
        )


def _start(init, table, n_components, covariance_type, sample_weight):
    if init is None:
        return None
    parameters: MixtureParameters = as_parameters(init, "init")
    name = covariance_family(covariance_type).name
    wanted = (n_components, table.n_features, name)
    got = (*parameters.means.shape, parameters.covariance_type)
    if got != wanted:
        raise InputError(
            "init",
            "have {} components, {} features and covariance type {!r}".format(*wanted),
            "{} components, {} features and {!r}".format(*got),
            "Fit the EM estimate with the same settings as the model.",
        )
    _check_names("init", parameters.feature_names, table)
    return em_start(table.values, parameters, sample_weight)


def _coords(table, n_components, structure: Structure):
    names = list(table.feature_names)
    coords = {
        COMPONENT: np.arange(n_components),
        FEATURE: names,
        FEATURE_BIS: names,
        OBSERVATION: table.obs_ids,
    }
    if structure.partials and len(names) > 1:
        coords[PAIR] = [f"{b}, {a}" for a, b in _pairs(names)]
    return coords


def _pairs(items):
    """Pairs below the diagonal, row by row: the order of the kernels."""
    return sorted(combinations(items, 2), key=lambda pair: items.index(pair[1]))


class _Variables:
    """Free variables of the model, each declared with its start if there is one."""

    def __init__(self, priors, structure: Structure, start: Start | None, coords):
        self.priors, self.structure, self.start = priors, structure, start
        self.sizes = {dim: len(labels) for dim, labels in coords.items()}

    def weights(self):
        concentration = np.full(self.sizes[COMPONENT], self.priors.concentration)
        weights = pm.Dirichlet.dist(concentration)
        return self._add("weights", weights, (COMPONENT,), log_ratio)

    def means(self):
        dims = (COMPONENT, FEATURE)
        means = pm.Normal.dist(
            self.priors.means_location,
            self.priors.means_scale,
            shape=self._shape(dims),
        )
        return self._add("means", means, dims)

    def standard_deviations(self):
        log_location = self.priors.sds_log_location
        if FEATURE not in self.structure.sds:
            log_location = log_location.mean(keepdims=True)
        sds = pm.LogNormal.dist(
            log_location,
            # As an array: PyTensor takes the log of a plain 0.75 in single precision.
            np.array([self.priors.sds_log_scale]),
            shape=self._shape(self.structure.sds),
        )
        return self._add("standard_deviations", sds, self.structure.sds)

    def partial_correlations(self):
        """LKJ as independent scaled Beta variables of a C-vine, None if there are none.

        References
        ----------
        .. [1] Lewandowski, Kurowicka and Joe (2009), J. Multivariate Anal. 100.
        """
        if PAIR not in self.sizes:
            return None
        n_features, dims = self.sizes[FEATURE], self.structure.partials
        level = np.array([j for j, _ in _pairs(range(n_features))])
        partials = pm.CustomDist.dist(
            self.priors.correlations_eta + 0.5 * (n_features - 2 - level),
            logp=_partial_logp,
            random=_partial_random,
            class_name="PartialCorrelation",
            shape=self._shape(dims),
        )
        return self._add("partial_correlations", partials, dims, fisher_z)

    def _shape(self, dims):
        """Fixed lengths; those of dims are symbolic, for a graph twice the size."""
        return tuple(self.sizes[dim] for dim in dims)

    def _add(self, name, variable, dims, unconstrain=UNSET):
        """Register a random variable, at its start if there is one."""
        transform = UNSET
        if self.start is not None:
            variable = with_support_point(variable, self.start.values[name])
            transform = Affine(self.start.locations[name], self.start.scales[name])
        return pm.modelcontext(None).register_rv(
            variable,
            name,
            dims=dims,
            default_transform=unconstrain,
            transform=transform,
        )


def _partial_logp(value, shape):
    """Beta(shape, shape), stretched from (0, 1) to (-1, 1)."""
    log_beta = 2.0 * pt.gammaln(shape) - pt.gammaln(2.0 * shape)
    log_constant = (2.0 * shape - 1.0) * np.log(2.0) + log_beta
    return (shape - 1.0) * pt.log1p(-(value**2)) - log_constant


def _partial_random(shape, rng=None, size=None):
    return 2.0 * rng.beta(shape, shape, size=size) - 1.0


def _add_mixture(variables: _Variables, table, sample_weight):
    weights, means = variables.weights(), variables.means()
    sds, partials = variables.standard_deviations(), variables.partial_correlations()
    spread = variables.structure.spread(sds, partials, *means.type.shape)
    lower = covariance_cholesky(*spread)
    covariances = pt.matmul(lower, lower.mT)
    pm.Deterministic("covariances", covariances, dims=DIMS["covariances"])
    rows = (OBSERVATION, FEATURE)
    data = pm.Data("X", table.values, dims=rows)
    if sample_weight is not None:
        sample_weight = pm.Data("sample_weight", sample_weight, dims=OBSERVATION)
    MvNormalMixture("x", weights, means, lower, sample_weight, observed=data, dims=rows)
