"""The partition of least expected loss, by SALSO's stochastic search.

Dahl, Johnson and Mueller (2022), *Search algorithms and loss functions for Bayesian
clustering*, JCGS 31:1189-1201.
"""

from functools import partial
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from bayesgmm._typing import Ints
from bayesgmm.kernels import tables as kernels
from bayesgmm.kernels.partitions import Labels, Rule
from bayesgmm.kernels.tables import Tables
from bayesgmm.partitions.given import LabelDraws
from bayesgmm.partitions.losses import ROUNDING, Loss
from bayesgmm.partitions.runs import run_all

# The paper's: how often a run begins with rows one after the other in place of random
# labels, and how many clusters it takes apart at the end.
SEQUENTIAL, N_ZEALOUS = 0.5, 10
MOST_SWEEPS = 1000  # far beyond what a search needs
MOST_COUNTS = 2**27
"""Entries of the tables of a run: beyond them there are no more clusters."""


class Found(NamedTuple):
    """The best partition that a search found.

    Attributes
    ----------
    labels : array of shape (n_observations,)
        Clusters by size, the largest is 0.
    expected_loss : float
    n_runs, n_agreeing : int
        Runs that were done, and those that ended at this loss.
    """

    labels: Ints
    expected_loss: float
    n_runs: int
    n_agreeing: int


def search(
    draws: LabelDraws,
    loss: Loss,
    most: int,
    n_runs: int,
    random_seed: int,
    start: Any = None,
) -> Found:
    """Return the partition of least expected loss that any run finds.

    Parameters
    ----------
    draws : LabelDraws
    loss : Loss
    most : int
        Clusters, from `most_clusters`.
    n_runs : int
        Independent, each with its own random numbers: they do not depend on threads.
    random_seed : int
    start : array of int, shape (n_observations,), optional
        Where the first run begins.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before any run is done. Later the best partition of those
        that are is returned.
    """
    by_row = np.ascontiguousarray(draws.values.T)
    rule = loss.rule(draws.n_observations)
    run = partial(_run, draws, by_row, rule, most, random_seed, start)
    return _best(run_all(run, n_runs), loss, draws)


def most_clusters(draws: LabelDraws, max_clusters: int | None) -> int:
    """Return how many clusters there may be: of rows, of memory, of the user's wish."""
    if max_clusters is None:
        room = MOST_COUNTS // (draws.n_draws * draws.n_labels)
        max_clusters = max(room, draws.n_labels)
    return min(max_clusters, draws.n_observations)


def improve(
    draws: LabelDraws, loss: Loss, labels: Ints, most: int, rng: Any, stop: Event
) -> Ints:
    """Move rows one by one until none lowers the expected loss, or `stop` is set."""
    by_row = np.ascontiguousarray(draws.values.T)
    rule = loss.rule(draws.n_observations)
    search = _Search(by_row, draws.n_labels, rule, most, rng, stop)
    search.begin(labels)
    search.settle()
    return by_size(search.tables.labels)


def _best(runs: list[Ints], loss: Loss, draws: LabelDraws) -> Found:
    """Choose by loss; of equal ones by fewer clusters, and then by labels."""
    values = np.array([loss.distances(labels, draws).mean() for labels in runs])
    equal = np.flatnonzero(values <= values.min() + ROUNDING * abs(values.min()))
    best = min(equal, key=lambda run: (runs[run].max(), *runs[run]))
    return Found(runs[best], float(values[best]), len(runs), len(equal))


def by_size(labels: Any) -> Ints:
    """Number clusters by size, the largest 0; of equal ones the first comes first."""
    _, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(sizes), np.intp)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[inverse]


