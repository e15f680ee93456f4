"""Few points that stand in for the rows of a cell: same count, mean and covariance."""

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.charts import contrasts
from bayesgmm.statistics import Moments

ROUNDING = 1e-12


def stand_ins(cells: Moments, reach: Floats) -> tuple[Floats, Floats, Ints]:
    """Return points with the moments of cells.

    The rows of a cell that spread in r directions become the r + 1 corners of a regular
    simplex, which has their mean and covariance exactly.

    Parameters
    ----------
    cells : Moments
    reach : array of shape (n_cells,)
        Squared distances of means from where they were summed about: what variances
        are rounded to.

    Returns
    -------
    points : array of shape (n_points, n_features)
    weight : array of shape (n_points,)
    cell : array of int, shape (n_points,)
    """
    d = cells.means.shape[1]
    counts = np.where(cells.counts > 0, cells.counts, 1.0)
    sizes, axes = np.linalg.eigh(cells.scatters / counts[:, None, None])
    floor = ROUNDING * (sizes[:, -1] + reach)
    rank = (sizes > floor[:, None]).sum(axis=1)
    parts = []
    for r in range(d + 1):
        cell = np.flatnonzero((rank == r) & (cells.counts > 0))
        roots = axes[cell, :, d - r :] * np.sqrt(sizes[cell, None, d - r :])
        corners = cells.means[cell, None] + _simplex(r) @ np.swapaxes(roots, 1, 2)
        weight = np.repeat(cells.counts[cell] / (r + 1), r + 1)
        parts.append((corners.reshape(-1, d), weight, np.repeat(cell, r + 1)))
    points, weight, cell = map(np.concatenate, zip(*parts, strict=True))
    return points, weight, cell


def _simplex(r: int) -> Floats:
    """Return r + 1 points in r dimensions, of mean zero and covariance one."""
    return contrasts(r + 1).T * np.sqrt(r + 1)
