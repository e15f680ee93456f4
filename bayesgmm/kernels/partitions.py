"""Losses between partitions of rows.

Every loss here is a function of three sums over the table N of two partitions of n
rows, whose row and column sums are a and b:

    A = sum_i f(a_i)        B = sum_j f(b_j)        S = sum_ij f(N_ij)

with f(x) = x log2 x or f(x) = x (x - 1) / 2, and of f(n).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesgmm._typing import Floats
from bayesgmm.kernels.elementary import loop, serial

Labels = NDArray[np.int32]

VI, BINDER, OMARI, NVI, NID = range(5)


class Rule(NamedTuple):
    """A loss as kernels see it.

    Attributes
    ----------
    kind : int
    cost_apart : float
        Of a pair that is together in a draw only, where pairs that are together in the
        estimate only cost 2 less it. Of Binder's loss.
    curve : array of shape (n_observations + 1,)
        f(0), f(1), ...
    rise : array of shape (n_observations,)
        Its differences.
    """

    kind: int
    cost_apart: float
    curve: Floats
    rise: Floats


@loop
def loss(kind, cost_apart, whole, n, a, b, s):
    """Return the loss for sums A, B and S; `whole` is f(n)."""
    if kind == VI:
        return (a + b - 2.0 * s) / n
    if kind == BINDER:
        return (2.0 - cost_apart) * (a - s) + cost_apart * (b - s)
    # Where both partitions are the same trivial one the rest are 0 / 0, and 0.
    if kind == OMARI:
        mean = 0.5 * (a + b)
        over, under = mean - s, mean - a * (b / max(whole, 1.0))
    elif kind == NVI:
        over, under = a + b - 2.0 * s, whole - s
    else:
        over, under = max(a, b) - s, whole - min(a, b)
    return over / under if under > 0.25 else 0.0


@serial
def losses(rule, labels, n_clusters, draws, n_labels):
    """Return the loss of a partition against every draw.

    Parameters
    ----------
    rule : Rule
    labels : array of shape (n_observations,), int32
        Below `n_clusters`.
    draws : array of shape (n_draws, n_observations), int32
        Below `n_labels`.
    """
    n_draws, n = draws.shape
    whole, curve = rule.curve[n], rule.curve
    table = np.empty((n_labels, n_clusters), np.int32)
    margin = np.empty(n_labels, np.int32)
    out = np.empty(n_draws)
    a = 0.0
    sizes = np.zeros(n_clusters, np.int64)
    for i in range(n):
        sizes[labels[i]] += 1
    for k in range(n_clusters):
        a += curve[sizes[k]]
    for t in range(n_draws):
        table[:] = 0
        margin[:] = 0
        for i in range(n):
            table[draws[t, i], labels[i]] += 1
            margin[draws[t, i]] += 1
        b = s = 0.0
        for j in range(n_labels):
            b += curve[margin[j]]
            for k in range(n_clusters):
                s += curve[table[j, k]]
        # Different partitions differ by 1 at least: less is rounding, and none.
        same = a - s < 0.5 and b - s < 0.5
        out[t] = 0.0 if same else loss(rule.kind, rule.cost_apart, whole, n, a, b, s)
    return out


@serial
def number_by_appearance(draws, n_labels):
    """Renumber the labels of every draw from 0 on, as they appear; in place.

    Parameters
    ----------
    draws : array of shape (n_draws, n_observations), int32
        Below `n_labels`.

    Returns
    -------
    array of int, shape (n_draws,)
        How many labels each has.
    """
    found = np.zeros(len(draws), np.intp)
    name = np.empty(n_labels, np.int32)
    for t in range(len(draws)):
        name[:] = -1
        for i in range(draws.shape[1]):
            j = draws[t, i]
            if name[j] < 0:
                name[j] = found[t]
                found[t] += 1
            draws[t, i] = name[j]
    return found
