"""The likelihood of rows with gaps, known labels or noise, as a PyTensor Op needs it.

Fisher's identity holds for what was observed: the gradient is the same function of the
moments as for complete rows, those being what is expected given the rows. So rows are
taken group by group, a group having the same columns observed and the same components
to come from, and the rest is as in `likelihood`.
"""

import math

import numpy as np

from bayesgmm.kernels.cholesky import (
    precision_cholesky,
    precision_cholesky_pullback,
)
from bayesgmm.kernels.elementary import serial
from bayesgmm.kernels.gaps import expect_gaps
from bayesgmm.kernels.likelihood import differentiate
from bayesgmm.kernels.rows import fused

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@serial
def log_likelihood_and_gradient(
    X, sample_weight, order, starts, limits, log_noise, shares, means, cholesky
):
    """Score rows of observations by what was observed; differentiate their sum.

    Parameters
    ----------
    X : array of shape (n, d)
        NaN where not observed.
    sample_weight : array of shape (n,) or (1,)
        Multiplies each row, or all rows alike.
    order : array of shape (n,), float64
        Positions of the rows, group by group, those without gaps first.
    starts : array of shape (n_groups + 1,), float64
        Where a group begins in `order`, and the end.
    limits : array of shape (n_groups, k) or (n_groups, k + 1)
        0 for components that the rows of a group may come from, -inf for others.
    log_noise : array of shape (1,)
        Log density of noise, if that is the last of k + 1 shares.
    shares : array of shape (k,) or (k + 1,)
        Weights of the components, and then that of noise.
    means, cholesky : arrays of shape (k, d), (k, d, d)
        Cholesky factors of the covariances.

    Returns
    -------
    rows : array of shape (n,)
    in_shares, in_means, in_cholesky : arrays like the parameters
    """
    (k, d), (n_groups, n_shares) = means.shape, limits.shape
    upper, log_roots = precision_cholesky(cholesky)
    log_shares, rows = limits + np.log(shares), np.empty(len(X))
    counts, sums = np.zeros(n_shares), np.zeros((k, d))
    outer_products = np.zeros((k, d, d))
    each_mean, each_upper = np.zeros((n_shares, d)), np.zeros((n_shares, d, d))
    for c in range(k):  # loops, which compile sooner than copies of slices
        for i in range(d):
            each_mean[c, i] = means[c, i]
            for j in range(i, d):
                each_upper[c, i, j] = upper[c, i, j]
    first = 0
    while first < n_groups:
        some, weight = _gather(X, sample_weight, order, starts, first, first + 1)
        if np.isnan(some[0].sum()):
            break
        offsets = log_shares[first].copy()
        for c in range(n_shares):
            offsets[c] += log_roots[c] - d * _HALF_LOG_2PI if c < k else log_noise[0]
        found = fused(some, weight, offsets, each_mean, each_upper)
        _scatter(found, order, int(starts[first]), rows, counts, sums, outer_products)
        first += 1
    if first < n_groups:
        some, weight = _gather(X, sample_weight, order, starts, first, n_groups)
        edges = (starts[first:] - starts[first]).astype(np.int64)
        covariances = np.empty((k, d, d))
        for c in range(k):
            _square(cholesky[c], covariances[c])
        found = expect_gaps(some, weight, edges, log_shares[first:], means, covariances)
        _scatter(found, order, int(starts[first]), rows, counts, sums, outer_products)
    in_means, in_upper = np.zeros((k, d)), np.zeros((k, d, d))
    for c in range(k):
        differentiate(upper[c], sums[c], outer_products[c], in_means[c], in_upper[c])
    in_cholesky = precision_cholesky_pullback(upper, in_upper, counts[:k])
    return rows, counts / shares, in_means, in_cholesky


@serial
def weighted_gradient(
    cotangent,
    X,
    sample_weight,
    order,
    starts,
    limits,
    log_noise,
    shares,
    means,
    cholesky,
    in_shares,
    in_means,
    in_cholesky,
):
    """Return the gradient of ``sum(cotangent * rows)``; see `likelihood`."""
    first = cotangent[0]
    if np.all(cotangent == first):
        return first * in_shares, first * in_means, first * in_cholesky
    weight = cotangent * sample_weight
    return log_likelihood_and_gradient(
        X, weight, order, starts, limits, log_noise, shares, means, cholesky
    )[1:]


@serial
def _gather(X, sample_weight, order, starts, first, last):
    """Return the rows of some groups, and their weights."""
    begin, end = int(starts[first]), int(starts[last])
    some, weight = np.empty((end - begin, X.shape[1])), np.empty(end - begin)
    for n in range(end - begin):
        place = int(order[begin + n])
        weight[n] = sample_weight[place if len(sample_weight) == len(X) else 0]
        for j in range(X.shape[1]):
            some[n, j] = X[place, j]
    return some, weight


@serial
def _scatter(found, order, begin, rows, counts, sums, outer_products):
    """Put scores at their rows, and add the moments."""
    scores, new_counts, new_sums, new_products = found
    for n in range(len(scores)):
        rows[int(order[begin + n])] = scores[n]
    k, d = sums.shape
    for c in range(len(new_counts)):
        counts[c] += new_counts[c]
    for c in range(k):
        for i in range(d):
            sums[c, i] += new_sums[c, i]
            for j in range(d):
                outer_products[c, i, j] += new_products[c, i, j]


@serial
def _square(lower, out):
    """Fill lower @ lower.T."""
    for i in range(len(lower)):
        for j in range(i + 1):
            total = 0.0
            for m in range(j + 1):
                total += lower[i, m] * lower[j, m]
            out[i, j] = out[j, i] = total
