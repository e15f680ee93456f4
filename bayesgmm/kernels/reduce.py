"""Passes over the data for direct callers: chunked, threaded, same bits always."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics, SufficientStatistics
from bayesgmm.kernels import rows as _rows

CHUNK = 32768
_NOTHING = np.empty(0)
_NO_TABLE = np.empty((0, 0))


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
        How often each row counts; one by default.
    n_threads : int, optional
        The available cores by default. The result does not depend on it.

    Returns
    -------
    log_likelihood : float
        Weighted sum over observations of log p(x | quadratics), natural log.
    statistics : SufficientStatistics
        Weighted counts, sums and outer products, centred on `quadratics.means`.

    Notes
    -----
    Time O(n_observations n_components n_features^2), memory
    O(n_threads n_components n_features^2) above the data.
    """

    def run(rows):
        weight = _NOTHING if sample_weight is None else sample_weight[rows]
        scores, *moments = _rows.fused(X[rows], weight, *quadratics)
        return scores.sum(), moments

    total, statistics = 0.0, None
    for score, moments in _over_chunks(run, len(X), n_threads):
        total += score
        if statistics is None:
            statistics = SufficientStatistics(*moments)
        else:
            for whole, part in zip(statistics, moments, strict=True):
                whole += part
    assert statistics is not None
    return float(total), statistics


def log_likelihood_rows(X, quadratics: Quadratics) -> Floats:
    """Return log p(x_n | quadratics) of every row, shape (n_observations,)."""
    rows = np.empty(len(X))
    _fill(lambda c: _rows.pointwise(X[c], *quadratics, True, rows[c], _NO_TABLE), X)
    return rows


def log_joint(X, quadratics: Quadratics) -> Floats:
    """Return log p(x_n, k | quadratics), shape (n_observations, n_components)."""
    out = np.empty((len(X), len(quadratics.offsets)))
    _fill(lambda c: _rows.pointwise(X[c], *quadratics, False, _NOTHING, out[c]), X)
    return out


def responsibilities(X, quadratics: Quadratics) -> Floats:
    """Return p(k | x_n, quadratics), shape (n_observations, n_components)."""
    out = np.empty((len(X), len(quadratics.offsets)))
    rows = np.empty(len(X))
    _fill(lambda c: _rows.pointwise(X[c], *quadratics, True, rows[c], out[c]), X)
    return out


def labels(X, quadratics: Quadratics) -> Ints:
    """Return the component of the highest log-joint of every row, the first of ties."""
    out = np.empty(len(X), dtype=np.intp)
    _fill(lambda c: _rows.hard(X[c], *quadratics, out[c]), X)
    return out


def log_likelihood_draws(X, quadratics: Quadratics) -> Floats:
    """Return the log-likelihood of all rows under each draw, shape (n_draws,)."""
    return np.array(
        [
            log_likelihood_rows(X, Quadratics(*draw)).sum()
            for draw in zip(*quadratics, strict=True)
        ]
    )


def responsibilities_draws(X_block, quadratics: Quadratics) -> Floats:
    """Return responsibilities under each draw, shape (n_draws, n_rows, n_components).

    The caller keeps `X_block` small: this array is what must not be stored for all
    observations.
    """
    n_draws, n_components = quadratics.offsets.shape
    out = np.empty((n_draws, len(X_block), n_components))
    for s in range(n_draws):
        draw = Quadratics(*(part[s] for part in quadratics))
        out[s] = responsibilities(X_block, draw)
    return out


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fill(run, X):
    for _ in _over_chunks(run, len(X), None):
        pass


def _over_chunks(run, n_observations, n_threads):
    """Yield run(slice) in row order; the slices do not depend on the threads."""
    chunks = [
        slice(start, min(start + CHUNK, n_observations))
        for start in range(0, n_observations, CHUNK)
    ]
    n_threads = min(n_threads or available_cores(), len(chunks))
    if n_threads <= 1:
        yield from map(run, chunks)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        yield from pool.map(run, chunks)
