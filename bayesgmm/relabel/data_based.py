"""Data-based: make the rows of each draw's groups lie where they lie in all draws."""

from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.relabel.assignment import confidence, one_hot, solve, total
from bayesgmm.relabel.task import Relabelling, Task

MAX_ITERATIONS = 100
SMALLEST_VARIANCE = 1e-6  # of the column's: groups of one row, or of ties


class Moments(NamedTuple):
    """Numbers, sums and sums of squares of values in groups, feature by feature.

    Each is of shape (..., n_components, n_features).
    """

    counts: Floats
    sums: Floats
    squares: Floats

    def relabelled(self, permutations) -> "Moments":
        places = permutations[..., None]
        return Moments._make(np.take_along_axis(x, places, axis=-2) for x in self)

    def pooled(self) -> "Moments":
        return Moments._make(x.sum(axis=0) for x in self)


def data_based(task: Task) -> Relabelling:
    """Relabel draws so that their groups have the same centres and spreads.

    Parameters
    ----------
    task : Task
        The pivot's groups give the first centres.

    Returns
    -------
    Relabelling
        The objective is, but for a constant, minus the log-likelihood of all values in
        all draws: normal about the mean of their label's group, with its standard
        deviation, feature by feature.
    """
    draws, target = _moments(task)
    costs = _costs(draws, target)
    found = solve(costs)
    for _ in range(MAX_ITERATIONS):
        target = draws.relabelled(found).pooled()
        costs = _costs(draws, target)
        before, found = found, solve(costs)
        if np.array_equal(before, found):
            break
    own = _costs(target, target) / len(costs)
    objective = float(total(costs, found).sum())
    return Relabelling(found, confidence(costs, found, own), objective)


def _moments(task: Task) -> tuple[Moments, Moments]:
    """Return those of the groups of every draw, and of the pivot.

    Rows are given in units of their spread, which labels do not change.
    """
    seen = ~np.isnan(task.X)
    centre = np.nanmean(task.X, axis=0)
    spread = np.nanstd(task.X, axis=0)
    z = np.where(seen, (task.X - centre) / np.where(spread > 0, spread, 1.0), 0.0)
    columns, k = np.hstack([seen, z, z * z]), task.n_components
    summed = sum(
        np.swapaxes(one_hot(p.argmax(-1), k), 1, 2) @ columns[rows]
        for rows, p in task.blocks()
    )
    return _split(np.asarray(summed)), _split(one_hot(task.pivot, k).T @ columns)


def _split(columns: Floats) -> Moments:
    return Moments._make(np.split(columns, 3, axis=-1))


def _costs(groups: Moments, target: Moments) -> Floats:
    """Return what it costs to call group j by the name of group l, (..., j, l)."""
    n = np.maximum(target.counts, 1.0)
    mean = target.sums / n
    variance = np.maximum(target.squares / n - mean**2, SMALLEST_VARIANCE)
    # A group without rows stands for all of them: mean 0, variance 1.
    variance = np.where(target.counts > 0, variance, 1.0)
    per_row = mean**2 / variance + np.log(variance)
    return (
        groups.squares @ (1.0 / variance).T
        - 2.0 * groups.sums @ (mean / variance).T
        + groups.counts @ per_row.T
    )
