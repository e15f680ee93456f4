"""`build_model`: priors, covariance family and likelihood as a plain `pm.Model`."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.util import UNSET

from bayesgmm.dims import (
    AXIS,
    COMPONENT,
    DIMS,
    FEATURE,
    FEATURE_BIS,
    OBSERVATION,
    PAIR,
)
from bayesgmm.marginal.beliefs import add_means, add_shares, add_weights
from bayesgmm.marginal.distribution import MvNormalMixture
from bayesgmm.marginal.inverse_wishart import add_inverse_wishart
from bayesgmm.marginal.lazy import LazyLogLikelihood
from bayesgmm.marginal.observed import PartlyObserved
from bayesgmm.marginal.spread import add_factors, pairs
from bayesgmm.marginal.start import Start, em_start
from bayesgmm.marginal.structure import (
    Structure,
    structure_as_matrices,
    structure_of,
)
from bayesgmm.marginal.support import with_support_point
from bayesgmm.marginal.transforms import Affine
from bayesgmm.priors import (
    HierarchicalInverseWishart,
    InverseWishart,
    LogNormalLKJ,
    Priors,
)
from bayesgmm.target import Target, make_target


def build_model(
    X,
    n_components: int,
    covariance_type: str = "full",
    *,
    priors: Priors | None = None,
    init=None,
    sample_weight=None,
    weight_kind: str = "frequency",
    labels=None,
    missing: str = "error",
    noise=None,
) -> pm.Model:
    """Build a Gaussian mixture with priors as a plain PyMC model.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
        Column names become the coordinate ``feature``.
    n_components : int
    covariance_type : str
        As in `GaussianMixture`: a name of scikit-learn's, or three letters.
    priors : Priors, optional
        `default_priors` of the data if not given.
    init : GaussianMixture or MixtureParameters, optional
        A fitted EM estimate. Every chain then starts near it, and one unit of every
        free variable is one standard error, so that jitter and warm-up are short. The
        posterior does not depend on it.
    sample_weight : array-like of shape (n_observations,), optional
        Multiplies each row's log-likelihood.
    weight_kind, labels, missing, noise
        As in `GaussianMixture` and its `fit`: what weights mean, the components of rows
        where they are known, whether rows may have missing values (summed out), and a
        component of uniform density, by default that of `init`.

    Returns
    -------
    pymc.Model
        Free variables ``weights``, ``means`` and what the ``covariances`` of the family
        are made of. "full", "tied", "diag", "spherical", "EEI" and "EII" have
        ``standard_deviations`` and, the first two, ``partial_correlations``. The
        others have ``volumes``, the roots of degree n_features of determinants, and

        - "VEI", "EVI" : ``shapes``, relative variances of product one;
        - "EVE", "VVE", "EEV", "VEV" : ``shapes`` along axes, and ``orientations``, the
          axes in columns of a rotation;
        - "VEE", "EVV" : ``relative_standard_deviations`` of product one, and
          ``partial_correlations``.

        The observed variable is ``x``, its data ``X``. Labels are summed out.

        With noise there are ``noise_weight``, a priori Beta(1, n_components), and
        ``relative_weights``, to which the prior on weights applies; ``weights`` sum to
        one minus that of noise.

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
            weight_kind=weight_kind,
            labels=labels,
            missing=missing,
            noise=noise,
        )
    )


def model_of(target: Target) -> pm.Model:
    """Return `build_model` of what was checked already."""
    table = target.table
    form, look_up = _FORMS[type(target.priors.covariances)]
    structure = look_up(target.covariance_type, table.n_features)
    start = None
    if target.em is not None:
        start = em_start(target, structure)
    coords = _coords(target, structure)
    with pm.Model(coords=coords, check_bounds=False) as model:
        variables = _Variables(structure, start, coords)
        mixture = _add_parameters(variables, target, form)
        _add_observations(mixture, target)
    # What PyMC knows nothing of: the reference for labels, and other samplers' needs.
    model.target = target
    return model


def _coords(target: Target, structure: Structure):
    names = list(target.table.feature_names)
    coords: dict[str, Any] = {
        COMPONENT: np.arange(target.n_components),
        FEATURE: names,
        FEATURE_BIS: names,
    }
    if target.sketch is None:
        coords[OBSERVATION] = target.table.obs_ids
    if structure.has(PAIR):
        coords[PAIR] = [f"{b}, {a}" for a, b in pairs(names)]
    if structure.has(AXIS):
        coords[AXIS] = np.arange(len(names))
    return coords


class _Variables:
    """Free variables of the model, each declared with its start if there is one."""

    def __init__(self, structure: Structure, start: Start | None, coords):
        self.structure, self.start = structure, start
        # Fixed lengths; those of dims are symbolic, for a graph twice the size.
        self.sizes = {dim: len(labels) for dim, labels in coords.items()}

    @property
    def base(self):
        """Orientations of EM, from which turns are counted."""
        return self.start.values.get("orientations") if self.start else None

    def add(self, name, variable, dims, unconstrain=UNSET):
        """Register a random variable, at its start if there is one."""
        transform = UNSET
        if self.start is not None and name in self.start.values:
            variable = with_support_point(variable, self.start.values[name])
            transform = Affine(self.start.locations[name], self.start.scales[name])
        return pm.modelcontext(None).register_rv(
            variable,
            name,
            dims=dims,
            default_transform=unconstrain,
            transform=transform,
        )


# Of each prior on covariances: its variables, and what of a family these are.
_FORMS = {
    LogNormalLKJ: (add_factors, structure_of),
    InverseWishart: (add_inverse_wishart, structure_as_matrices),
    HierarchicalInverseWishart: (add_inverse_wishart, structure_as_matrices),
}


def _add_parameters(variables: _Variables, target: Target, form):
    """Declare weights, means and covariances; return these with lower factors."""
    priors, add, sizes = target.priors, variables.add, variables.sizes
    if target.noise is None:
        weights = add_weights(priors.weights, add, sizes)
    else:
        concentration = target.noise_concentration
        weights = add_shares(priors.weights, concentration, add, sizes)
    lower = form(
        variables.structure,
        priors.covariances,
        add,
        sizes,
        variables.base,
    )
    means = add_means(priors.means, add, sizes, lower)
    if "covariances" not in variables.structure.dims:
        covariances = pt.matmul(lower, lower.mT)
        pm.Deterministic("covariances", covariances, dims=DIMS["covariances"])
    return weights, means, lower


def _add_observations(mixture, target: Target):
    if target.sketch is not None:
        likelihood = LazyLogLikelihood(target.sketch.chunks)
        pm.Potential("x", likelihood(*mixture)[0])
        return
    rows = (OBSERVATION, FEATURE)
    data = _add_rows(target.table.values, rows)
    weight = target.sample_weight
    if weight is not None:
        weight = pm.Data("sample_weight", weight, dims=OBSERVATION)
    for name, (dims, values) in target.kept.items():
        pm.Data(name, values, dims=dims)
    if target.is_plain:
        MvNormalMixture("x", *mixture, weight, observed=data, dims=rows)
        return
    PartlyObserved("x", *mixture, target, weight, observed=data, dims=rows)


def _add_rows(X, dims):
    """Declare the rows; `pm.Data` itself refuses missing values."""
    if not np.isnan(X.min()):
        return pm.Data("X", X, dims=dims)
    data: Any = pm.Data("X", np.zeros_like(X), dims=dims)
    data.set_value(X)
    return data
