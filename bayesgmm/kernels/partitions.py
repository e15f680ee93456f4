"""Losses between partitions of rows, and moves of rows that lower their average.

Every loss here is a function of three sums over the table N of two partitions of n
rows, whose row and column sums are a and b:

    A = sum_i f(a_i)        B = sum_j f(b_j)        S = sum_ij f(N_ij)

with f(x) = x log2 x or f(x) = x (x - 1) / 2, and of f(n). So a search keeps the tables
of one partition against all draws, and a row that moves changes two entries of each.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesgmm._typing import Floats, Ints
from bayesgmm.kernels.elementary import inner, loop, serial

Labels = NDArray[np.int32]

VI, BINDER, OMARI, NVI, NID = range(5)
# Moves that gain less, relative to what is compared, gain nothing but rounding.
_TOLERANCE = 1e-12


class Rule(NamedTuple):
    """A loss as kernels see it.

    Attributes
    ----------
    kind : int
    cost_apart : float
        Of a pair that is together in a draw only, where pairs that are together in the
        estimate only cost 2 less it. Of Binder's loss.
    linear : bool
        Whether the loss is linear in A, B and S: only their means matter then.
    curve : array of shape (n_observations + 1,)
        f(0), f(1), ...
    rise : array of shape (n_observations,)
        Its differences.
    """

    kind: int
    cost_apart: float
    linear: bool
    curve: Floats
    rise: Floats


class Tables(NamedTuple):
    """A partition of some of the rows, and its tables against all draws.

    Attributes
    ----------
    labels : array of shape (n_observations,), int32
        -1 for rows that are out. Clusters are 0, 1, ..., without gaps.
    sizes : array of shape (room,)
    counts : array of shape (n_draws, n_labels, room), int32
        Rows by their label in a draw and their cluster.
    margins : array of shape (n_draws, n_labels), int32
        Rows that are in, by their label in a draw.
    drawn, joint : array of shape (n_draws,)
        B and S.
    n : array of int, (n_clusters, n_rows that are in)
    """

    labels: Labels
    sizes: Ints
    counts: Labels
    margins: Labels
    drawn: Floats
    joint: Floats
    n: Ints


class _Space(NamedTuple):
    """Memory for the options that a row has."""

    costs: Floats
    shared: Ints
    options: Ints
    joint: Floats


@loop
def _loss(rule, whole, n, a, b, s):
    """Return the loss for sums A, B and S; `whole` is f(n)."""
    if rule.kind == VI:
        return (a + b - 2.0 * s) / n
    if rule.kind == BINDER:
        return (2.0 - rule.cost_apart) * (a - s) + rule.cost_apart * (b - s)
    # Where both partitions are the same trivial one the rest are 0 / 0, and 0.
    if rule.kind == OMARI:
        mean = 0.5 * (a + b)
        over, under = mean - s, mean - (a * b / whole if whole > 0.0 else 0.0)
    elif rule.kind == NVI:
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
        out[t] = 0.0 if same else _loss(rule, whole, n, a, b, s)
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


@serial
def visit(rule, draws, order, start, most, tables):
    """Put rows one after the other where the expected loss is lowest then.

    Parameters
    ----------
    rule : Rule
    draws : array of shape (n_observations, n_draws), int32
    order : array of int
        The rows to visit. Those that are out come in.
    start : int
        Where to begin in it.
    most : int
        Clusters at most.
    tables : Tables
        Changed in place.

    Returns
    -------
    stop : int
        Where in `order` it stopped: at its end, or where the tables have no room for
        another cluster.
    moved : bool
    """
    room = len(tables.sizes)
    space = _Space(
        np.empty(room),
        np.empty(room, np.int64),
        np.empty(room, np.intp),
        np.empty((0 if rule.linear else room, draws.shape[1])),
    )
    moved = False
    for place in range(start, len(order)):
        i = order[place]
        if tables.n[0] == room and room < most:
            return place, moved
        old = tables.labels[i]
        if old < 0:
            _admit(rule, draws[i], tables, 1)
        else:
            _count(rule, draws[i], i, old, tables, -1)
        new = _cheapest(rule, draws[i], old, min(most, room), space, tables)
        _count(rule, draws[i], i, new, tables, 1)
        moved = moved or new != old
        if old >= 0 and tables.sizes[old] == 0:
            _close(old, tables)
    return len(order), moved


@serial
def place(rule, draws, labels, n_clusters, tables):
    """Fill empty tables with a whole partition."""
    tables.n[0] = n_clusters
    for i in range(len(labels)):
        _admit(rule, draws[i], tables, 1)
        _count(rule, draws[i], i, labels[i], tables, 1)


@serial
def dissolve(rule, draws, cluster, tables):
    """Take all rows of a cluster out."""
    for i in range(len(draws)):
        if tables.labels[i] == cluster:
            _count(rule, draws[i], i, cluster, tables, -1)
            _admit(rule, draws[i], tables, -1)
            tables.labels[i] = -1
    _close(cluster, tables)


@serial
def expected_loss(rule, tables):
    """Return the loss averaged over draws; S is summed anew, free of rounding."""
    curve, n_clusters = rule.curve, tables.n[0]
    n_draws, n_labels, _ = tables.counts.shape
    for t in range(n_draws):
        s = 0.0
        for j in range(n_labels):
            for k in range(n_clusters):
                s += curve[tables.counts[t, j, k]]
        tables.joint[t] = s
    n, a = tables.n[1], _own(rule, tables)
    return _mean_loss(rule, curve[n], n, a, tables.drawn, tables.joint)


@inner
def _own(rule, tables):
    """Return A."""
    a = 0.0
    for k in range(tables.n[0]):
        a += rule.curve[tables.sizes[k]]
    return a


@inner
def _admit(rule, row, tables, step):
    """Let a row in (step 1), or out (-1)."""
    tables.n[1] += step
    for t in range(len(row)):
        before = tables.margins[t, row[t]]
        tables.margins[t, row[t]] = before + step
        tables.drawn[t] += step * rule.rise[min(before, before + step)]


@inner
def _count(rule, row, i, cluster, tables, step):
    """Count a row in a cluster (step 1), or no longer (-1)."""
    tables.sizes[cluster] += step
    tables.n[0] = max(tables.n[0], cluster + 1)
    tables.labels[i] = cluster
    for t in range(len(row)):
        before = tables.counts[t, row[t], cluster]
        tables.counts[t, row[t], cluster] = before + step
        tables.joint[t] += step * rule.rise[min(before, before + step)]


@inner
def _cheapest(rule, row, old, most, space, tables):
    """Return the cluster, perhaps a new one, where a row costs least."""
    n_clusters = tables.n[0]
    emptied = old >= 0 and tables.sizes[old] == 0
    n_options = n_clusters if emptied else min(n_clusters + 1, most)
    options = _options(row, old, n_options, space, tables)
    if rule.linear:
        _price_linear(rule, row, options, space.costs, tables)
    else:
        _price(rule, row, options, space, tables)
    costs, cheapest = space.costs, 0
    for place in range(1, len(options)):
        slack = _TOLERANCE * (abs(costs[place]) + abs(costs[cheapest]))
        if costs[place] < costs[cheapest] - slack:
            cheapest = place
    return options[cheapest]


@loop
def _options(row, old, n_options, space, tables):
    """Return the clusters where a row might go: where it was first, a new one last.

    A cluster with none of whose rows it shares a label in any draw is worse than none.
    """
    shared, options = space.shared[:n_options], space.options
    shared[:] = 0
    for t in range(len(row)):
        entries = tables.counts[t, row[t]]
        for k in range(n_options):
            shared[k] += entries[k]
    found = 0
    if old >= 0:
        options[0], found = old, 1
    for k in range(n_options):
        if k != old and (shared[k] > 0 or tables.sizes[k] == 0):
            options[found] = k
            found += 1
    if found == 0:  # no new cluster is allowed
        options[0], found = 0, 1
    return options[:found]


@loop
def _price_linear(rule, row, options, costs, tables):
    """Fill what the expected loss grows by when a row joins each cluster."""
    n_draws, n, rise = len(row), tables.n[1], rule.rise
    costs[:] = 0.0
    for t in range(n_draws):
        entries = tables.counts[t, row[t]]
        for place in range(len(options)):
            costs[place] += rise[entries[options[place]]]
    for place in range(len(options)):
        own, joint = rise[tables.sizes[options[place]]], costs[place] / n_draws
        costs[place] = _loss(rule, rule.curve[n], n, own, 0.0, joint)


@inner
def _price(rule, row, options, space, tables):
    """Fill the expected loss with a row in each cluster."""
    own, whole = _own(rule, tables), rule.curve[tables.n[1]]
    for t in range(len(row)):
        entries = tables.counts[t, row[t]]
        for place in range(len(options)):
            gained = rule.rise[entries[options[place]]]
            space.joint[place, t] = tables.joint[t] + gained
    for place in range(len(options)):
        a = own + rule.rise[tables.sizes[options[place]]]
        space.costs[place] = _mean_loss(
            rule, whole, tables.n[1], a, tables.drawn, space.joint[place]
        )


@loop
def _mean_loss(rule, whole, n, a, drawn, joint):
    """Return the loss averaged over draws."""
    total = 0.0
    for t in range(len(drawn)):
        total += _loss(rule, whole, n, a, drawn[t], joint[t])
    return total / len(drawn)


@inner
def _close(cluster, tables):
    """Give the number of an empty cluster to the last one."""
    last = tables.n[0] - 1
    if cluster != last:
        tables.sizes[cluster] = tables.sizes[last]
        for t in range(len(tables.counts)):
            for j in range(tables.counts.shape[1]):
                tables.counts[t, j, cluster] = tables.counts[t, j, last]
                tables.counts[t, j, last] = 0
        for i in range(len(tables.labels)):
            if tables.labels[i] == last:
                tables.labels[i] = cluster
    tables.sizes[last] = 0
    tables.n[0] = last
