"""Free variables of a mixture in NumPy: out of an estimate, unconstrained, and back."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from bayesgmm._typing import Floats
from bayesgmm.charts import contrasts, roots_of
from bayesgmm.dims import COMPONENT
from bayesgmm.kernels import cholesky
from bayesgmm.kernels.orientations import cayley
from bayesgmm.kernels.simplex import shapes_from_contrasts, weights_from_log_ratios
from bayesgmm.marginal.structure import Structure
from bayesgmm.parameters import MixtureParameters

SMALLEST_WEIGHT, SMALLEST_NOISE = 1e-8, 1e-4
LARGEST_CORRELATION = 1 - 1e-8


class Part(NamedTuple):
    """One free variable.

    Attributes
    ----------
    read : function
        Its value in an estimate, of every component.
    free : function
        The value as numbers without constraint.
    back : function
        ``back(numbers, value)`` undoes it; `value` is the one at the estimate.
    """

    read: Callable[[MixtureParameters], Floats]
    free: Callable[[Floats], Floats]
    back: Callable[[Floats, Floats], Floats]


def parts_of(mixture: MixtureParameters, structure: Structure) -> dict[str, Floats]:
    """Return the value of every free variable of the covariances of an estimate."""
    dims = structure.dims
    return {name: _only(PARTS[name].read(mixture), dims[name]) for name in dims}


def _only(array, dims):
    """Drop the axes over which a family does not vary."""
    array = array if COMPONENT in dims else array[0]
    n_left = array.ndim - len(dims)
    return array[(..., *[0] * n_left)]


def _weights(mixture):
    weights = np.maximum(mixture.weights, SMALLEST_WEIGHT)
    return weights / weights.sum()


def _noise_weight(mixture):
    return np.clip(mixture.noise.weight, SMALLEST_NOISE, 1 - SMALLEST_NOISE)


def _sds(mixture):
    return np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))


def _partials(mixture):
    lower = np.linalg.cholesky(mixture.covariances)
    return _clip(cholesky.partial_correlations(lower))


def _clip(partials):
    return np.clip(partials, -LARGEST_CORRELATION, LARGEST_CORRELATION)


def _volumes(mixture):
    lower = np.linalg.cholesky(mixture.covariances)
    return _geometric_mean(np.diagonal(lower, axis1=1, axis2=2)) ** 2


def _relative_sds(mixture):
    sds = _sds(mixture)
    return sds / _geometric_mean(sds)[:, None]


def _shapes(mixture):
    sizes = np.linalg.norm(roots_of(mixture), axis=1)
    return (sizes / _geometric_mean(sizes)[:, None]) ** 2


def _orientations(mixture):
    """Return axes in columns, as rotations: the sign of an axis says nothing."""
    roots = roots_of(mixture)
    axes = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]
    return axes


def _geometric_mean(values):
    return np.exp(np.log(values).mean(axis=-1))


def _free_weights(weights):
    return np.log(weights[:-1]) - np.log(weights[-1])


def _free_shapes(shapes):
    return np.log(shapes) @ contrasts(shapes.shape[-1]).T


def _shapes_back(numbers, value):
    rows = numbers.reshape(-1, numbers.shape[-1])
    return shapes_from_contrasts(rows).reshape(value.shape)


def _free_orientations(orientations):
    """Return zeros: numbers are turns from the orientation of the estimate."""
    d = orientations.shape[-1]
    return np.zeros((*orientations.shape[:-2], d * (d - 1) // 2))


def _orientations_back(numbers, value):
    rows = numbers.reshape(-1, numbers.shape[-1])
    bases = value.reshape(-1, *value.shape[-2:])
    return cayley(rows, bases)[0].reshape(value.shape)


def _free_matrices(matrices):
    """Return logs of standard deviations, then Fisher's z of partial correlations."""
    lower = np.linalg.cholesky(matrices.reshape(-1, *matrices.shape[-2:]))
    log_sds = np.log(np.linalg.norm(lower, axis=2))
    partials = _clip(cholesky.partial_correlations(lower))
    joined = np.concatenate([log_sds, np.arctanh(partials)], axis=1)
    return joined.reshape(*matrices.shape[:-2], -1)


def _matrices_back(numbers, value):
    rows, d = numbers.reshape(-1, numbers.shape[-1]), value.shape[-1]
    lower = cholesky.covariance_cholesky(np.exp(rows[:, :d]), np.tanh(rows[:, d:]))
    return (lower @ np.swapaxes(lower, 1, 2)).reshape(value.shape)


def _exp(numbers, value):  # noqa: ARG001
    return np.exp(numbers)


_WEIGHTS = Part(
    _weights, _free_weights, lambda numbers, _: weights_from_log_ratios(numbers)
)
_MATRICES = Part(lambda m: m.covariances, _free_matrices, _matrices_back)

PARTS = {
    "covariances": _MATRICES,
    "common_covariance": _MATRICES,
    "weights": _WEIGHTS,
    "relative_weights": _WEIGHTS,
    "noise_weight": Part(_noise_weight, logit, lambda numbers, _: expit(numbers)),
    "means": Part(lambda m: m.means, np.array, lambda numbers, _: numbers),
    "standard_deviations": Part(_sds, np.log, _exp),
    "partial_correlations": Part(
        _partials, np.arctanh, lambda numbers, _: np.tanh(numbers)
    ),
    "volumes": Part(_volumes, np.log, _exp),
    "shapes": Part(_shapes, _free_shapes, _shapes_back),
    "relative_standard_deviations": Part(_relative_sds, _free_shapes, _shapes_back),
    "orientations": Part(_orientations, _free_orientations, _orientations_back),
}
