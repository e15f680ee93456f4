"""Triangular factors and their gradients: serial, for stacks of small matrices."""

import math

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def correlation_cholesky(partials, n_features):
    """Build Cholesky factors of correlation matrices from partial correlations.

    Parameters
    ----------
    partials : array of shape (n, n_features (n_features - 1) / 2)
        Partial correlations of a C-vine, row by row below the diagonal.

    Returns
    -------
    array of shape (n, n_features, n_features)
        Lower triangular, rows of unit length.

    References
    ----------
    .. [1] Lewandowski, Kurowicka and Joe (2009), *Generating random correlation
       matrices based on vines and extended onion method*, J. Multivariate Anal. 100.
    """
    n = partials.shape[0]
    lower = np.zeros((n, n_features, n_features))
    for k in range(n):
        place = 0
        for i in range(n_features):
            left = 1.0  # squared length of the row that is still to be given out
            for j in range(i):
                z = partials[k, place]
                lower[k, i, j] = z * math.sqrt(left)
                left *= (1.0 - z) * (1.0 + z)
                place += 1
            lower[k, i, i] = math.sqrt(left)
    return lower


@njit(cache=True, error_model="numpy")
def correlation_cholesky_pullback(partials, lower, cotangent):
    """Return the gradient in `partials` of ``sum(cotangent * lower)``.

    Walks each row backwards; ``carried`` is the gradient in log(left), to which every
    later entry of the row is proportional by one half.
    """
    n, n_features = lower.shape[0], lower.shape[1]
    gradient = np.zeros(partials.shape)
    for k in range(n):
        for i in range(1, n_features):
            start = i * (i - 1) // 2
            carried = 0.5 * cotangent[k, i, i] * lower[k, i, i]
            left = lower[k, i, i] ** 2
            for j in range(i - 1, -1, -1):
                z = partials[k, start + j]
                gap = (1.0 - z) * (1.0 + z)
                # Before step j the square left was `left / gap`; lower = z sqrt of it.
                left = left / gap
                root = math.sqrt(left)
                gradient[k, start + j] = (
                    cotangent[k, i, j] * root - 2.0 * z * carried / gap
                )
                carried += 0.5 * cotangent[k, i, j] * z * root
    return gradient


@njit(cache=True, error_model="numpy")
def partial_correlations(lower):
    """Undo `correlation_cholesky` for factors with rows of any positive length."""
    n, n_features = lower.shape[0], lower.shape[1]
    partials = np.zeros((n, n_features * (n_features - 1) // 2))
    for k in range(n):
        place = 0
        for i in range(n_features):
            left = 0.0
            for j in range(i + 1):
                left += lower[k, i, j] ** 2
            for j in range(i):
                partials[k, place] = lower[k, i, j] / math.sqrt(left)
                left -= lower[k, i, j] ** 2
                place += 1
    return partials


@njit(cache=True, error_model="numpy")
def precision_cholesky(lower):
    """Turn Cholesky factors of covariances into those of precisions.

    Returns
    -------
    upper : array of shape (n, n_features, n_features)
        The inverse transpose, upper triangular.
    half_log_determinant : array of shape (n,)
        Of the precision: minus the sum of the logs of the diagonal of `lower`.
    """
    n, d = lower.shape[0], lower.shape[1]
    upper = np.zeros((n, d, d))
    half_log_determinant = np.zeros(n)
    for k in range(n):
        for i in range(d):
            half_log_determinant[k] -= math.log(lower[k, i, i])
            upper[k, i, i] = 1.0 / lower[k, i, i]
            for j in range(i):  # row i of the inverse of `lower`, transposed
                total = 0.0
                for m in range(j, i):
                    total += lower[k, i, m] * upper[k, j, m]
                upper[k, j, i] = -total / lower[k, i, i]
    return upper, half_log_determinant


@njit(cache=True, error_model="numpy")
def precision_cholesky_pullback(upper, upper_cotangent, log_cotangent):
    """Return the gradient in `lower`: ``-tril(P Pbar^T P)``, and the log's part."""
    n, d = upper.shape[0], upper.shape[1]
    gradient = np.zeros((n, d, d))
    product = np.zeros((d, d))
    for k in range(n):
        for i in range(d):
            for j in range(d):
                total = 0.0
                for m in range(i, d):
                    total += upper[k, i, m] * upper_cotangent[k, j, m]
                product[i, j] = total
        for i in range(d):
            for j in range(i + 1):
                total = 0.0
                for m in range(j + 1):
                    total += product[i, m] * upper[k, m, j]
                gradient[k, i, j] = -total
            gradient[k, i, i] -= log_cotangent[k] * upper[k, i, i]
    return gradient
