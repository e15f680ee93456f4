"""`build_model`: priors, covariance family and likelihood as a plain `pm.Model`."""

from itertools import combinations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.util import UNSET

from bayesgmm.dims import (
    COMPONENT,
    DIMS,
    FEATURE,
    FEATURE_BIS,
    OBSERVATION,
    PAIR,
)
from bayesgmm.marginal.distribution import MvNormalMixture
from bayesgmm.marginal.ops import covariance_cholesky
from bayesgmm.marginal.start import Start, em_start
from bayesgmm.marginal.structure import Structure, structure_of
from bayesgmm.marginal.support import with_support_point
from bayesgmm.marginal.transforms import Affine, fisher_z, log_ratio
from bayesgmm.priors import Priors
from bayesgmm.target import Target, make_target


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
    return model_of(
        make_target(
            X,
            n_components,
            covariance_type,
            priors=priors,
            init=init,
            sample_weight=sample_weight,
        )
    )


def model_of(target: Target) -> pm.Model:
    """Return `build_model` of what was checked already."""
    structure, table = structure_of(target.covariance_type), target.table
    start = None
    if target.em is not None:
        start = em_start(table.values, target.em, target.sample_weight)
    coords = _coords(table, target.n_components, structure)
    with pm.Model(coords=coords, check_bounds=False) as model:
        variables = _Variables(target.priors, structure, start, coords)
        _add_mixture(variables, table, target.sample_weight)
    # What PyMC knows nothing of: the reference for labels, and other samplers' needs.
    model.target = target
    return model


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
        concentration = self.priors.weights.concentrations(self.sizes[COMPONENT])
        weights = pm.Dirichlet.dist(concentration)
        return self._add("weights", weights, (COMPONENT,), log_ratio)

    def means(self):
        dims = (COMPONENT, FEATURE)
        means = pm.Normal.dist(
            self.priors.means.location,
            self.priors.means.scale,
            shape=self._shape(dims),
        )
        return self._add("means", means, dims)

    def standard_deviations(self):
        log_location = self.priors.covariances.sds_log_location
        if FEATURE not in self.structure.sds:
            log_location = log_location.mean(keepdims=True)
        sds = pm.LogNormal.dist(
            log_location,
            # As an array: PyTensor takes the log of a plain 0.75 in single precision.
            np.array([self.priors.covariances.sds_log_scale]),
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
            self.priors.covariances.correlations_eta + 0.5 * (n_features - 2 - level),
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
