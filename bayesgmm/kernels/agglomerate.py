"""The merges of model-based hierarchical clustering, one pair of clusters at a time."""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial


@serial
def agglomerate(points, counts, guard):
    """Merge clusters until one is left, always the pair that costs least.

    A cluster of n rows with scatter W costs ``n log det((W + guard I) / (n + guard))``.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
        Distinct. Each begins as a cluster.
    counts : array of shape (n_points,)
        Rows at each point, positive.
    guard : float
        Positive.

    Returns
    -------
    array of int, shape (n_points - 1, 2)
        In the order of merging, the cluster that stays and the one that joins it. A
        cluster is called by the first of its points.
    """
    n, d = points.shape
    means, sizes, scatters = points.copy(), counts.copy(), np.zeros((n, d, d))
    joint, factor = np.empty((d, d)), np.empty((d, d))
    costs, alive = np.empty(n), np.ones(n, np.bool_)
    for i in range(n):
        costs[i] = _cost(scatters[i], sizes[i], guard, factor)
    # Row i holds what it costs to merge i with j < i; best[i] is its least, at mate[i].
    table = np.empty(n * (n - 1) // 2)
    best, mate = np.full(n, np.inf), np.zeros(n, np.intp)
    for i in range(n):
        for j in range(i):
            _join(means, sizes, scatters, i, j, joint)
            cost = _cost(joint, sizes[i] + sizes[j], guard, factor)
            table[i * (i - 1) // 2 + j] = cost - costs[i] - costs[j]
        _find_mate(table, alive, i, best, mate)
    merges = np.empty((n - 1, 2), np.intp)
    for step in range(n - 1):
        gone = np.argmin(best)
        kept = mate[gone]
        merges[step, 0], merges[step, 1] = kept, gone
        _join(means, sizes, scatters, kept, gone, scatters[kept])
        share = sizes[gone] / (sizes[kept] + sizes[gone])
        means[kept] += share * (means[gone] - means[kept])
        sizes[kept] += sizes[gone]
        costs[kept] = _cost(scatters[kept], sizes[kept], guard, factor)
        alive[gone], best[gone] = False, np.inf
        for k in range(n):
            if alive[k] and k != kept:
                _join(means, sizes, scatters, k, kept, joint)
                cost = _cost(joint, sizes[k] + sizes[kept], guard, factor)
                high, low = max(k, kept), min(k, kept)
                place = high * (high - 1) // 2 + low
                table[place] = cost - costs[k] - costs[kept]
                if k > kept and table[place] < best[k]:
                    best[k], mate[k] = table[place], kept
                elif k > kept and (mate[k] == kept or mate[k] == gone):
                    _find_mate(table, alive, k, best, mate)
        _find_mate(table, alive, kept, best, mate)
    return merges


@serial
def _find_mate(table, alive, i, best, mate):
    """Find the cheapest partner of i among the clusters before it."""
    best[i] = np.inf
    for j in range(i):
        if alive[j] and table[i * (i - 1) // 2 + j] < best[i]:
            best[i], mate[i] = table[i * (i - 1) // 2 + j], j


@serial
def _join(means, sizes, scatters, i, j, out):
    """Fill `out` with the scatter of clusters i and j together; it may be one's own."""
    share = sizes[i] * sizes[j] / (sizes[i] + sizes[j])
    for a in range(len(out)):
        shift = share * (means[i, a] - means[j, a])
        for b in range(a + 1):
            between = shift * (means[i, b] - means[j, b])
            out[a, b] = scatters[i, a, b] + scatters[j, a, b] + between


@serial
def _cost(scatter, size, guard, factor):
    """Return the cost of a cluster, by the Cholesky factor of its lower triangle."""
    log_det = 0.0
    for a in range(len(scatter)):
        for b in range(a + 1):
            left = scatter[a, b]
            for c in range(b):
                left -= factor[a, c] * factor[b, c]
            factor[a, b] = left / factor[b, b] if b < a else math.sqrt(left + guard)
        log_det += 2.0 * math.log(factor[a, a])
    return size * (log_det - len(scatter) * math.log(size + guard))
