"""ECR: make each draw's partition agree with that of a pivot.

Each draw stands for the partition that puts every observation where its
responsibility is highest: the draw's most probable allocation. It needs no random
numbers, so that relabelling twice gives the same answer.
"""

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.relabel.assignment import confidence, solve, total
from bayesgmm.relabel.task import Blocks, Relabelling, Task


def ecr(task: Task) -> Relabelling:
    """Relabel draws so that most observations carry the pivot's label.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Relabelling
        The objective counts the observations, over all draws, whose label differs from
        the pivot's. Of equally good permutations the solver's first one is taken, and
        the confidence of such a draw is 0.
    """
    pivot, k = task.pivot, task.n_components
    costs = pivot_costs(task.blocks, pivot, k)
    own = -np.diag(np.bincount(pivot, minlength=k)).astype(np.float64)
    permutations = solve(costs)
    differ = float((len(pivot) + total(costs, permutations)).sum())
    return Relabelling(permutations, confidence(costs, permutations, own), differ)


def pivot_costs(blocks: Blocks, pivot: Ints, n_components: int) -> Floats:
    """Return minus the observations of label j in draw t and l in the pivot, (t, j, l).

    Parameters
    ----------
    blocks : callable
        As in `Task`.
    pivot : array of int, shape (n_observations,)
    n_components : int
    """
    counts = sum(
        crosstabulate(responsibilities.argmax(-1), pivot[rows], n_components)
        for rows, responsibilities in blocks()
    )
    return -np.asarray(counts, dtype=np.float64)


def crosstabulate(labels: Ints, pivot: Ints, n_components: int) -> Ints:
    """Count observations with label j in draw t and l in the pivot, (t, j, l)."""
    n_samples, k = len(labels), n_components
    cells = (np.arange(n_samples)[:, None] * k + labels) * k + pivot
    counts = np.bincount(cells.ravel(), minlength=n_samples * k * k)
    return counts.reshape(n_samples, k, k)
