"""The pass as a PyTensor Op needs it: serial, in weights, means and Cholesky factors.

Fisher's identity: the gradient of the log-likelihood is the responsibility-weighted
moments, so the pass that gives the value has already summed the gradient. With respect
to the offsets it is ``counts``, to the means ``P P^T sums``, and to the factors of the
precisions ``-outer_products P``.
"""

import math

import numpy as np

from bayesgmm.kernels.cholesky import (
    precision_cholesky,
    precision_cholesky_pullback,
)
from bayesgmm.kernels.elementary import serial
from bayesgmm.kernels.rows import fused

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@serial
def log_likelihood_and_gradient(X, sample_weight, weights, means, cholesky):
    """Score rows of observations; differentiate their sum.

    Parameters
    ----------
    X : array of shape (n, d)
    sample_weight : array of shape (n,) or (1,)
        Multiplies each row, or all rows alike. (An empty array would be the simpler
        sign for "none", but Numba misreads empty constants of a graph.)
    weights, means, cholesky : arrays of shape (k,), (k, d), (k, d, d)
        Lower Cholesky factors of the covariances.

    Returns
    -------
    rows : array of shape (n,)
    in_weights, in_means, in_cholesky : arrays like the parameters
    """
    k, d = means.shape
    upper, offsets = precision_cholesky(cholesky)
    for c in range(k):
        offsets[c] += math.log(weights[c]) - d * _HALF_LOG_2PI
    weight = _row_weight(sample_weight, len(X))
    rows, counts, sums, outer_products = fused(X, weight, offsets, means, upper)
    in_means = np.zeros((k, d))
    in_upper = np.zeros((k, d, d))
    for c in range(k):
        differentiate(upper[c], sums[c], outer_products[c], in_means[c], in_upper[c])
    in_cholesky = precision_cholesky_pullback(upper, in_upper, counts)
    return rows, counts / weights, in_means, in_cholesky


@serial
def differentiate(upper, sums, outer_products, in_means, in_upper):
    """Fill the gradient of one component in its mean and precision factor."""
    d = len(sums)
    for j in range(d):
        whitened = 0.0
        for i in range(j + 1):
            whitened += upper[i, j] * sums[i]
        for i in range(j + 1):
            in_means[i] += upper[i, j] * whitened
        for i in range(j + 1):
            for m in range(j + 1):
                in_upper[i, j] -= outer_products[i, m] * upper[m, j]


@serial
def weighted_gradient(
    cotangent,
    X,
    sample_weight,
    weights,
    means,
    cholesky,
    in_weights,
    in_means,
    in_cholesky,
):
    """Return the gradient of ``sum(cotangent * rows)``.

    If the cotangent is the same for every row, the ready gradient is only scaled.
    """
    first = cotangent[0]
    if np.all(cotangent == first):
        return first * in_weights, first * in_means, first * in_cholesky
    row_weight = cotangent * sample_weight
    return log_likelihood_and_gradient(X, row_weight, weights, means, cholesky)[1:]


@serial
def _row_weight(sample_weight, n):
    """One weight a row, or an empty array if all are 1."""
    if len(sample_weight) == n:
        return sample_weight.copy()
    if sample_weight[0] == 1.0:
        return np.empty(0)
    return np.full(n, sample_weight[0])
