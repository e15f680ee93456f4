"""Passes over the data for direct callers: in chunks, on threads, same bits always."""

from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics, SufficientStatistics
from bayesgmm.kernels import pointwise
from bayesgmm.kernels.averages import average_draws
from bayesgmm.kernels.rows import fused
from bayesgmm.kernels.sampled import sampled_pass
from bayesgmm.kernels.threads import run_tasks

# A chunk is about a millisecond of work; see `_chunks`.
_LARGEST_CHUNK, _SMALLEST_CHUNK = 32768, 1024
_OPERATIONS = 2**22
_DRAWS = 16
_ROWS_IN_CACHE = 4096
_NO_WEIGHTS = np.empty(0)


def one_pass(
    X, quadratics: Quadratics, *, sample_weight=None, n_threads: int | None = None
) -> tuple[float, SufficientStatistics]:
    """Score every observation and sum its weighted moments, in one pass over `X`.

    Parameters
    ----------
    X : array of shape (n_observations, n_features), float64 or float32
        Finite. Not copied, not changed.
    quadratics : Quadratics
        Offsets in natural log. For parameters use `MixtureParameters.quadratics`.
    sample_weight : array of shape (n_observations,), optional
        How often each row counts; once by default.
    n_threads : int, optional
        The cores this process may use by default. The result does not depend on it.

    Returns
    -------
    log_likelihood : float
        Weighted sum over observations of log p(x | quadratics), natural log.
    statistics : SufficientStatistics
        Weighted counts, sums and outer products, centred on `quadratics.means`.

    Notes
    -----
    ``log_joint[n, k] = offsets[k] - 1/2 |(x_n - means[k]) precisions_cholesky[k]|^2``,
    ``r_nk = exp(log_joint[n, k] - log sum_k exp log_joint[n, k])``.
    Time O(n_observations n_components n_features^2); memory above the data a few
    blocks of rows and O(n_components n_features^2) a thread.

    References
    ----------
    .. [1] C. M. Bishop (2006), *Pattern Recognition and Machine Learning*, eq.
           9.23-9.27.
    """

    def run(chunk):
        weight = _NO_WEIGHTS if sample_weight is None else sample_weight[chunk]
        rows, *moments = fused(_as_block(X[chunk]), weight, *quadratics)
        return rows.sum(), *moments

    totals: list = [0.0, 0.0, 0.0, 0.0]

    def add(terms):
        for i, term in enumerate(terms):
            totals[i] += term

    run_tasks(run, _chunks(X, quadratics), add, n_threads)
    log_likelihood, *sums = totals
    return float(log_likelihood), SufficientStatistics(*sums)


def log_likelihood_rows(X, quadratics: Quadratics) -> Floats:
    """Return log p(x_n | quadratics) of every row, shape (n_observations,)."""
    rows = np.empty(len(X))
    return _fill(X, quadratics, pointwise.score, rows)


def log_joint(X, quadratics: Quadratics) -> Floats:
    """Return log p(x_n, k | quadratics), shape (n_observations, n_components)."""
    table = np.empty((len(X), len(quadratics.offsets)))
    return _fill(X, quadratics, pointwise.tabulate, table, False)


def responsibilities(X, quadratics: Quadratics) -> Floats:
    """Return p(k | x_n, quadratics), shape (n_observations, n_components).

    A row that no component can explain has zeros.
    """
    table = np.empty((len(X), len(quadratics.offsets)))
    return _fill(X, quadratics, pointwise.tabulate, table, True)


def labels(X, quadratics: Quadratics) -> Ints:
    """Return the component of the highest log-joint of every row, the first of ties."""
    out = np.empty(len(X), dtype=np.intp)
    return _fill(X, quadratics, pointwise.assign, out)


def log_likelihood_draws(X, quadratics: Quadratics) -> Floats:
    """Return the log-likelihood of all rows under each draw.

    Parameters
    ----------
    X : array of shape (n_observations, n_features), float64 or float32
    quadratics : Quadratics
        With a leading axis of draws: offsets (n_draws, n_components), and so on.

    Returns
    -------
    array of shape (n_draws,)
    """
    chunks = _chunks(X, _take(quadratics, 0))
    draws = _draws(quadratics)
    scores = np.empty((len(chunks), len(quadratics.offsets)))

    def run(task):
        (i, chunk), s = task
        some = _take(quadratics, s)
        pointwise.score_draws(_as_block(X[chunk]), *some, scores[i, s])

    run_tasks(run, list(product(enumerate(chunks), draws)))
    return scores.sum(0)


def log_likelihood_rows_draws(X_block, quadratics: Quadratics) -> Floats:
    """Return the log-likelihood of rows under each draw, shape (n_draws, n_rows).

    The caller keeps `X_block` short. `quadratics` has a leading axis of draws.
    """
    table = np.empty((len(quadratics.offsets), len(X_block)))
    X_block = _as_block(X_block)

    def run(s):
        pointwise.score_each(X_block, *_take(quadratics, s), table[s])

    run_tasks(run, _draws(quadratics))
    return table


