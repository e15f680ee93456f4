"""What draws say of every row on average: no array of draws x rows is ever made."""

import numpy as np

from bayesgmm.kernels.elementary import BLOCK, exact, loop
from bayesgmm.kernels.rows import joint_block, load, normalise_block, prepare

B = BLOCK


@exact
def average_draws(
    X, counts, offsets, means, precisions_cholesky, shares, spreads, entropies
):
    """Fill the mean responsibilities of rows, their variance, and the mean entropy.

    The variance is that about the first draw, less the square of the mean's distance
    from it: nothing is lost where draws hardly differ.

    Parameters
    ----------
    X : array of shape (n_observations, n_features), float64
    counts : array of shape (n_observations,), float64
        How often each row counts in the totals.
    offsets, means, precisions_cholesky : arrays
        The fields of `Quadratics`, with a leading axis of draws.
    shares, spreads : array of shape (n_components, n_observations)
    entropies : array of shape (n_observations,)
        A row that no component can explain has zeros.

    Returns
    -------
    totals : array of shape (n_draws, n_components)
        Responsibilities under each draw, summed over rows.
    """
    n_draws, n_components = offsets.shape
    n = X.shape[0]
    totals = np.zeros((n_draws, n_components))
    first = np.empty((n_components, n))
    log_ratios = np.empty(n_components * B)
    for s in range(n_draws):
        mixture, space = prepare(offsets[s], means[s], precisions_cholesky[s])
        for start in range(0, n, B):
            size = min(B, n - start)
            load(X, start, size, space.x)
            joint_block(mixture, space)
            _compare(space.joint, space.top, log_ratios)
            normalise_block(space)
            _finish_entropy(space, log_ratios)
            for i in range(size):
                entropies[start + i] += space.rows[i]
            rows = slice(start, start + size)
            for k in range(n_components):
                joint, mine = space.joint[k * B :], first[k, rows]
                if s == 0:
                    _keep(joint, space.inverse, mine)
                sums = shares[k, rows], spreads[k, rows]
                totals[s, k] += _add(joint, space.inverse, mine, counts[rows], *sums)
    _divide(first, n_draws, shares, spreads)
    entropies /= n_draws
    return totals


@loop
def _compare(joint, top, log_ratios):
    """Fill log-joints less the highest of their row."""
    for k in range(len(joint) // B):
        for n in range(B):
            log_ratios[k * B + n] = joint[k * B + n] - top[n]


@loop
def _finish_entropy(space, log_ratios):
    """Turn the scores of rows into the entropies of their responsibilities.

    It is log(total) less the mean log-ratio: no other logarithm is needed.
    """
    for n in range(B):
        possible = space.inverse[n] > 0.0
        space.rows[n] = space.rows[n] - space.top[n] if possible else 0.0
    for k in range(len(log_ratios) // B):
        for n in range(B):
            share = space.joint[k * B + n] * space.inverse[n]
            space.rows[n] -= share * log_ratios[k * B + n] if share > 0.0 else 0.0


@loop
def _keep(joint, inverse, first):
    for n in range(len(first)):
        first[n] = joint[n] * inverse[n]


@loop
def _add(joint, inverse, first, counts, shares, spreads):
    """Add what shares differ from the first draw's, and its square; sum the shares."""
    total = 0.0
    for n in range(len(first)):
        share = joint[n] * inverse[n]
        shift = share - first[n]
        shares[n] += shift
        spreads[n] += shift * shift
        total += share * counts[n]
    return total


@loop
def _divide(first, n_draws, shares, spreads):
    """Turn sums over draws of what differs from the first into means."""
    for k in range(len(first)):
        for n in range(first.shape[1]):
            shift = shares[k, n] / n_draws
            shares[k, n] = first[k, n] + shift
            spreads[k, n] = max(spreads[k, n] / n_draws - shift * shift, 0.0)
