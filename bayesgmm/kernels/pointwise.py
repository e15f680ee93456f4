"""Passes that keep something of every row: scores, responsibilities, labels."""

import numpy as np

from bayesgmm.kernels.elementary import BLOCK, exact
from bayesgmm.kernels.rows import joint_block, load, normalise_block, prepare

B = BLOCK


@exact
def score(X, offsets, means, precisions_cholesky, rows):
    """Fill rows (n_observations,) with log-likelihoods."""
    mixture, space = prepare(offsets, means, precisions_cholesky)
    for start in range(0, X.shape[0], B):
        size = min(B, X.shape[0] - start)
        load(X, start, size, space.x)
        joint_block(mixture, space)
        normalise_block(space)
        for n in range(size):
            rows[start + n] = space.rows[n]


@exact
def score_draws(X, offsets, means, precisions_cholesky, totals):
    """Fill totals (n_draws,) with the log-likelihood of all rows under each draw."""
    rows = np.empty(X.shape[0])
    for s in range(len(totals)):
        score(X, offsets[s], means[s], precisions_cholesky[s], rows)
        totals[s] = rows.sum()


@exact
def score_each(X, offsets, means, precisions_cholesky, table):
    """Fill table (n_draws, n_observations) with log-likelihoods under each draw."""
    for s in range(len(table)):
        score(X, offsets[s], means[s], precisions_cholesky[s], table[s])


@exact
def tabulate(X, offsets, means, precisions_cholesky, normalised, table):
    """Fill table (n_observations, n_components): log-joints or responsibilities."""
    mixture, space = prepare(offsets, means, precisions_cholesky)
    for start in range(0, X.shape[0], B):
        size = min(B, X.shape[0] - start)
        load(X, start, size, space.x)
        joint_block(mixture, space)
        if normalised:
            normalise_block(space)
        else:
            space.inverse[:] = 1.0
        for k in range(len(offsets)):
            for n in range(size):
                table[start + n, k] = space.joint[k * B + n] * space.inverse[n]


@exact
def tabulate_draws(X, offsets, means, precisions_cholesky, tables):
    """Fill tables (n_draws, n_observations, n_components) with responsibilities."""
    for s in range(len(tables)):
        tabulate(X, offsets[s], means[s], precisions_cholesky[s], True, tables[s])


@exact
def assign(X, offsets, means, precisions_cholesky, labels):
    """Fill labels (n_observations,): the first component of the highest log-joint."""
    mixture, space = prepare(offsets, means, precisions_cholesky)
    for start in range(0, X.shape[0], B):
        size = min(B, X.shape[0] - start)
        load(X, start, size, space.x)
        joint_block(mixture, space)
        labels[start : start + size] = 0
        for k in range(len(offsets) - 1, -1, -1):
            for n in range(size):
                if space.joint[k * B + n] == space.top[n]:
                    labels[start + n] = k
