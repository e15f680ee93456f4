"""What every draw says of every row, a block of rows at a time."""

from collections.abc import Iterator

import numpy as np

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.kernels.reduce import (
    log_likelihood_rows_draws,
    responsibilities_draws,
)

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


def _blocks(n_rows: int, numbers_per_row: int) -> Iterator[slice]:
    size = max(1, BLOCK_BYTES // (8 * numbers_per_row))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
