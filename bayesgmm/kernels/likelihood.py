"""The pass as a PyTensor Op needs it: per-row values, serial, callable from Numba."""

import numpy as np
from numba import njit

from bayesgmm.kernels.rows import fused


@njit(cache=True, error_model="numpy")
def rows_and_moments(X, sample_weight, offsets, means, precisions_cholesky):
    """Return weighted log-likelihood rows and weighted moments."""
    return fused(X, sample_weight, offsets, means, precisions_cholesky)


@njit(cache=True, error_model="numpy")
def reweighted_moments(
    cotangent,
    X,
    sample_weight,
    offsets,
    means,
    precisions_cholesky,
    counts,
    sums,
    outer_products,
):
    """Return moments with row n weighted by ``cotangent[n]`` as well.

    If the cotangent is the same for every row, the ready moments are scaled instead.
    """
    first = cotangent[0]
    if np.all(cotangent == first):
        return first * counts, first * sums, first * outer_products
    weight = cotangent * sample_weight if sample_weight.size else cotangent.copy()
    _, counts, sums, outer_products = fused(
        X, weight, offsets, means, precisions_cholesky
    )
    return counts, sums, outer_products
