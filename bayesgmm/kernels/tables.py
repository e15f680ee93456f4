"""Moves of rows that lower the average loss of a partition against draws.

The tables of the partition against all draws are kept (`Tables`): a row that moves
changes two entries of each.
"""

from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.kernels.elementary import inner, loop, serial
from bayesgmm.kernels.partitions import BINDER, VI, Labels, loss

# Moves that gain less, relative to what is compared, gain nothing but rounding.
_TOLERANCE = 1e-12


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
    costs, shared = np.empty(room), np.empty(room, np.int64)
    joint = np.empty((0 if rule.kind <= BINDER else room, draws.shape[1]))
    moved = False
    for place in range(start, len(order)):
        i = order[place]
        if tables.n[0] == room and room < most:
            return place, moved
        old = tables.labels[i]
        if old < 0:
            _admit(rule, draws[i], tables, 1)
        new = _cheapest(
            rule, draws[i], old, min(most, room), costs, shared, joint, tables
        )
        if new != old:
            moved = True
            _move(rule, draws[i], i, old, new, tables)
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
    a = _own(rule, tables)
    return _mean_loss(rule, tables.n[1], a, tables.drawn, tables.joint)


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
def _move(rule, row, i, old, new, tables):
    """Count a row in another cluster than before, if it was in any."""
    if old >= 0:
        _count(rule, row, i, old, tables, -1)
    _count(rule, row, i, new, tables, 1)
    if old >= 0 and tables.sizes[old] == 0:
        _close(old, tables)


@inner
def _cheapest(rule, row, old, most, costs, shared, joint, tables):
    """Return the cluster, perhaps a new one, where a row costs least.

    Of equal ones it is where the row was, or else the first. The row counts nowhere
    while they are compared.
    """
    n_clusters = tables.n[0]
    alone = old >= 0 and tables.sizes[old] == 1
    n_options = n_clusters if alone else min(n_clusters + 1, most)
    costs = costs[:n_options]
    if rule.kind == VI:
        _gain(rule.rise, row, old, costs, tables)
        _price_linear(rule, len(row), old, costs, tables)
    elif rule.kind == BINDER:
        _share(row, old, shared[:n_options], tables)
        costs[:] = shared[:n_options]
        _price_linear(rule, len(row), old, costs, tables)
    else:
        _join(rule.rise, row, old, joint[:n_options], tables)
        _price(rule, old, joint, costs, tables)
    cheapest = max(old, 0)
    for k in range(n_options):
        slack = _TOLERANCE * (abs(costs[k]) + abs(costs[cheapest]))
        if costs[k] < costs[cheapest] - slack:
            cheapest = k
    return cheapest


@loop
def _gain(rise, row, old, gains, tables):
    """Fill what S grows by, over all draws, when a row joins each cluster."""
    gains[:] = 0.0
    stay = 0.0
    for t in range(len(row)):
        entries = tables.counts[t, row[t]]
        for k in range(len(gains)):
            gains[k] += rise[entries[k]]
        if old >= 0:
            stay += rise[entries[old] - 1]
    if old >= 0:
        gains[old] = stay


@loop
def _share(row, old, shared, tables):
    """Fill the same for pairs: how many labels it shares with other rows of each."""
    shared[:] = 0
    for t in range(len(row)):
        entries = tables.counts[t, row[t]]
        for k in range(len(shared)):
            shared[k] += entries[k]
    if old >= 0:
        shared[old] -= len(row)


@inner
def _price_linear(rule, n_draws, old, costs, tables):
    """Turn gains into what the expected loss grows by."""
    whole, n = rule.curve[tables.n[1]], tables.n[1]
    for k in range(len(costs)):
        own, gained = rule.rise[tables.sizes[k] - (k == old)], costs[k] / n_draws
        costs[k] = loss(rule.kind, rule.cost_apart, whole, n, own, 0.0, gained)


@loop
def _join(rise, row, old, joint, tables):
    """Fill S of every draw with a row in each cluster."""
    for t in range(len(row)):
        entries, without = tables.counts[t, row[t]], tables.joint[t]
        if old >= 0:
            without -= rise[entries[old] - 1]
        for k in range(len(joint)):
            joint[k, t] = without + rise[entries[k]]
        if old >= 0:
            joint[old, t] = tables.joint[t]


@inner
def _price(rule, old, joint, costs, tables):
    """Fill the expected loss with a row in each cluster."""
    own = _own(rule, tables)
    if old >= 0:
        own -= rule.rise[tables.sizes[old] - 1]
    for k in range(len(costs)):
        a = own + rule.rise[tables.sizes[k] - (k == old)]
        costs[k] = _mean_loss(rule, tables.n[1], a, tables.drawn, joint[k])


@inner
def _mean_loss(rule, n, a, drawn, joint):
    """Return the loss averaged over draws."""
    whole = rule.curve[n]
    return _sum(rule.kind, rule.cost_apart, whole, n, a, drawn, joint) / len(drawn)


@loop
def _sum(kind, cost_apart, whole, n, a, drawn, joint):
    total = 0.0
    for t in range(len(drawn)):
        total += loss(kind, cost_apart, whole, n, a, drawn[t], joint[t])
    return total


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