class _Search:
    """One run: the tables, and what moves rows about in them."""

    def __init__(self, rows: Labels, n_labels: int, rule: Rule, most: int, rng, stop):
        self.rows, self.n_labels, self.rule, self.most = rows, n_labels, rule, most
        self.rng, self.stop = rng, stop
        self.tables = _empty_tables(rows.shape, n_labels, min(most, n_labels + 2))

    def begin(self, labels: Any) -> None:
        """Start anew with a whole partition; the smallest clusters too many are one."""
        own = np.minimum(by_size(labels), self.most - 1).astype(np.int32)
        n_clusters = int(own.max()) + 1
        room = max(n_clusters, len(self.tables.sizes))
        self.tables = _empty_tables(self.rows.shape, self.n_labels, room)
        kernels.place(self.rule, self.rows, own, n_clusters, self.tables)

    def visit(self, order: Ints) -> bool:
        """Put rows where they cost least, one after the other; tell if any moved."""
        at, any_moved = 0, False
        while True:
            at, moved = kernels.visit(
                self.rule, self.rows, order, at, self.most, self.tables
            )
            any_moved |= moved
            if at == len(order):
                return any_moved
            self.tables = _widen(self.tables, self.most)

    def settle(self) -> float:
        """Sweep until no row moves; return the expected loss."""
        value = np.inf
        for _ in range(MOST_SWEEPS):
            moved = self.visit(self.rng.permutation(len(self.rows)))
            value = kernels.expected_loss(self.rule, self.tables)
            if not moved or self.stop.is_set():
                break
        return value

    def rebuild(self, cluster: Any) -> float:
        """Take a cluster apart and put its rows back one after the other."""
        members = np.flatnonzero(self.tables.labels == cluster)
        kernels.dissolve(self.rule, self.rows, cluster, self.tables)
        self.visit(self.rng.permutation(members))
        return kernels.expected_loss(self.rule, self.tables)


def _run(draws, rows, rule, most, seed, start, run: int, stop: Event) -> Ints | None:
    """Return the partition of one run; None if it was stopped."""
    rng = np.random.default_rng([seed, run])
    # Many clusters are slow, and from a good partition of few there are fewer of them.
    few = min(most, draws.n_labels + 1)
    search = _Search(rows, draws.n_labels, rule, few, rng, stop)
    if start is not None and run == 0:
        search.begin(start)
    elif rng.random() < SEQUENTIAL:
        search.visit(rng.permutation(len(rows)))
    else:
        n_clusters = rng.integers(1, few, endpoint=True)
        search.begin(rng.integers(n_clusters, size=len(rows)))
    search.settle()
    search.most = most
    _zealous(search, search.settle())
    return None if stop.is_set() else by_size(search.tables.labels)


def _zealous(search: _Search, value: float) -> None:
    """Take clusters apart, one after the other; go back where that was worse."""
    attempts = search.rng.permutation(search.tables.n[0])[:N_ZEALOUS]
    members = [np.flatnonzero(search.tables.labels == k)[0] for k in attempts]
    for member in members:
        before = search.tables.labels.copy()
        other = search.rebuild(search.tables.labels[member])
        if abs(other - value) > ROUNDING * abs(value):
            other = search.settle()
        if other < value - ROUNDING * abs(value):
            value = other
        elif other > value + ROUNDING * abs(value):
            search.begin(before)
        if search.stop.is_set():
            break


def _empty_tables(shape, n_labels, room) -> Tables:
    n, n_draws = shape
    return Tables(
        labels=np.full(n, -1, np.int32),
        sizes=np.zeros(room, np.int64),
        counts=np.zeros((n_draws, n_labels, room), np.int32),
        margins=np.zeros((n_draws, n_labels), np.int32),
        drawn=np.zeros(n_draws),
        joint=np.zeros(n_draws),
        n=np.zeros(2, np.int64),
    )


def _widen(tables: Tables, most: int) -> Tables:
    """Return the same tables with room for twice as many clusters."""
    room = len(tables.sizes)
    more = min(most, 2 * room) - room
    return tables._replace(
        sizes=np.pad(tables.sizes, (0, more)),
        counts=np.pad(tables.counts, ((0, 0), (0, 0), (0, more))),
    )
