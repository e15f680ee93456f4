"""The search of a grid of mixtures: sizes and families, none below what it contains.

A mixture is a member of every family that contains its own, and with a component
written twice one of every larger size. EM goes on from there and never down: a cell of
the grid ends no lower than the cells it contains.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from bayesgmm.candidates import (
    Candidate,
    Partition,
    Partitions,
    from_partition,
    repeat_largest,
    splits,
)
from bayesgmm.compression import one_by_one
from bayesgmm.contains import freedom, largest_within, simple_first
from bayesgmm.covariances import covariance_family
from bayesgmm.em import Status
from bayesgmm.parameters import MixtureParameters
from bayesgmm.race import best_of, race, run_alone
from bayesgmm.steps import Objective


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """What the search found for one size and one family.

    Attributes
    ----------
    n_components : int
    covariance_type : str
    parameters : MixtureParameters or None
        None if every run collapsed and the grid has no smaller model.
    log_likelihood : float
        NaN without parameters.
    status : Status
        If collapsed, the parameters are those of the best model that this contains.
    spurious : bool
        Whether a component rests on too few rows; see `bayesgmm.optima.is_spurious`.
    start : str
        What the best run began with.
    """

    n_components: int
    covariance_type: str
    parameters: MixtureParameters | None
    log_likelihood: float
    status: Status
    spurious: bool
    start: str

    def as_member(self, covariance_type: str) -> Candidate:
        """Return the mixture as one of a larger family."""
        assert self.parameters is not None
        family = covariance_family(covariance_type).name
        origin = f"{self.covariance_type}, {self.n_components}"
        return Candidate(replace(self.parameters, covariance_type=family), origin)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All that the search of one cell needs.

    Attributes
    ----------
    n_components : int
    covariance_type : str
    within : tuple of Cell
        Of the same size, of the largest families within this one; with parameters.
    smaller : Cell or None
        Of the same family, of the next smaller size; with parameters.
    partitions : tuple of Partition
    """

    n_components: int
    covariance_type: str
    within: tuple[Cell, ...]
    smaller: Cell | None
    partitions: tuple[Partition, ...]

    @property
    def largest_contained(self) -> Cell | None:
        """The highest of the cells that this one contains."""
        contained = (
            self.within if self.smaller is None else (*self.within, self.smaller)
        )
        return max(contained, key=lambda cell: cell.log_likelihood, default=None)

    @property
    def bound(self) -> float:
        """What the fit of this cell has at least."""
        best = self.largest_contained
        return -np.inf if best is None else best.log_likelihood


def search_grid(
    objectives: Mapping[str, Objective],
    sizes: Sequence[int],
    partitions: Partitions | None,
    n_jobs: int | None = None,
    *,
    fit: "Callable[[Objective, Task], Cell] | None" = None,
) -> Iterator[Cell]:
    """Fit every size with every family, each after all that it contains.

    Parameters
    ----------
    objectives : dict of Objective
        By family, of complete rows, perhaps lazy.
    sizes : sequence of int
        Numbers of components, ascending.
    partitions : Partitions, optional
        Where fits begin, beside the models that they contain.
    n_jobs : int, optional
        Processes; by default this one. The fits are the same.
    fit : callable, optional
        What fits a cell, by default `fit_cell`.
    """
    found: dict[tuple[int | None, str], Cell] = {}
    names = simple_first(objectives)
    into = partitions.into if partitions is not None else lambda size: ()  # noqa: ARG005
    parts = {size: tuple(into(size)) for size in sizes}
    fit = fit_cell if fit is None else fit
    smaller = dict(zip(sizes, [None, *sizes], strict=False))

    def task(size, name):
        within = [(size, other) for other in largest_within(name, names)]
        within = tuple(found[key] for key in within if key in found)
        return Task(size, name, within, found.get((smaller[size], name)), parts[size])

    run = Parallel(n_jobs, return_as="generator")
    for wave in _waves(sizes, names):
        tasks = [(objectives[name], task(size, name)) for size, name in wave]
        for cell in run(delayed(fit)(*each) for each in tasks):
            assert isinstance(cell, Cell)
            if cell.parameters is not None:
                found[cell.n_components, cell.covariance_type] = cell
            yield cell


def _waves(sizes, names):
    """Return cells in groups of which none contains another, each after its own."""
    waves: dict[int, list[tuple[int, str]]] = {}
    for place, size in enumerate(sizes):
        for name in names:
            waves.setdefault(place + freedom(name), []).append((size, name))
    return [waves[number] for number in sorted(waves)]


def fit_cell(objective: Objective, task: Task) -> Cell:
    """Race all candidates, and keep what is not below the models within the cell."""
    return _to_cell(race(objective, _candidates(objective, task), task.bound), task)


def refine_cell(
    found: Mapping[tuple[int, str], Cell], objective: Objective, task: Task
) -> Cell:
    """Run what a search of a sample found on all rows.

    Where that ends below the models within the cell, or on too few rows, these are
    candidates too.

    Parameters
    ----------
    found : dict of Cell
        By size and family, of the sample.
    objective : Objective
        Of all rows.
    task : Task
    """
    cell = found[task.n_components, task.covariance_type]
    winner = None
    if cell.status is not Status.COLLAPSED and cell.parameters is not None:
        candidate = Candidate(cell.parameters, cell.start)
        winner = run_alone(objective, candidate, task.bound)
    if winner is None or winner.spurious:
        others = race(objective, _candidates(objective, task), task.bound)
        winner = best_of([winner, others])
    return _to_cell(winner, task)


def _to_cell(winner, task) -> Cell:
    if winner is None:
        return _hold(task.largest_contained, task)
    run = winner.run.largest_first()
    return Cell(
        task.n_components,
        task.covariance_type,
        run.parameters,
        run.log_likelihood,
        run.status,
        winner.spurious,
        winner.origin,
    )


def _candidates(objective, task) -> Iterator[Candidate]:
    size = task.n_components
    for cell in task.within:
        yield cell.as_member(task.covariance_type)
    if task.smaller is not None:
        yield from splits(task.smaller.parameters, objective, size)
    family = covariance_family(task.covariance_type)
    for partition in task.partitions:
        rows = one_by_one(objective.observations)
        yield from from_partition(rows, partition, size, family)


def _hold(best, task) -> Cell:
    """Keep the density of a contained cell where every run collapsed or fell short."""
    size, name = task.n_components, task.covariance_type
    if best is None:
        return Cell(size, name, None, np.nan, Status.COLLAPSED, False, "")
    member = best.as_member(name)
    parameters = repeat_largest(member.start, size)
    value = best.log_likelihood
    return Cell(
        size, name, parameters, value, Status.COLLAPSED, best.spurious, member.origin
    )
