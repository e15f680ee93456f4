"""Methods that compare parameters, not rows: with a pivot, in an order, in clusters."""

import numpy as np
from scipy.spatial.distance import cdist

from bayesgmm._typing import Floats
from bayesgmm.relabel.assignment import confidence, solve, total
from bayesgmm.relabel.task import Relabelling, Task

MAX_ITERATIONS = 1000


def pra(task: Task) -> Relabelling:
    """Relabel draws so that their parameters lie close to those of the pivot.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Relabelling
        The objective is minus the inner product of parameters and pivot. As no
        permutation changes the length of the parameters, the distance is least where
        the product is largest.
    """
    return _closest(*task.parameters())


def order(quantity: Floats) -> Relabelling:
    """Number the components of each draw upwards by one quantity.

    Parameters
    ----------
    quantity : array of shape (n_samples, n_components)

    Returns
    -------
    Relabelling
        The confidence is low where two components of a draw are nearly equal.
    """
    # Products of numbers far from 0 lose digits.
    values = (quantity - quantity.mean())[..., None]
    # Of all permutations the sorted one goes best with numbers that go up.
    return _closest(values, np.sort(values, axis=1).mean(axis=0))


def point_process(task: Task) -> Relabelling:
    """Cluster the components of all draws; a draw's labels are those of its clusters.

    Parameters
    ----------
    task : Task
        The pivot's parameters are the centres that k-means begins with.

    Returns
    -------
    Relabelling
        Components of one draw can fall into one cluster. Such a draw takes the labels
        with the smallest sum of squared distances, its confidence is 0, and
        `is_permutation` is false. The objective is the sum of squares.
    """
    values, target = task.parameters()
    distances, centres = _cluster(values, target)
    clusters = np.sort(distances.argmin(axis=-1), axis=-1)
    is_permutation = (clusters == np.arange(task.n_components)).all(axis=-1)
    permutations = solve(distances)
    sure = confidence(distances, permutations, _squares(centres, centres))
    return Relabelling(
        permutations,
        np.where(is_permutation, sure, 0.0),
        float(total(distances, permutations).sum()),
        is_permutation,
    )


def _squares(points: Floats, centres: Floats) -> Floats:
    return np.asarray(cdist(points, centres, "sqeuclidean"), dtype=np.float64)


def _closest(values: Floats, target: Floats) -> Relabelling:
    costs = -(values @ target.T)
    permutations = solve(costs)
    return Relabelling(
        permutations,
        confidence(costs, permutations, -(target @ target.T)),
        float(total(costs, permutations).sum()),
    )


def _cluster(values: Floats, centres: Floats) -> tuple[Floats, Floats]:
    """Return squared distances (n_samples, K, K) to centres of k-means, and these."""
    points, centres = values.reshape(-1, values.shape[-1]), centres.copy()
    distances = _squares(points, centres)
    labels = distances.argmin(axis=1)
    for _ in range(MAX_ITERATIONS):
        for k in np.unique(labels):  # a centre without points stays
            centres[k] = points[labels == k].mean(axis=0)
        distances = _squares(points, centres)
        before, labels = labels, distances.argmin(axis=1)
        if np.array_equal(before, labels):
            break
    return distances.reshape(*values.shape[:2], -1), centres
