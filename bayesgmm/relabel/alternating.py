"""Methods that alternate: a target from all labels, then all labels from the target.

The target is what the draws have in common under their current labels. Then each draw
takes the labels that bring it closest to the target, and so on. What is averaged, and
what is compared with the average, makes the method:

| method            | averaged    | target                  | compared    |
|-------------------|-------------|-------------------------|-------------|
| `stephens`        | memberships | logarithm of average    | memberships |
| `ecr_iterative_1` | partitions  | commonest label         | partitions  |
| `ecr_iterative_2` | memberships | likeliest label         | partitions  |

That finds a local optimum, so it is done from several starts, all of them in the same
passes over the data.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.relabel.assignment import confidence, one_hot, solve, total
from bayesgmm.relabel.task import Relabelling, Task

N_STARTS = 10
# Few draws of overlapping components have many local optima, and cost next to nothing:
# so many numbers may be spent on starts at random permutations, at most so many starts.
RANDOM_NUMBERS, MOST_RANDOM = 10_000, 100
MAX_ITERATIONS = 100
SMALLEST = np.finfo(np.float64).tiny  # keeps log q finite where all p are zero


def stephens(task: Task) -> Relabelling:
    """Relabel draws so that their memberships lie close to their average.

    Parameters
    ----------
    task : Task
        The pivot gives the first start, and names the components at the end, because
        the criterion says nothing about their order.

    Returns
    -------
    Relabelling
        The objective is the Kullback-Leibler divergence of all memberships from their
        average, summed over draws and observations, in nats.
    """
    return _alternate(task, Criterion(_memberships, _log, _memberships))


def ecr_iterative_1(task: Task) -> Relabelling:
    """Relabel draws so that most rows carry the label that most draws give them.

    Parameters
    ----------
    task : Task
        The pivot is one of the starts, and names the components at the end.

    Returns
    -------
    Relabelling
        The objective counts the observations, over all draws, whose label is not their
        commonest.
    """
    return _alternate(task, Criterion(_partition, _partition, _partition))


def ecr_iterative_2(task: Task) -> Relabelling:
    """Relabel draws so that most rows carry the label that is likeliest on average.

    Parameters
    ----------
    task : Task
        The pivot is one of the starts, and names the components at the end.

    Returns
    -------
    Relabelling
        The objective counts the observations, over all draws, whose label is not that
        of the highest average membership.
    """
    return _alternate(task, Criterion(_memberships, _partition, _partition))


class Criterion(NamedTuple):
    """What of the responsibilities is averaged, how the average scores, what by it."""

    averaged: Callable[[Floats], Floats]
    score: Callable[[Floats], Floats]
    compared: Callable[[Floats], Floats]


def _memberships(p: Floats) -> Floats:
    return p


def _partition(p: Floats) -> Floats:
    return one_hot(p.argmax(-1), p.shape[-1])


def _log(q: Floats) -> Floats:
    return np.log(np.maximum(q, SMALLEST))


class Step(NamedTuple):
    """What one pass over the data says about S permutations of each of R starts.

    Attributes
    ----------
    permutations : array of int, shape (R, S, K)
    objective : array of shape (R,)
        The costs of these permutations: what is minimised, but for a constant.
    costs : array of shape (R, S, K, K)
        Of calling component j of draw t component l of the target.
    own_costs : array of shape (R, K, K)
        The same of the target with itself.
    pivot_costs : array of shape (R, K, K)
        The same of the target with the pivot.
    """

    permutations: Ints
    objective: Floats
    costs: Floats
    own_costs: Floats
    pivot_costs: Floats

    def only(self, chosen) -> "Step":
        return Step._make(part[chosen] for part in self)

    def best(self) -> "Step":
        return self.only(self.objective.argmin())


def _alternate(task: Task, criterion: Criterion) -> Relabelling:
    starts, least = _starts(task, criterion)
    step = _evaluate(task, criterion, _distinct(starts)[0])
    best = step.best()
    for _ in range(MAX_ITERATIONS):
        moved = np.array([solve(costs) for costs in step.costs])
        changed = (moved != step.permutations).any(axis=(1, 2))
        if not changed.any():
            break
        permutations, origins = _distinct(moved[changed])
        before = step.objective[changed][origins]
        step = _evaluate(task, criterion, permutations)
        if step.objective.min() < best.objective:
            best = step.best()
        step = step.only(step.objective < before)  # ties could go round for ever
        if not len(step.objective):
            break
    return _finish(best, least)


def _starts(task: Task, criterion: Criterion) -> tuple[Ints, float]:
    """Return permutations to start from, and the cost of draws that are the target.

    Each start agrees best with one partition, the pivot or that of some draw.
    """
    shared, least, k = 0.0, 0.0, task.n_components
    for rows, p in task.blocks():
        chosen = np.unique(np.linspace(0, len(p) - 1, N_STARTS).astype(int))
        partitions = [task.pivot[rows], *p[chosen].argmax(-1)]
        targets = np.hstack([one_hot(labels, k) for labels in partitions])
        compared = criterion.compared(_by_observation(p))
        shared = shared + _matrix(compared).T @ targets
        least -= np.vdot(compared, criterion.score(compared))
    costs = _split(-np.asarray(shared), k)
    guided = np.array([solve(cost) for cost in costs])
    return np.concatenate([guided, _random_starts(*guided.shape[1:])]), float(least)


def _random_starts(n_samples: int, k: int) -> Ints:
    n_starts = min(MOST_RANDOM, RANDOM_NUMBERS // (n_samples * k))
    ordered = np.tile(np.arange(k), (n_starts, n_samples, 1))
    return np.random.default_rng(0).permuted(ordered, axis=-1)


def _evaluate(task: Task, criterion: Criterion, starts: Ints) -> Step:
    """Make a target of each start, and compare every draw with it."""
    n_starts, n_samples, k = starts.shape
    placed = one_hot(starts, k).transpose(1, 3, 0, 2)  # sample, own, start, component
    placed = placed.reshape(n_samples * k, n_starts * k) / n_samples
    costs = np.zeros((n_samples * k, n_starts * k))
    own_costs, pivot_costs = np.zeros((2, n_starts, k, k))
    for rows, p in task.blocks():
        p = _by_observation(p)
        q = (_matrix(criterion.averaged(p)) @ placed).reshape(-1, n_starts, k)
        score, closest = criterion.score(q), criterion.compared(q)
        costs -= _matrix(criterion.compared(p)).T @ _matrix(score)
        own_costs -= np.einsum("irj,irl->rjl", closest, score)
        pivot_costs -= np.einsum("irj,il->rjl", closest, one_hot(task.pivot[rows], k))
    each = _split(costs, k)
    objective = [total(c, s).sum() for c, s in zip(each, starts, strict=True)]
    return Step(starts, np.array(objective), each, own_costs, pivot_costs)


def _by_observation(p: Floats) -> Floats:
    """Turn (t, i, j) into (i, t, j)."""
    return np.ascontiguousarray(p.transpose(1, 0, 2))


def _matrix(p: Floats) -> Floats:
    """Lay (i, t, j) out with a row per observation, a column per (t, j)."""
    return p.reshape(len(p), -1)


def _split(scores: Floats, k: int) -> Floats:
    """Turn ((t, j), (r, l)) into (r, t, j, l)."""
    return scores.reshape(len(scores) // k, k, -1, k).transpose(2, 0, 1, 3)


def _distinct(starts: Ints) -> tuple[Ints, list[int]]:
    """Drop starts that differ by one common permutation only; say which were kept."""
    canonical = np.take_along_axis(starts, np.argsort(starts[:, :1], axis=-1), axis=-1)
    places: dict[bytes, int] = {}
    for place, start in enumerate(canonical):
        places.setdefault(start.tobytes(), place)
    kept = list(places.values())
    return canonical[kept], kept


def _finish(best: Step, least: float) -> Relabelling:
    """Name the components after the pivot, and judge every draw."""
    order = solve(best.pivot_costs[None])[0]
    permutations, costs = best.permutations[:, order], best.costs[:, :, order]
    return Relabelling(
        permutations,
        confidence(costs, permutations, best.own_costs[np.ix_(order, order)]),
        float(best.objective - least),
    )
