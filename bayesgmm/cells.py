"""Cells: rows put where a plane after the other sends them, and summed there.

A row begins in the cell of its likeliest component. In every round some cells are cut
in two by a plane. Where a row ends is a function of the row alone, so chunks may be
anywhere.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from bayesgmm._typing import Floats, Ints, SufficientStatistics
from bayesgmm.kernels.reduce import labels
from bayesgmm.parameters import MixtureParameters

BLOCK = 2**14
"""Rows that are summed at a time."""


class Cut(NamedTuple):
    """One round: a plane for every cell.

    Attributes
    ----------
    directions : array of shape (n_cells, n_features)
        Zero for a cell that is left whole.
    offsets : array of shape (n_cells,)
    beyond : array of int, shape (n_cells,)
        Where rows x of a cell go with ``x @ direction > offset``.
    """

    directions: Floats
    offsets: Floats
    beyond: Ints

    def apply(self, X: Floats, cell: Ints) -> Ints:
        """Return where rows are after this round."""
        along = np.einsum("ij,ij->i", X, self.directions[cell])
        return np.where(along > self.offsets[cell], self.beyond[cell], cell)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A division of space.

    Attributes
    ----------
    mixture : MixtureParameters
        Whose likeliest component a row begins with.
    cuts : tuple of Cut
    centres : array of shape (n_cells, n_features)
        About which rows are summed.
    """

    mixture: MixtureParameters
    cuts: tuple[Cut, ...]
    centres: Floats

    def find(self, X: Floats) -> Ints:
        """Return the cell of every row."""
        cell = labels(X, self.mixture.quadratics)
        for cut in self.cuts:
            cell = cut.apply(X, cell)
        return cell


def sum_cells(X: Floats, weight: Floats | None, cells: Cells) -> SufficientStatistics:
    """Return the moments of rows in every cell, about the centres of the cells."""
    weight = np.ones(len(X)) if weight is None else weight
    total = None
    for start in range(0, len(X), BLOCK):
        rows = slice(start, start + BLOCK)
        block = X[rows].astype(np.float64, copy=False)
        part = moments_at(block, weight[rows], cells.find(block), cells.centres)
        total = part if total is None else [a + b for a, b in zip(total, part)]  # noqa: B905
    assert total is not None
    return SufficientStatistics(*total)


def moments_at(
    X: Floats, weight: Floats, cell: Ints, centres: Floats
) -> SufficientStatistics:
    """Return the moments of rows in every cell, given where the rows are."""
    n, d = X.shape
    centred = X - centres[cell]
    products = (centred[:, :, None] * centred[:, None, :]).reshape(n, d * d)
    sums = sum_by(cell, weight, np.hstack([centred, products]), len(centres))
    counts = np.bincount(cell, weight, len(centres))
    return SufficientStatistics(counts, sums[:, :d], sums[:, d:].reshape(-1, d, d))


def sum_by(cell: Ints, weight: Floats, values: Floats, n_cells: int) -> Floats:
    """Return weighted sums of rows of values in every cell, (n_cells, n_values)."""
    n = len(cell)
    return csr_matrix((weight, cell, np.arange(n + 1)), (n, n_cells)).T @ values
