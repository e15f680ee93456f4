"""From weights, means and covariances to the quadratic forms of the kernels."""

import math

import numpy as np

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.kernels.cholesky import precision_cholesky

LOG_2PI = float(np.log(2.0 * np.pi))


def build_quadratics(weights, means, precisions_cholesky) -> Quadratics:
    """Return the quadratic forms of a mixture, or of a stack of mixtures.

    Parameters
    ----------
    weights : array of shape (..., n_components)
    means : array of shape (..., n_components, n_features)
    precisions_cholesky : array of shape (..., n_components, n_features, n_features)
        Upper triangular, precision = P P^T.
    """
    diagonals = np.diagonal(precisions_cholesky, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore"):  # an empty component has offset -inf
        offsets = np.log(weights)
    offsets = offsets + np.log(diagonals).sum(-1) - 0.5 * means.shape[-1] * LOG_2PI
    return Quadratics(
        np.ascontiguousarray(offsets),
        np.ascontiguousarray(means, dtype=np.float64),
        np.ascontiguousarray(precisions_cholesky, dtype=np.float64),
    )


def invert_cholesky(covariances) -> Floats:
    """Return upper triangular P, with covariance^-1 = P P^T, over leading axes.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance is not positive definite.
    """
    return invert_lower(np.linalg.cholesky(covariances))


def invert_lower(lower) -> Floats:
    """Return the transposed inverse of lower triangular matrices: upper triangular."""
    shape = lower.shape
    stack = np.ascontiguousarray(lower).reshape((math.prod(shape[:-2]), *shape[-2:]))
    return precision_cholesky(stack)[0].reshape(shape)
