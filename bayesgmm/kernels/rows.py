"""The formula, on blocks of rows in cache. Serial Numba, float64 throughout.

Every pass is a loop over blocks of `BLOCK` rows:

    load -> joint_block -> normalise_block -> statistics_block

A last, shorter block is filled up with copies of its last row that count nothing.
"""

from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels import tiles
from bayesgmm.kernels.elementary import BLOCK, exact, exp, inner, log, loop

B = BLOCK

# What a row must have of its likeliest component to count in another one's moments:
# less is lost in the rounding of any component that has a weight above 1e-16.
_NEGLIGIBLE = 1e-32
_FEW = B // 5  # rows of a block are added faster one by one than by tiles


class Mixture(NamedTuple):
    """Quadratics with their features padded for the tiles."""

    offsets: Floats
    means: Floats
    precisions_cholesky: Floats


class Workspace(NamedTuple):
    """Memory for one block: flat, one stretch of `BLOCK` numbers after another."""

    x: Floats  # observations, feature-major
    d: Floats  # centred observations
    w: Floats  # the same, weighted
    z: Floats  # projections of one tile
    joint: Floats  # log-joints, then responsibilities; component-major
    top: Floats  # highest log-joint of a row
    inverse: Floats  # one over the sum of exp(joint - top)
    rows: Floats  # log-likelihoods of the rows


@exact
def padded_width(n_features):
    """Return how many features the tiles take these for."""
    return 4 if n_features == 3 else (n_features + 1) // 2 * 2


@inner
def prepare(offsets, means, precisions_cholesky):
    """Return the padded mixture and the memory for one block."""
    n_components, n_features = means.shape
    width = padded_width(n_features)
    m = np.zeros((n_components, width))
    p = np.zeros((n_components, width, width))
    for k in range(n_components):
        for i in range(n_features):
            m[k, i] = means[k, i]
            for j in range(i, n_features):
                p[k, i, j] = precisions_cholesky[k, i, j]
    space = Workspace(
        np.zeros(width * B),
        np.empty(width * B),
        np.empty(width * B),
        np.empty(4 * B),
        np.empty(n_components * B),
        np.empty(B),
        np.empty(B),
        np.empty(B),
    )
    return Mixture(offsets, m, p), space


@inner
def load(X, start, size, x):
    """Transpose rows of `X` into x."""
    n_features = X.shape[1]
    part = X[start : start + size]
    if size < B:
        for i in range(n_features):
            for n in range(B):
                x[i * B + n] = part[min(n, size - 1), i]
    elif n_features == 2:  # a known stride is read with shuffles
        for n in range(B):
            x[n] = part[n, 0]
            x[n + B] = part[n, 1]
    else:
        for i in range(n_features):
            xi = x[i * B : (i + 1) * B]
            for n in range(B):
                xi[n] = part[n, i]


@loop
def joint_block(mixture, space):
    """Fill the log-joints of a block and the highest of each row."""
    offsets, means, precisions_cholesky = mixture
    x, d, z, joint = space.x, space.d, space.z, space.joint
    width = means.shape[1]
    space.top[:] = -np.inf
    for k in range(len(offsets)):
        q, mean, p = joint[k * B : (k + 1) * B], means[k], precisions_cholesky[k]
        if width == 2:
            tiles.square_two(x, mean, p, q)
        else:
            tiles.square_four(x, mean, p, q)
        if width > 4:
            tiles.centre(x, mean, d)
            _square_others(d, p, z, q)
        _finish_joint(q, offsets[k], space.top)


@loop
def _square_others(d, p, z, q):
    """Add the squares of the projections of columns 4 and up, the last two if odd."""
    width = len(p)
    for j in range(4, width - 3, 4):
        tiles.project_first(d, p, j, z)
        for i in range(4, j, 4):
            tiles.project_tile(d, p, i, j, z)
        tiles.square_tile(d, p, j, z, q)
    if width % 4:
        z[: 2 * B] = 0.0
        for i in range(0, width - 2, 4):
            tiles.project_pair(d, p, i, width - 2, z)
        tiles.square_pair(d, p, width - 2, z, q)


@loop
def _finish_joint(q, offset, top):
    """Turn squared distances into log-joints and keep the highest."""
    for n in range(B):
        joint = offset - 0.5 * q[n]
        q[n] = joint
        top[n] = joint if joint > top[n] else top[n]


@loop
def normalise_block(space):
    """Turn log-joints into exp(joint - top), fill inverse sums and row scores."""
    exponentiate_block(space)
    _finish_rows(space.top, space.inverse, space.rows)