def responsibilities_draws(X_block, quadratics: Quadratics) -> Floats:
    """Return responsibilities under each draw, shape (n_draws, n_rows, n_components).

    The caller keeps `X_block` short: for all observations this array would not fit.
    `quadratics` has a leading axis of draws.
    """
    n_draws, n_components = quadratics.offsets.shape
    tables = np.empty((n_draws, len(X_block), n_components))
    X_block = _as_block(X_block)

    def run(s):
        pointwise.tabulate_draws(X_block, *_take(quadratics, s), tables[s])

    run_tasks(run, _draws(quadratics))
    return tables


class Averages(NamedTuple):
    """What all draws together say of rows.

    Attributes
    ----------
    shares : array of shape (n_components, n_rows)
        Mean responsibilities.
    variances : array of shape (n_components, n_rows)
        Of the responsibilities, over draws.
    entropies : array of shape (n_rows,)
        Mean entropy of the responsibilities, in nats.
    totals : array of shape (n_draws, n_components)
        Responsibilities under each draw, summed over rows.
    """

    shares: Floats
    variances: Floats
    entropies: Floats
    totals: Floats


def average_responsibilities(X_block, quadratics: Quadratics, counts=None) -> Averages:
    """Summarise responsibilities over draws, on the thread that asks for it.

    The caller keeps `X_block` short: what is summed is kept for each of its rows.
    `quadratics` has a leading axis of draws. `counts`, by default ones, say how often
    rows are there.
    """
    counts = np.ones(len(X_block)) if counts is None else counts.astype(np.float64)
    n_draws, n_components = quadratics.offsets.shape
    n_rows = len(X_block)
    shares, variances = np.zeros((2, n_components, n_rows))
    entropies, totals = np.zeros(n_rows), np.zeros((n_draws, n_components))
    size = n_rows if n_draws == 1 else _ROWS_IN_CACHE
    for start in range(0, n_rows, size):
        rows = slice(start, start + size)
        some = shares[:, rows], variances[:, rows], entropies[rows]
        X = _as_block(X_block[rows])
        totals += average_draws(X, counts[rows], *quadratics, *some)
    return Averages(shares, variances, entropies, totals)


def _as_block(X):
    """Return rows as the kernels were compiled for; float32 is copied by the chunk."""
    return np.ascontiguousarray(X, dtype=np.float64)


def _fill(X, quadratics, kernel, out, *options):
    """Let a kernel fill its own rows of `out`, chunk by chunk."""

    def run(chunk):
        kernel(_as_block(X[chunk]), *quadratics, *options, out[chunk])

    run_tasks(run, _chunks(X, quadratics))
    return out


def _chunks(X, quadratics) -> list[slice]:
    """Cut rows into equal chunks by shape alone, never by the number of threads."""
    n_observations, n_features = X.shape
    work = len(quadratics.offsets) * (n_features**2 + 16)
    longest = min(max(_OPERATIONS // work, _SMALLEST_CHUNK), _LARGEST_CHUNK)
    n_chunks = -(-n_observations // longest)
    edges = [i * n_observations // n_chunks for i in range(n_chunks + 1)]
    return [slice(*pair) for pair in pairwise(edges)]


def _take(quadratics, s) -> Quadratics:
    offsets, means, precisions_cholesky = quadratics
    return Quadratics(offsets[s], means[s], precisions_cholesky[s])


def _draws(quadratics) -> list[slice]:
    n_draws = len(quadratics.offsets)
    return [slice(s, min(s + _DRAWS, n_draws)) for s in range(0, n_draws, _DRAWS)]


def sampled_moments(X, repeats, quadratics: Quadratics, key, n_threads=None):
    """Draw the component of every observation, and sum the moments of these labels.

    Parameters
    ----------
    X : array of shape (n_observations, n_features), float64 or float32
    repeats : array of shape (n_observations,) or (0,)
        See `kernels.sampled.sampled_pass`, also for what is returned.
    quadratics : Quadratics
    key : uint64
        The same key draws the same labels, whatever `n_threads` is.
    n_threads : int, optional

    Returns
    -------
    log_likelihood : float
    statistics : SufficientStatistics
    """
    chunks = _chunks(X, quadratics)
    sizes = [c.stop - c.start for c in chunks]
    if len(repeats):
        sizes = [int(repeats[c].sum()) for c in chunks]
    first = np.concatenate([[0], np.cumsum(sizes)])
    totals: list = [0.0, 0.0, 0.0, 0.0]

    def run(task):
        i, chunk = task
        some = repeats[chunk] if len(repeats) else repeats
        return sampled_pass(_as_block(X[chunk]), some, first[i], *quadratics, key)

    def add(terms):
        for i, term in enumerate(terms):
            totals[i] += term

    run_tasks(run, list(enumerate(chunks)), add, n_threads)
    log_likelihood, *sums = totals
    return float(log_likelihood), SufficientStatistics(*sums)
