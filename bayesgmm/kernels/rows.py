"""The formula, on blocks of rows held feature-major in cache. Serial Numba."""

import math

import numpy as np
from numba import njit

BLOCK = 256
# No nnan and no ninf: an offset of -inf (an empty component) must stay what it is.
FAST = {"contract", "reassoc", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def joint_block(X, start, size, offsets, means, precisions_cholesky, block, z, joint):
    """Fill joint (n_components, size) and block (n_features, size)."""
    n_components, n_features = means.shape
    for i in range(n_features):
        for n in range(size):
            block[i, n] = X[start + n, i]
    for k in range(n_components):
        for n in range(size):
            joint[k, n] = 0.0
        for j in range(n_features):
            for n in range(size):
                z[n] = 0.0
            for i in range(j + 1):
                p, mean = precisions_cholesky[k, i, j], means[k, i]
                for n in range(size):
                    z[n] += (block[i, n] - mean) * p
            for n in range(size):
                joint[k, n] += z[n] * z[n]
        for n in range(size):
            joint[k, n] = offsets[k] - 0.5 * joint[k, n]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def normalise_block(joint, size, rows):
    """Turn log-joints into responsibilities and row log-likelihoods."""
    n_components = joint.shape[0]
    for n in range(size):
        top = -np.inf
        for k in range(n_components):
            top = max(top, joint[k, n])
        if top == -np.inf:
            joint[:, n] = 0.0
            rows[n] = -np.inf
            continue
        total = 0.0
        for k in range(n_components):
            joint[k, n] = math.exp(joint[k, n] - top)
            total += joint[k, n]
        rows[n] = top + math.log(total)
        for k in range(n_components):
            joint[k, n] /= total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def statistics_block(block, size, means, share, counts, sums, outer_products):
    """Add the weighted moments of a block; share is (n_components, size)."""
    n_components, n_features = means.shape
    for k in range(n_components):
        for n in range(size):
            counts[k] += share[k, n]
        for i in range(n_features):
            total = 0.0
            for n in range(size):
                total += share[k, n] * (block[i, n] - means[k, i])
            sums[k, i] += total
            for j in range(i + 1):
                total = 0.0
                for n in range(size):
                    total += (
                        share[k, n]
                        * (block[i, n] - means[k, i])
                        * (block[j, n] - means[k, j])
                    )
                outer_products[k, i, j] += total
                if i != j:
                    outer_products[k, j, i] += total


@njit(cache=True, nogil=True, error_model="numpy")
def fused(X, sample_weight, offsets, means, precisions_cholesky):
    """Return (rows, counts, sums, outer_products): one serial pass over `X`."""
    n_observations = X.shape[0]
    n_components, n_features = means.shape
    rows = np.empty(n_observations)
    counts = np.zeros(n_components)
    sums = np.zeros((n_components, n_features))
    outer_products = np.zeros((n_components, n_features, n_features))
    block, z = np.empty((n_features, BLOCK)), np.empty(BLOCK)
    joint = np.empty((n_components, BLOCK))
    for start in range(0, n_observations, BLOCK):
        size = min(BLOCK, n_observations - start)
        joint_block(
            X, start, size, offsets, means, precisions_cholesky, block, z, joint
        )
        own = rows[start : start + size]
        normalise_block(joint, size, own)
        if len(sample_weight):
            for n in range(size):
                weight = sample_weight[start + n]
                own[n] = own[n] * weight if weight != 0.0 else 0.0
                for k in range(n_components):
                    joint[k, n] *= weight
        statistics_block(block, size, means, joint, counts, sums, outer_products)
    return rows, counts, sums, outer_products


@njit(cache=True, nogil=True, error_model="numpy")
def pointwise(X, offsets, means, precisions_cholesky, normalise, rows, out):
    """Fill rows (n,) and out (n, n_components): log-joints or responsibilities.

    An `out` of no rows is not filled.
    """
    n_components, n_features = means.shape
    block, z = np.empty((n_features, BLOCK)), np.empty(BLOCK)
    joint = np.empty((n_components, BLOCK))
    for start in range(0, X.shape[0], BLOCK):
        size = min(BLOCK, X.shape[0] - start)
        joint_block(
            X, start, size, offsets, means, precisions_cholesky, block, z, joint
        )
        if normalise:
            normalise_block(joint, size, rows[start : start + size])
        if len(out):
            for n in range(size):
                for k in range(n_components):
                    out[start + n, k] = joint[k, n]


@njit(cache=True, nogil=True, error_model="numpy")
def hard(X, offsets, means, precisions_cholesky, labels):
    """Fill labels (n,): the first component of the highest log-joint."""
    n_components, n_features = means.shape
    block, z = np.empty((n_features, BLOCK)), np.empty(BLOCK)
    joint = np.empty((n_components, BLOCK))
    for start in range(0, X.shape[0], BLOCK):
        size = min(BLOCK, X.shape[0] - start)
        joint_block(
            X, start, size, offsets, means, precisions_cholesky, block, z, joint
        )
        for n in range(size):
            best = 0
            for k in range(1, n_components):
                if joint[k, n] > joint[best, n]:
                    best = k
            labels[start + n] = best
