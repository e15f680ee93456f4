"""What every draw says of every row, a block of rows at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics
from bayesgmm.kernels.reduce import (
    log_likelihood_draws,
    log_likelihood_rows_draws,
    responsibilities_draws,
)
from bayesgmm.patterns import group_rows, regress, select
from bayesgmm.posterior import Draws

BLOCK_BYTES = 2**25
"""Size of one block; a caller may hold two or three of them."""


def responsibility_blocks(
    X: np.ndarray, quadratics: Quadratics
) -> Iterator[tuple[slice, Floats]]:
    """Yield rows and their responsibilities under every draw, block by block.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
    quadratics : Quadratics
        With a leading axis of samples.

    Yields
    ------
    rows : slice
    responsibilities : array of shape (n_samples, n_rows, n_components)
        About `BLOCK_BYTES` large.
    """
    for rows in _blocks(len(X), quadratics.offsets.size):
        yield rows, responsibilities_draws(X[rows], quadratics)


def log_likelihood_blocks(
    X: np.ndarray, quadratics: Quadratics
) -> Iterator[tuple[slice, Floats]]:
    """Yield rows and their log-likelihoods under every draw, block by block.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
    quadratics : Quadratics
        With a leading axis of samples.

    Yields
    ------
    rows : slice
    log_likelihoods : array of shape (n_samples, n_rows)
        Marginal over labels, of about `BLOCK_BYTES`.
    """
    for rows in _blocks(len(X), len(quadratics.offsets)):
        yield rows, log_likelihood_rows_draws(X[rows], quadratics)


def seen_groups(
    X: Floats, draws: Draws, allowed: Any = None
) -> Iterator[tuple[Ints, Floats, Quadratics]]:
    """Yield rows by what was observed of them, with the mixtures as these see them.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        NaN marks a missing value.
    draws : Draws
    allowed : array of bool, shape (n_observations, n_components), optional
        Which components rows may come from. Others are then left out of the quadratics.

    Yields
    ------
    rows : array of int
    X : array of shape (n_rows, n_observed)
    quadratics : Quadratics
        With a leading axis of samples; of noise behind those of the components.
    """
    if allowed is None and not np.isnan(X.min()):
        yield np.arange(len(X)), X, draws.quadratics
        return
    noisy = draws.noise is not None
    groups = group_rows(X, allowed, draws.n_components, noisy=noisy)
    complete = draws.quadratics if groups.n_complete else None
    for group, limits in enumerate(groups.limits):
        rows = groups.rows(group)
        observed = ~np.isnan(X[rows[0]])
        if observed.all():
            assert complete is not None
            quadratics = complete
        else:
            quadratics = regress(draws, observed).quadratics
        offsets = quadratics.offsets + limits
        some = select(X, rows, observed)
        yield rows, some, quadratics._replace(offsets=offsets)


def responsibilities_of(
    X: Floats, draws: Draws, allowed: Any = None
) -> Iterator[tuple[Ints, Floats]]:
    """Yield rows and their responsibilities, as `responsibility_blocks` does.

    The parameters are those of `seen_groups`. Rows come group by group; of noise is the
    last column.
    """
    for rows, some, quadratics in seen_groups(X, draws, allowed):
        for block, shares in responsibility_blocks(some, quadratics):
            yield rows[block], shares


def log_likelihoods_of(
    X: Floats, draws: Draws, allowed: Any = None
) -> Iterator[tuple[Ints, Floats]]:
    """Yield rows and their log-likelihoods, as `log_likelihood_blocks` does.

    The parameters are those of `seen_groups`. Rows come group by group.
    """
    for rows, some, quadratics in seen_groups(X, draws, allowed):
        for block, logs in log_likelihood_blocks(some, quadratics):
            yield rows[block], logs


def total_log_likelihoods(
    X: Floats, draws: Draws, allowed: Any = None, sample_weight: Any = None
) -> Floats:
    """Return the log-likelihood of all rows under each draw, shape (n_samples,)."""
    if sample_weight is not None:
        blocks = log_likelihoods_of(X, draws, allowed)
        return sum(logs @ sample_weight[rows] for rows, logs in blocks)  # pyright: ignore[reportReturnType]
    groups = seen_groups(X, draws, allowed)
    return sum(log_likelihood_draws(some, each) for _, some, each in groups)  # pyright: ignore[reportReturnType]


def by_row(parts: Iterable[tuple[Ints, Any]], n_rows: int) -> Any:
    """Put what was made of blocks of rows in the order of the rows.

    Parameters
    ----------
    parts : iterable of (rows, array of shape (n_rows of the block, ...))
    n_rows : int
    """
    out = None
    for rows, part in parts:
        if out is None:
            out = np.empty((n_rows, *part.shape[1:]), part.dtype)
        out[rows] = part
    assert out is not None
    return out


def partition_of(X: Floats, draws: Draws) -> Ints:
    """Return the likeliest label of each row under one draw; noise is the last."""
    parts = responsibilities_of(X, draws)
    return by_row(((rows, shares[0].argmax(-1)) for rows, shares in parts), len(X))


def _blocks(n_rows: int, numbers_per_row: int) -> Iterator[slice]:
    size = max(1, BLOCK_BYTES // (8 * numbers_per_row))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
