"""Assignment problems of many draws: the best permutation and how clear it is."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from bayesgmm._typing import Floats, Ints


def solve(costs: Floats) -> Ints:
    """Return the cheapest permutation of each draw.

    Parameters
    ----------
    costs : array of shape (n_samples, n_components, n_components)
        ``costs[t, j, l]`` is the cost of calling component j of draw t component l.

    Returns
    -------
    array of int, shape (n_samples, n_components)
        ``permutations[t, l] = j``.
    """
    # SciPy matches rows to columns; transposed, its answer is the permutation itself.
    return np.array(
        [linear_sum_assignment(cost)[1] for cost in np.swapaxes(costs, -1, -2)],
        dtype=np.intp,
    ).reshape(costs.shape[:2])


def total(costs: Floats, permutations: Ints) -> Floats:
    """Return the cost of each draw under its permutation."""
    chosen = np.take_along_axis(costs, permutations[:, None, :], axis=1)
    return chosen[:, 0].sum(-1)


def gap(costs: Floats, permutations: Ints) -> Floats:
    """Return how much dearer the second-best permutation is; infinite for K = 1.

    The second-best permutation differs from the best in some place, so it is the best
    one with that place forbidden.
    """
    best, n_components = total(costs, permutations), costs.shape[1]
    second = np.full(len(costs), np.inf)
    if n_components == 1:
        return second
    forbidden = 1.0 + 2.0 * n_components * np.ptp(costs, axis=(1, 2))
    for k in range(n_components):
        other = costs.copy()
        other[np.arange(len(costs)), permutations[:, k], k] += forbidden
        second = np.minimum(second, total(other, solve(other)))
    return second - best


def confidence(costs: Floats, permutations: Ints, target_costs: Floats) -> Floats:
    """Return each draw's gap as a share of the gap of the target with itself."""
    if costs.shape[1] == 1:
        return np.ones(len(costs))
    clearest = gap(target_costs[None], solve(target_costs[None]))[0]
    gaps = gap(costs, permutations)
    return np.clip(gaps / clearest, 0.0, 1.0) if clearest > 0 else np.zeros(len(gaps))


def one_hot(labels: Ints, n_components: int) -> Floats:
    """Return memberships of 0 and 1, shape (n_observations, n_components)."""
    return np.eye(n_components)[labels]
