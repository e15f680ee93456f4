"""A sum over chunks as one graph of Dask: leaves read and summarise, nodes add.

How chunks are read is the same in every step, and found once. A step then makes a leaf
of every chunk (with many chunks, of several), which is one task with its reading in it,
and hands out the arguments as one more. Keys are new in every step, so that a cluster
never takes one step for another.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np

from bayesgmm.errors import ChunkError, InputError

BRANCHES = 8
"""Sums that a node of the tree adds up."""
MANY = 1024
"""From this number of chunks on, a task reads `BRANCHES` of them, one after another."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A chunk: tasks that read rows and weights from what they need, and its name."""

    rows: Any
    weight: Any
    name: str

    @property
    def needs(self) -> set[Any]:
        """Keys of the graph."""
        weight = self.weight
        return {*self.rows.dependencies, *(weight.dependencies if weight else ())}

    def read(self, found: dict[Any, Any]) -> tuple[Any, Any]:
        try:
            weight = None if self.weight is None else self.weight(found)
            # Buffers that came over a network may begin anywhere: kernels would be
            # compiled anew for them.
            return np.require(self.rows(found), requirements="A"), weight
        except InputError:  # of weights or labels: read well, and wrong
            raise
        except Exception as error:
            raise broken(self.name, error) from error

    def summarise(self, summarise: Callable, arguments: Iterable, found: dict) -> Any:
        try:
            return summarise(*self.read(found), *arguments)
        except InputError as error:
            got = f"{error.got} of {self.name}"
            raise type(error)(error.argument, error.rule, got, error.remedy) from None


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """Some chunks after each other, of which one is in memory at a time."""

    parts: Sequence[Part]
    needs: Sequence[Any]

    def __call__(self, told: tuple, *found: Any) -> Any:
        summarise, add, arguments = told
        values = dict(zip(self.needs, found, strict=True))
        sums = [part.summarise(summarise, arguments, values) for part in self.parts]
        return sums[0] if len(sums) == 1 else add(sums)


@dataclass(frozen=True, slots=True, eq=False)
class ChunkTree:
    """Chunks whose sums are one graph.

    Attributes
    ----------
    shared : dict
        Tasks that the reading of chunks needs, by key: what several chunks share, and
        chunks that lie in memory.
    leaves : list of Leaf
    """

    shared: dict[Any, Any]
    leaves: list[Leaf]

    @classmethod
    def of(cls, array: Any, weight: Any, names: Sequence[str]) -> "ChunkTree":
        """Return the tree of a dask array in chunks of rows, and weights in the same.

        Parameters
        ----------
        array : dask array of shape (n_observations, n_features)
        weight : dask array of shape (n_observations,) or None
        names : sequence of str
            Of the chunks, in messages.
        """
        import dask
        from dask._task_spec import convert_legacy_graph

        array, weight = dask.optimize(array, weight)  # pyright: ignore[reportPrivateImportUsage]
        tasks = dict(array.__dask_graph__())
        rows = [(array.name, number, 0) for number in range(len(names))]
        weights: list[Any] = [None] * len(names)
        if weight is not None:
            tasks |= dict(weight.__dask_graph__())
            weights = [(weight.name, number) for number in range(len(names))]
        tasks = convert_legacy_graph(tasks)
        uses = Counter(key for task in tasks.values() for key in task.dependencies)
        parts = [
            Part(_take(tasks, key, uses), _take(tasks, weight, uses), name)
            for key, weight, name in zip(rows, weights, names, strict=True)
        ]
        size = BRANCHES if len(parts) >= MANY else 1
        groups = [parts[i : i + size] for i in range(0, len(parts), size)]
        needs = [set().union(*(part.needs for part in group)) for group in groups]
        leaves = [
            Leaf(group, sorted(need, key=str))
            for group, need in zip(groups, needs, strict=True)
        ]
        return cls(tasks, leaves)

    def sum(self, summarise: Callable, add: Callable, arguments: Iterable) -> Any:
        """Return the sum of ``summarise(rows, weight, *arguments)``.

        Raises
        ------
        ChunkError
            If a chunk cannot be read.
        """
        from dask.base import get_scheduler
        from dask.threaded import get

        tasks, root = self._grow((summarise, add, tuple(arguments)))
        schedule = get_scheduler() or get
        return schedule({**self.shared, **tasks}, root)

    def suspect(self, error: Exception) -> str | None:
        """Return the names of the chunks in whose task the workers of a cluster died.

        Tasks that only waited on such a worker may be blamed as well.
        """
        key = getattr(error, "task", None)  # of `distributed.KilledWorker`
        if isinstance(key, tuple) and key[1:2] == (0,):
            return " or ".join(part.name for part in self.leaves[key[2]].parts)
        return None

    def _grow(self, told: tuple) -> tuple[dict[Any, Any], Any]:
        """Return the tasks of one step, and the key of the last."""
        from dask._task_spec import DataNode, List, Task, TaskRef

        name, add = f"sum-of-chunks-{uuid4().hex}", told[1]
        tasks: dict[Any, Any] = {name: DataNode(name, told)}
        nodes, level = [(name, 0, i) for i in range(len(self.leaves))], 0
        for key, leaf in zip(nodes, self.leaves, strict=True):
            tasks[key] = Task(key, leaf, TaskRef(name), *map(TaskRef, leaf.needs))
        while len(nodes) > 1:
            level += 1
            groups = [nodes[i : i + BRANCHES] for i in range(0, len(nodes), BRANCHES)]
            nodes = [(name, level, i) for i in range(len(groups))]
            for key, group in zip(nodes, groups, strict=True):
                tasks[key] = Task(key, add, List(*map(TaskRef, group)))
        return tasks, nodes[0]


def broken(name: str, error: Exception) -> ChunkError:
    """Say which chunk cannot be read, and why."""
    return ChunkError(
        f"{name.capitalize()} cannot be read: {type(error).__name__}: {error}. Mend it "
        "or leave it out, and fit again."
    )


def _take(tasks: dict, key: Any, uses: Counter, by: int = 0) -> Any:
    """Return the task of a key, out of the graph if only `by` others need it."""
    from dask._task_spec import Alias, Task

    if key is None:
        return None
    task = tasks.get(key)
    if uses[key] == by and isinstance(task, Alias):  # another name
        del tasks[key]
        return _take(tasks, task.target, uses, by=1)
    if uses[key] == by and isinstance(task, Task):
        return tasks.pop(key)
    return Alias(key)  # it lies in memory, here or (then it has no task) on a cluster
