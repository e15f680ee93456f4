"""Priors as the Gibbs kernels take them, and where their chains begin."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from bayesgmm._typing import Floats
from bayesgmm.clutter import find_clutter
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.errors import InputError
from bayesgmm.initialise import kmeans_plusplus_labels, standardise, start_from_labels
from bayesgmm.kernels.components import Components, ComponentsPrior
from bayesgmm.kernels.rows import padded_width
from bayesgmm.kernels.sampled import Sums
from bayesgmm.kernels.sizes import SizesPrior
from bayesgmm.kernels.sticks import Hyperprior, Sticks
from bayesgmm.kernels.sweeps import GibbsPrior, State
from bayesgmm.kernels.telescope import TelescopingPrior
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors import (
    Dirichlet,
    FDistribution,
    Gamma,
    HierarchicalInverseWishart,
    NormalGammaMeans,
    NormalMeans,
    Priors,
    ScaledNormalMeans,
    StickBreaking,
)
from bayesgmm.target import Target

# Standard deviations of proposals on the log scale: wide, as concentrations are vague.
_STEPS = {Gamma: 1.5, FDistribution: 2.0}
_KNOWN = Hyperprior(1.0, 0.0, 0.0, 0.0, 0.0)
# Chains begin at draws for so small a part of the rows: further apart than they end.
_DISPERSION = 0.25


def check_conjugate(target: Target, method: str) -> None:
    """Refuse what has no conjugate form, and weights that are not counts.

    Those of lazy rows are checked when they are read.
    """
    target.priors.conjugate_covariances(target.family)
    weight = None if target.sketch else target.sample_weight
    if weight is not None and (weight != np.round(weight)).any():
        row = int(np.flatnonzero(weight != np.round(weight))[0])
        raise InputError(
            "sample_weight",
            f"be whole numbers for `method={method!r}`, where each row has labels",
            f"{weight[row]:g} at row {row}",
            "Use `method='nuts'`, which takes any.",
        )


def repeats(target: Target) -> Floats:
    """Return how many observations each row stands for; nothing if one each."""
    weight = target.sample_weight
    return np.empty(0) if weight is None else weight.astype(np.float64)


def n_labels(target: Target) -> int:
    """Count the observations, repeated ones as often as they are."""
    weight = target.sample_weight
    return target.table.n_observations if weight is None else int(weight.sum())


# -- priors ------------------------------------------------------------------------


def gibbs_prior(target: Target) -> GibbsPrior:
    """Return the priors for a known number of components."""
    priors, k = target.priors, target.n_components
    parts = priors.means.is_exchangeable and priors.covariances.is_exchangeable
    parts &= target.allowed is None
    return GibbsPrior(
        _components(priors, target.family),
        _sticks(priors.weights, k),
        _hyperprior(priors.weights.concentration),
        target.is_exchangeable,
        k if parts and isinstance(priors.weights, StickBreaking) else 0,
    )


def telescoping_prior(priors: Priors, family, largest: int) -> TelescopingPrior:
    """Return the priors for up to `largest` components."""
    sizes = np.arange(1.0, largest + 1)
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(sizes))])
    assert priors.n_components is not None
    assert isinstance(priors.weights, Dirichlet)
    return TelescopingPrior(
        _components(priors, family),
        SizesPrior(
            priors.n_components.log_probabilities(largest),
            priors.weights.shared,
            _hyperprior(priors.weights.concentration),
            log_factorials,
            sizes,
            np.log(sizes),
            1.0 / sizes,
        ),
    )


def _hyperprior(concentration) -> Hyperprior:
    if isinstance(concentration, Gamma):
        shape, rate = float(concentration.shape), float(concentration.rate)
        return Hyperprior(shape, rate, 0.0, 0.0, _STEPS[Gamma])
    if isinstance(concentration, FDistribution):
        a, b = float(concentration.numerator), float(concentration.denominator)
        return Hyperprior(a / 2, 0.0, (a + b) / 2, a / b, _STEPS[FDistribution])
    return _KNOWN


def _centre(concentration) -> float:
    """Where a concentration begins; one that differs by component is in the sticks."""
    if isinstance(concentration, Gamma | FDistribution):
        return concentration.centre
    return 1.0 if np.ndim(concentration) else float(concentration)


def _sticks(weights, k) -> Sticks:
    zero, one = np.zeros(k), np.ones(k)
    if isinstance(weights, StickBreaking):
        return Sticks(one, zero, zero, one)
    if np.ndim(weights.concentration):
        own = weights.concentrations(k)
        return Sticks(own, zero, own[::-1].cumsum()[::-1] - own, zero)
    own = weights.concentrations(k, 1.0)
    return Sticks(zero, own, zero, own * np.arange(k - 1.0, -1.0, -1.0))


def _components(priors: Priors, family: CovarianceFamily) -> ComponentsPrior:
    means, covariances = priors.means, priors.conjugate_covariances(family)
    d = len(priors.feature_names)
    location = np.atleast_2d(means.location)
    precision, shrinkage, spread = np.zeros(location.shape), 0.0, (0.0, 0.0)
    if isinstance(means, ScaledNormalMeans):
        shrinkage = float(means.shrinkage)
    elif isinstance(means, NormalGammaMeans):
        precision, spread = means.ranges[None] ** -2.0, (means.shape, means.rate)
    elif isinstance(means, NormalMeans):
        precision = np.atleast_2d(means.scale) ** -2.0
    location, precision = map(
        np.ascontiguousarray, np.broadcast_arrays(location, precision)
    )
    hierarchical = isinstance(covariances, HierarchicalInverseWishart)
    inverse = np.zeros((d, d))
    if hierarchical:
        inverse = _invert_blocks(_blocks(covariances.scale_matrix, family), family)
    return ComponentsPrior(
        location,
        precision,
        shrinkage,
        float(spread[0]),
        float(spread[1]),
        float(covariances.degrees_of_freedom),
        _has_matrices(family, d),
        "V" not in family.mclust_name,
        _n_axes(family, d),
        float(covariances.scale_degrees_of_freedom) if hierarchical else 0.0,
        inverse,
    )


def _has_matrices(family, d):
    return not family.mclust_name.endswith("I") and d > 1


def _n_axes(family, d):
    return 1 if family.mclust_name.endswith("II") else d


def _blocks(matrix, family):
    """Return a matrix as the kernels read it: whole, its diagonal, or one mean."""
    d = len(matrix)
    if _has_matrices(family, d):
        return np.array(matrix)
    out, n_axes = np.zeros((d, d)), _n_axes(family, d)
    diagonal = np.diag(matrix).reshape(-1, n_axes).mean(axis=0)
    out[range(n_axes), range(n_axes)] = diagonal
    return out


def _invert_blocks(blocks, family):
    if _has_matrices(family, len(blocks)):
        return np.linalg.inv(blocks)
    diagonal = np.diag(blocks)
    return np.diag(np.where(diagonal > 0, 1 / np.where(diagonal > 0, diagonal, 1), 0))


def whole_scales(scale: Floats, family: CovarianceFamily) -> Floats:
    """Undo `_blocks` for draws of shape (..., d, d)."""
    d = scale.shape[-1]
    if _has_matrices(family, d):
        return scale
    axes = np.arange(d) % _n_axes(family, d)
    return scale[..., axes, axes][..., None] * np.eye(d)


# -- starts ------------------------------------------------------------------------


def first_parameters(target: Target, rng) -> MixtureParameters:
    """Return the EM estimate, or one from a random partition."""
    if target.em is not None:
        return target.em
    X, weight = target.table.values, target.sample_weight
    if target.has_gaps:
        X = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    if target.noise is not None:
        kept = ~find_clutter(X)
        if target.allowed is not None:
            kept |= ~target.allowed.all(axis=1)
        X, weight = X[kept], None if weight is None else weight[kept]
    Z, *_ = standardise(X, weight)
    state = np.random.RandomState(rng.integers(2**32))
    k = target.n_components
    labels = kmeans_plusplus_labels(Z, k, state, weight)
    if target.allowed is not None:
        known = target.allowed if target.noise is None else target.allowed[kept]
        labels = _agree(labels, known)
    return start_from_labels(X, labels, k, target.family, weight)


def _agree(labels, allowed):
    """Number a partition as known labels do, which it then takes over."""
    k, told = allowed.shape[1], ~allowed.all(axis=1)
    votes = np.zeros((k, k))
    np.add.at(votes, labels[told], allowed[told])
    labels = linear_sum_assignment(-votes)[1][labels]
    wrong = ~allowed[np.arange(len(labels)), labels]
    return np.where(wrong, allowed.argmax(axis=1), labels)


def first_state(target: Target, parameters: MixtureParameters, largest: int) -> State:
    """Return the state of a chain at some parameters, without labels yet."""
    priors, (k, d) = target.priors, parameters.means.shape
    means = np.tile(parameters.means.mean(axis=0), (largest, 1))
    means[:k] = parameters.means
    lower = np.tile(np.eye(d), (largest, 1, 1))
    lower[:k] = np.linalg.cholesky(parameters.covariances)
    upper = np.tile(np.eye(d), (largest, 1, 1))
    upper[:k] = parameters.precisions_cholesky
    log_weights = np.full(largest, -np.inf)
    relative = parameters.weights
    if parameters.noise is not None:
        relative = relative / relative.sum()
    log_weights[:k] = np.log(relative)
    width = padded_width(d)
    total = Sums(
        np.zeros(largest),
        np.zeros((largest, width)),
        np.zeros((largest, width, width)),
    )
    components = Components(
        means, lower, upper, np.ones(d), _first_scales(priors, target.family)
    )
    concentration = np.array([_centre(priors.weights.concentration)])
    return State(components, log_weights, concentration, total)


def _first_scales(priors, family):
    """Return known scales, or the mean of those that are not."""
    covariances = priors.conjugate_covariances(family)
    if isinstance(covariances, HierarchicalInverseWishart):
        mean = covariances.scale_degrees_of_freedom * covariances.scale_matrix
        return _blocks(mean, family)[None]
    scales = covariances.scale
    scales = scales[None] if scales.ndim == 2 else scales
    return np.stack([_blocks(scale, family) for scale in scales])


def disperse(total: Sums) -> None:
    """Make less of the first labels, so that chains begin further apart."""
    for array in total:
        array *= _DISPERSION