@loop
def exponentiate_block(space):
    """Turn log-joints into exp(joint - top), and sum them where inverses will be."""
    joint, top, total = space.joint, space.top, space.inverse
    total[:] = 0.0
    for k in range(len(joint) // B):
        _exponentiate(joint[k * B : (k + 1) * B], top, total)


@loop
def _exponentiate(joint, top, total):
    """Fill exp(joint - top); -inf minus -inf, in an impossible row, gives zero."""
    for n in range(B):
        e = exp(joint[n] - top[n])
        joint[n] = e
        total[n] += e


@loop
def _finish_rows(top, total, rows):
    """Fill row scores; replace totals by their inverses, zero for impossible rows."""
    for n in range(B):
        possible = total[n] > 0.0
        safe = total[n] if possible else 1.0
        rows[n] = top[n] + log(safe) if possible else -np.inf
        total[n] = 1.0 / safe if possible else 0.0


@loop
def share_block(joint, inverse):
    """Finish the responsibilities of a component; return their sum and how many count.

    Negligible ones are left out of the moments, and so set to zero, but not of the sum.
    """
    count = n_active = 0.0
    for n in range(B):
        active = joint[n] > _NEGLIGIBLE
        r = joint[n] * inverse[n]
        count += r
        joint[n] = r if active else 0.0
        n_active += 1.0 if active else 0.0
    return count, n_active


@loop
def _add_rows(x, mean, r, d, sums, outer):
    for n in range(B):
        if r[n] != 0.0:
            tiles.moments_of_row(x[n:], mean, r[n], d, sums, outer)


@loop
def statistics_block(mixture, space, counts, sums, outer_products):
    """Add the weighted moments of a block; lower triangles are not to be read."""
    x, d, w = space.x, space.d, space.w
    width = mixture.means.shape[1]
    for k in range(len(counts)):
        r, mean = space.joint[k * B : (k + 1) * B], mixture.means[k]
        if width == 2:
            counts[k] += tiles.moments_two(
                x, mean, r, space.inverse, sums[k], outer_products[k]
            )
            continue
        count, n_active = share_block(r, space.inverse)
        counts[k] += count
        if n_active == 0.0:
            continue
        if n_active <= _FEW:
            _add_rows(x, mean, r, d, sums[k], outer_products[k])
            continue
        tiles.weigh(x, mean, r, d, w, sums[k])
        _outer_tiles(d, w, outer_products[k])


@loop
def _outer_tiles(d, w, outer):
    """Add products of every feature with the weighted ones, tile by tile."""
    width = len(outer)
    for j in range(0, width - 3, 4):
        for i in range(0, j, 4):
            tiles.outer_tile(d, w, i, j, outer)
        tiles.outer_triangle(d, w, j, outer)
    if width % 4:
        for i in range(0, width - 2, 4):
            tiles.outer_pair(d, w, i, width - 2, outer)
        tiles.outer_pair_triangle(d, w, width - 2, outer)


@exact
def fused(X, sample_weight, offsets, means, precisions_cholesky):
    """Score every row and sum its weighted moments, in one serial pass.

    Parameters
    ----------
    X : array of shape (n_observations, n_features), float64 or float32
        Any memory layout. Not changed.
    sample_weight : array of shape (n_observations,) or (0,), float64
        None is an array of length zero.
    offsets, means, precisions_cholesky : arrays
        The fields of `Quadratics`.

    Returns
    -------
    rows : array of shape (n_observations,)
        Log-likelihood of each row, times its weight.
    counts, sums, outer_products : arrays
        The fields of `SufficientStatistics`. A row that no component can explain
        (every log-joint is -inf) scores -inf and adds nothing.
    """
    n_observations, n_features = X.shape
    mixture, space = prepare(offsets, means, precisions_cholesky)
    n_components, width = mixture.means.shape
    rows = np.empty(n_observations)
    counts = np.zeros(n_components)
    sums = np.zeros((n_components, width))
    outer_products = np.zeros((n_components, width, width))
    for start in range(0, n_observations, B):
        size = min(B, n_observations - start)
        load(X, start, size, space.x)
        joint_block(mixture, space)
        normalise_block(space)
        _collect(space, sample_weight, start, size, rows)
        statistics_block(mixture, space, counts, sums, outer_products)
    mirror(outer_products)
    return (
        rows,
        counts,
        sums[:, :n_features].copy(),
        outer_products[:, :n_features, :n_features].copy(),
    )


@inner
def _collect(space, sample_weight, start, size, rows):
    """Keep the scores of a block; let each row count by its weight, copies by none."""
    # A loop, because Numba takes three seconds to compile a copy between slices.
    for n in range(size):
        rows[start + n] = space.rows[n]
    if len(sample_weight):
        for n in range(size):
            weight = sample_weight[start + n]
            space.inverse[n] *= weight
            # A row of weight zero is absent, even where its score is -inf.
            rows[start + n] = space.rows[n] * weight if weight != 0.0 else 0.0
    for n in range(size, B):
        space.inverse[n] = 0.0


@inner
def mirror(outer_products):
    """Copy upper triangles to the lower ones."""
    n_components, width, _ = outer_products.shape
    for k in range(n_components):
        for i in range(width):
            for j in range(i):
                outer_products[k, i, j] = outer_products[k, j, i]
