"""The pass in which every row draws its component: labels, one at random, not shares.

The uniform number of a row is a hash of the sweep's key and the row's place, so that
neither chunks nor threads change a bit of what is drawn.
"""

from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels.elementary import BLOCK, exact, inner, log
from bayesgmm.kernels.rows import (
    Mixture,
    Workspace,
    exponentiate_block,
    joint_block,
    load,
    mirror,
    prepare,
    statistics_block,
)

B = BLOCK

# Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _12 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(12)
_32 = np.uint64(32)
_ONE = np.uint64(1)
# 52 bits behind this are a number in [1, 2). With less than 53, a sum times the largest
# uniform number stays below the sum, whatever is rounded.
_EXPONENT = np.uint64(0x3FF0000000000000)


class Sums(NamedTuple):
    """Statistics of the drawn labels, features padded as in `Mixture`."""

    counts: Floats
    sums: Floats
    outer_products: Floats


@exact
def uniform(key, place):
    """Return a number in [0, 1), the same for the same key and place."""
    bits = key + (np.uint64(place) + _ONE) * _GOLDEN
    bits = (bits ^ (bits >> _30)) * _FIRST
    bits = (bits ^ (bits >> _27)) * _SECOND
    bits = bits ^ (bits >> _31)
    return np.uint64((bits >> _12) | _EXPONENT).view(np.float64) - 1.0


@exact
def draw_key(rng):
    """Draw the key of a sweep."""
    high = np.uint64(rng.random() * 4294967296.0)
    return (high << _32) | np.uint64(rng.random() * 4294967296.0)


@inner
def make_sums(n_components, width):
    """Return memory for the statistics."""
    return Sums(
        np.zeros(n_components),
        np.zeros((n_components, width)),
        np.zeros((n_components, width, width)),
    )


@exact
def sampled_pass(X, repeats, first, offsets, means, upper, key):
    """Draw the component of every row of a chunk, and sum the moments.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
    repeats : array of shape (n_rows,) or (0,), float64
        How many observations each row stands for, each with a label of its own: whole
        numbers. An array of length zero is one each.
    first : int
        How many observations come before this chunk.
    offsets, means, upper : arrays
        The fields of `Quadratics`.
    key : uint64
        Of the sweep.

    Returns
    -------
    log_likelihood : float
        Of the chunk, summed over all labels that it might have had.
    counts, sums, outer_products : arrays
        Of the labels drawn, centred on `means`.
    """
    n_components, n_features = means.shape
    mixture, space = prepare(offsets, means, upper)
    total = make_sums(n_components, mixture.means.shape[1])
    score = pass_into(X, repeats, first, mixture, space, key, total)
    return (
        score,
        total.counts,
        total.sums[:, :n_features].copy(),
        total.outer_products[:, :n_features, :n_features].copy(),
    )


@inner
def pass_into(X, repeats, first, mixture, space, key, total):
    """Overwrite the statistics of a chunk; return its log-likelihood."""
    counts, sums, outer_products = total
    counts[:] = 0.0
    sums[:] = 0.0
    outer_products[:] = 0.0
    score, place = 0.0, first
    for start in range(0, len(X), B):
        size = min(B, len(X) - start)
        load(X, start, size, space.x)
        joint_block(mixture, space)
        exponentiate_block(space)
        if len(repeats):
            score += _draw_each(space, repeats, start, size, key, place)
            for n in range(size):
                place += int(repeats[start + n])
        else:
            score += _draw_one(space, size, key, place)
            place += size
        statistics_block(mixture, space, counts, sums, outer_products)
    mirror(outer_products)
    return score


@inner
def _draw_one(space, size, key, place):
    """Turn exp(joint - top) into indicators of one label a row; return the score."""
    joint, aim, below = space.joint, space.rows, space.inverse
    _total(joint, below)
    score = 0.0
    for n in range(size):
        score += _log_sum(space.top[n], below[n])
    for n in range(B):
        aim[n] = uniform(key, place + n) * below[n]
        below[n] = 0.0
    for k in range(len(joint) // B):
        _hit(joint[k * B : (k + 1) * B], aim, below)
    for n in range(B):
        below[n] = 1.0 if n < size else 0.0
    return score


@inner
def _total(joint, total):
    """Sum over components, in the order of `_hit`, so that no row is missed."""
    total[:] = 0.0
    for k in range(len(joint) // B):
        e = joint[k * B : (k + 1) * B]
        for n in range(B):
            total[n] += e[n]


@inner
def _log_sum(top, total):
    """Return the score of a row: -inf if no component can explain it."""
    return top + log(total) if total > 0.0 else -np.inf


@inner
def _hit(joint, aim, below):
    """Mark the rows whose aim is in this component's stretch."""
    for n in range(B):
        above = below[n] + joint[n]
        joint[n] = 1.0 if (below[n] <= aim[n]) & (aim[n] < above) else 0.0
        below[n] = above


@inner
def _draw_each(space, repeats, start, size, key, place):
    """Turn exp(joint - top) into how many of a row's repeats have each label."""
    joint, total = space.joint, space.inverse
    n_components = len(joint) // B
    drawn = np.zeros(n_components)
    _total(joint, total)
    score = 0.0
    for n in range(size):
        drawn[:] = 0.0
        n_repeats = int(repeats[start + n])
        if n_repeats > 0:  # a row of weight zero is absent, even if its score is -inf
            score += n_repeats * _log_sum(space.top[n], total[n])
        for _ in range(n_repeats):
            aim, above = uniform(key, place) * total[n], 0.0
            place += 1
            for k in range(n_components):
                above += joint[k * B + n]
                if aim < above:
                    drawn[k] += 1.0
                    break
        for k in range(n_components):
            joint[k * B + n] = drawn[k]
    for n in range(B):
        total[n] = 1.0 if n < size else 0.0
    return score


@inner
def reserve(largest, n_features):
    """Return memory for mixtures of up to `largest` components, and their sums."""
    mixture, space = prepare(
        np.zeros(largest),
        np.zeros((largest, n_features)),
        np.zeros((largest, n_features, n_features)),
    )
    return mixture, space, make_sums(largest, mixture.means.shape[1])


@inner
def first_of(mixture, space, total, n_components):
    """Return the parts of the memory that `n_components` need."""
    n = n_components
    some = Workspace(
        space.x,
        space.d,
        space.w,
        space.z,
        space.joint[: n * B],
        space.top,
        space.inverse,
        space.rows,
    )
    small = Mixture(
        mixture.offsets[:n], mixture.means[:n], mixture.precisions_cholesky[:n]
    )
    sums = Sums(total.counts[:n], total.sums[:n], total.outer_products[:n])
    return small, some, sums
