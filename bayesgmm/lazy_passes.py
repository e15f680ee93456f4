"""Passes over lazy rows that samplers make: one sum over chunks each."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.chunks import Chunks
from bayesgmm.errors import InputError
from bayesgmm.kernels.cholesky import precision_cholesky
from bayesgmm.kernels.likelihood import log_likelihood_and_gradient
from bayesgmm.kernels.reduce import log_likelihood_rows_draws
from bayesgmm.kernels.sampled import sampled_pass

_BLOCK = 2**20
"""Rows x mixtures that are scored at a time."""


def score(
    chunks: Chunks, weights: Floats, means: Floats, cholesky: Floats
) -> tuple[float, Floats, Floats, Floats]:
    """Return the log-likelihood of all rows, and its gradient.

    Within a chunk there is one thread: chunks are what schedulers share.

    Parameters
    ----------
    chunks : Chunks
        Without gaps.
    weights, means, cholesky
        As `bayesgmm.kernels.likelihood` takes them.

    Returns
    -------
    log_likelihood : float
    in_weights, in_means, in_cholesky : arrays like the parameters
    """
    total, *gradient = chunks.sum(_score_chunk, add_each, weights, means, cholesky)
    return float(total), *gradient


def _score_chunk(rows, weight, weights, means, cholesky):
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    weight = np.ones(1) if weight is None else np.asarray(weight, dtype=np.float64)
    parameters = weights, means, cholesky
    each, *gradient = log_likelihood_and_gradient(rows, weight, *parameters)
    return each.sum(), *gradient


def score_many(
    chunks: Chunks, weights: Floats, means: Floats, cholesky: Floats
) -> Floats:
    """Return the log-likelihoods of all rows under many mixtures.

    Parameters
    ----------
    chunks : Chunks
    weights, means, cholesky
        As for `score`, with a leading axis of mixtures.

    Returns
    -------
    array of shape (n_mixtures,)
    """
    (n, k, d), one_by_one = means.shape, cholesky.reshape(-1, *cholesky.shape[2:])
    upper, offsets = precision_cholesky(one_by_one)
    with np.errstate(divide="ignore"):
        offsets = offsets.reshape(n, k) + np.log(weights)
    offsets -= 0.5 * d * np.log(2.0 * np.pi)
    quadratics = Quadratics(offsets, means, upper.reshape(cholesky.shape))
    return np.asarray(chunks.sum(score_draws, _add, quadratics))


def score_draws(rows: Any, weight: Floats | None, quadratics: Quadratics) -> Floats:
    """Return the log-likelihoods of a chunk under many mixtures, block by block.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
    weight : array of shape (n_rows,) or None
    quadratics : Quadratics
        With a leading axis of mixtures.
    """
    weight = np.ones(len(rows)) if weight is None else weight
    total = np.zeros(len(quadratics.offsets))
    size = max(1, _BLOCK // len(total))
    for start in range(0, len(rows), size):
        block = np.ascontiguousarray(rows[start : start + size])
        each = log_likelihood_rows_draws(block, quadratics)
        total += each @ weight[start : start + size]
    return total


def _add(parts):
    return np.sum(parts, axis=0)


def add_each(parts: list[tuple]) -> tuple[Any, ...]:
    """Add up tuples of numbers and arrays, place by place."""
    return tuple(np.sum(same, axis=0) for same in zip(*parts, strict=True))


class Places(NamedTuple):
    """Lazy rows that know which labels are theirs.

    Attributes
    ----------
    chunks : Chunks
        In the place of weights, what `draw_labels` needs to know of each chunk.
    n_labels : int
    """

    chunks: Chunks
    n_labels: int


def find_places(chunks: Chunks) -> Places:
    """Number the labels of all rows, as rows in memory number them.

    Raises
    ------
    InputError
        If weights are not whole numbers.
    """
    numbers = chunks.sum(_count_labels, _join_lists)
    ends = np.cumsum([0, *numbers])
    return Places(put_before(ends[:-1], chunks), int(ends[-1]))


def put_before(numbers: Any, chunks: Chunks) -> Chunks:
    """Return chunks whose weights, if any, come after a number of the chunk."""
    import dask.array as da

    firsts = da.from_array(np.asarray(numbers, dtype=np.float64), chunks=1)  # pyright: ignore[reportArgumentType]
    weight = chunks.sample_weight
    if weight is not None:
        sizes = tuple(size + 1 for size in weight.chunks[0])
        firsts = da.map_blocks(_put_before, firsts, weight, chunks=(sizes,))
    return replace(chunks, sample_weight=firsts)


def _count_labels(rows, weight):
    if weight is None:
        return [len(rows)]
    if (weight != np.round(weight)).any():
        raise InputError(
            "sample_weight",
            "be whole numbers where each row has labels",
            f"{weight[weight != np.round(weight)][0]:g}",
            "Use `method='nuts'`, which takes any.",
        )
    return [weight.sum()]


def _join_lists(parts):
    return [each for part in parts for each in part]


def _put_before(first, weight):
    return np.concatenate([first, weight])


def draw_labels(
    chunks: Chunks, quadratics: Quadratics, key: np.uint64
) -> tuple[float, Floats, Floats, Floats]:
    """Draw a label for every row, and return the log-likelihood and their moments.

    A label depends on the key and its place among all: rows in memory get the same.

    Parameters
    ----------
    chunks : Chunks
        Those of `find_places`.
    quadratics : Quadratics
    key : uint64
        Of the sweep.

    Returns
    -------
    log_likelihood : float
    counts, sums, outer_products : arrays
        As of `bayesgmm.kernels.sampled.sampled_pass`.
    """
    total, *moments = chunks.sum(_draw_chunk, add_each, quadratics, key)
    return float(total), *moments


def _draw_chunk(rows, told, quadratics, key):
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    first, repeats = np.int64(told[0]), np.ascontiguousarray(told[1:])
    offsets, means, upper = quadratics
    return sampled_pass(rows, repeats, first, offsets, means, upper, key)
