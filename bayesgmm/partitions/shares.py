"""What every draw says of all rows, a block of draws at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.blocks import BLOCK_BYTES, responsibilities_of
from bayesgmm.kept import allowed_of, observations_of
from bayesgmm.label_draws import check_spread
from bayesgmm.partitions.given import LabelDraws, read_all
from bayesgmm.posterior import Draws, read_mixtures


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Probabilities of each row's labels in every draw, or labels as zeros and ones.

    Attributes
    ----------
    obs_ids : array of shape (n_observations,)
    n_draws, n_labels : int
    fill : function
        ``f(rows, draws)`` returns them, (n_rows, n_draws, n_labels), for some of both.
    """

    obs_ids: np.ndarray
    n_draws: int
    n_labels: int
    fill: Callable[[Ints, Ints], Floats]

    def blocks(self, rows: Ints) -> Iterator[Floats]:
        """Yield shares of some rows, (n_rows, n_draws of the block x n_labels)."""
        size = max(1, BLOCK_BYTES // (8 * len(rows) * self.n_labels))
        for first in range(0, self.n_draws, size):
            draws = np.arange(first, min(first + size, self.n_draws))
            yield self.fill(rows, draws).reshape(len(rows), -1)


def read_shares(posterior: Any, X: Any = None) -> Shares:
    """Return shares by the parameters of draws, or by draws of labels.

    Parameters
    ----------
    posterior : xarray.DataTree, DataArray or array of shape (n_draws, n_observations)
    X : array-like, optional
    """
    if not isinstance(posterior, xr.DataTree):
        return _of_labels(read_all(posterior, X))
    draws = read_mixtures(posterior, noisy=True)
    check_spread(draws)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    allowed = allowed_of(posterior, table)

    def fill(rows: Ints, some: Ints) -> Floats:
        may = None if allowed is None else allowed[rows]
        return _responsibilities(table.values[rows], draws.take(some), may)

    return Shares(table.obs_ids, draws.n_samples, draws.n_shares, fill)


def _responsibilities(X: Floats, draws: Draws, allowed: Any) -> Floats:
    out = np.empty((len(X), draws.n_samples, draws.n_shares))
    for rows, shares in responsibilities_of(X, draws, allowed):
        out[rows] = np.moveaxis(shares, 0, 1)
    return out


def _of_labels(draws: LabelDraws) -> Shares:
    def fill(rows: Ints, some: Ints) -> Floats:
        labels = draws.values[np.ix_(some, rows)].T
        return np.equal(labels[..., None], np.arange(draws.n_labels)).astype(np.float64)

    return Shares(draws.obs_ids, draws.n_draws, draws.n_labels, fill)
