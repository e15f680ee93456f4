"""Stephens: make each draw's memberships close to their average.

With q the average membership under the current labels, each draw takes the labels that
bring its memberships closest to q in Kullback-Leibler divergence; then q is taken anew,
until nothing changes. That finds a local optimum, so it is done from several starts,
all of them in the same passes over the data.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from bayesgmm._typing import Floats, Ints
from bayesgmm.relabel.assignment import Blocks, Relabelling, confidence, one_hot, solve

N_STARTS = 10
# Few draws of overlapping components have many local optima, and cost next to nothing:
# so many numbers may be spent on starts at random permutations, at most so many starts.
RANDOM_NUMBERS, MOST_RANDOM = 10_000, 100
MAX_ITERATIONS = 100
SMALLEST = np.finfo(np.float64).tiny  # keeps log q finite where all p are zero


class Step(NamedTuple):
    """What one pass over the data says about S permutations of each of R starts.

    Attributes
    ----------
    permutations : array of int, shape (R, S, K)
    cross_entropy : array of shape (R,)
        Minus the sum of p log q: the objective but for a constant.
    costs : array of shape (R, S, K, K)
        ``-sum_i p_tij log q_il``.
    q_log_q : array of shape (R, K, K)
        ``sum_i q_ij log q_il``.
    q_pivot : array of shape (R, K, K)
        ``sum_i q_ij [pivot_i = l]``.
    """

    permutations: Ints
    cross_entropy: Floats
    costs: Floats
    q_log_q: Floats
    q_pivot: Floats

    def only(self, chosen) -> "Step":
        return Step._make(part[chosen] for part in self)


def stephens(blocks: Blocks, pivot: Ints, n_components: int) -> Relabelling:
    """Relabel draws so that their memberships lie close to their average.

    Parameters
    ----------
    blocks : callable
        Yields (rows, responsibilities of shape (n_samples, n_rows, n_components)).
    pivot : array of int, shape (n_observations,)
        A partition: it gives the first start, and names the components at the end,
        because the criterion says nothing about their order.
    n_components : int

    Returns
    -------
    Relabelling
        The objective is the Kullback-Leibler divergence of all memberships from their
        average, summed over draws and observations, in nats.

    References
    ----------
    .. [1] M. Stephens (2000), *Dealing with label switching in mixture models*,
       J. R. Stat. Soc. B 62:795-809.
    """
    starts, entropy = _starts(blocks, pivot, n_components)
    step = _evaluate(blocks, _distinct(starts), pivot)
    best, n_iterations = _best(step), 0
    while n_iterations < MAX_ITERATIONS:
        moved = np.array([solve(costs) for costs in step.costs])
        changed = (moved != step.permutations).any(axis=(1, 2))
        if not changed.any():
            break
        step = _evaluate(blocks, _distinct(moved[changed]), pivot)
        n_iterations += 1
        candidate = _best(step)
        if candidate.cross_entropy < best.cross_entropy:
            best = candidate
    return _finish(best, entropy, n_iterations)


def _starts(blocks: Blocks, pivot: Ints, k: int) -> tuple[Ints, float]:
    """Return permutations to start from, and the entropy of the memberships.

    Each agrees best with one partition, the pivot or that of some draw.
    """
    agreement, entropy = 0.0, 0.0
    for rows, p in blocks():
        chosen = np.unique(np.linspace(0, len(p) - 1, N_STARTS).astype(int))
        partitions = [pivot[rows], *p[chosen].argmax(-1)]
        targets = np.hstack([one_hot(labels, k) for labels in partitions])
        agreement = agreement + _by_observation(p).T @ targets
        entropy -= xlogy(p, p).sum()
    costs = _split(-np.asarray(agreement), k)
    guided = np.array([solve(cost) for cost in costs])
    return np.concatenate([guided, _random_starts(*guided.shape[1:])]), entropy


def _random_starts(n_samples: int, k: int) -> Ints:
    n_starts = min(MOST_RANDOM, RANDOM_NUMBERS // (n_samples * k))
    ordered = np.tile(np.arange(k), (n_starts, n_samples, 1))
    return np.random.default_rng(0).permuted(ordered, axis=-1)


def _evaluate(blocks: Blocks, starts: Ints, pivot: Ints) -> Step:
    """Average the memberships under each start, and compare every draw with that."""
    n_starts, n_samples, k = starts.shape
    placed = one_hot(starts, k).transpose(1, 3, 0, 2)  # sample, own, start, component
    placed = placed.reshape(n_samples * k, n_starts * k) / n_samples
    costs = np.zeros((n_samples * k, n_starts * k))
    q_log_q, q_pivot = np.zeros((2, n_starts, k, k))
    for rows, responsibilities in blocks():
        p = _by_observation(responsibilities)
        q = p @ placed
        log_q = np.log(np.maximum(q, SMALLEST))
        costs -= p.T @ log_q
        q, log_q = (x.reshape(-1, n_starts, k) for x in (q, log_q))
        q_log_q += np.einsum("irj,irl->rjl", q, log_q)
        q_pivot += np.einsum("irj,il->rjl", q, one_hot(pivot[rows], k))
    cross_entropy = -n_samples * np.trace(q_log_q, axis1=1, axis2=2)
    return Step(starts, cross_entropy, _split(costs, k), q_log_q, q_pivot)


def _by_observation(p: Floats) -> Floats:
    """Lay memberships out as a matrix, a row per observation, a column per (t, j)."""
    return p.transpose(1, 0, 2).reshape(p.shape[1], -1)


def _split(scores: Floats, k: int) -> Floats:
    """Turn ((t, j), (r, l)) into (r, t, j, l)."""
    return scores.reshape(len(scores) // k, k, -1, k).transpose(2, 0, 1, 3)


def _distinct(starts: Ints) -> Ints:
    """Drop starts that differ by one common permutation of all draws only."""
    canonical = np.take_along_axis(starts, np.argsort(starts[:, :1], axis=-1), axis=-1)
    return np.unique(canonical, axis=0)


def _best(step: Step) -> Step:
    return step.only(step.cross_entropy.argmin())


def _finish(best: Step, entropy: float, n_iterations: int) -> Relabelling:
    """Name the components after the pivot, and judge every draw."""
    order = solve(-best.q_pivot[None])[0]
    permutations, costs = best.permutations[:, order], best.costs[:, :, order]
    target = -best.q_log_q[np.ix_(order, order)]
    return Relabelling(
        permutations,
        confidence(costs, permutations, target),
        float(best.cross_entropy - entropy),
        n_iterations,
    )
