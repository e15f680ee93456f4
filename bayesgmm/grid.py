"""What a selection searches: rows, sizes and families; and the search of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_count
from bayesgmm.candidates import Partitions
from bayesgmm.compression import compress, one_by_one
from bayesgmm.covariances import covariance_family
from bayesgmm.criteria import Sums, sum_rows
from bayesgmm.errors import InputError
from bayesgmm.estimator import GaussianMixture
from bayesgmm.fitting import build_objective
from bayesgmm.initialise import Overall
from bayesgmm.observations import Complete
from bayesgmm.parameters import MixtureParameters
from bayesgmm.search import Cell, search_grid
from bayesgmm.validation import (
    Table,
    check_sample_weight,
    check_table,
    drop_weightless,
)

ALL = (
    *("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE"),
    *("VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"),
)
ALL_OF_ONE_FEATURE = ("E", "V")


class Searched(Protocol):
    """What is asked of a grid, whether its rows are in memory or lazy."""

    @property
    def sizes(self) -> tuple[int, ...]: ...

    @property
    def families(self) -> tuple[str, ...]: ...

    @property
    def n_observations(self) -> float: ...

    @property
    def overall(self) -> Overall: ...

    def __len__(self) -> int: ...

    def search(self, seed: int) -> Iterator[Cell]: ...

    def sum_rows(self, mixtures: Sequence[MixtureParameters]) -> Sums: ...

    def fit(self, cell: Cell) -> GaussianMixture: ...

    def resample(self, random: np.random.Generator) -> "Searched": ...


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Rows, and the mixtures that are searched for them.

    Attributes
    ----------
    table : Table
        Rows that count.
    sample_weight : array of shape (n_observations,) or None
        Above zero.
    sizes : tuple of int
        Numbers of components, ascending.
    families : tuple of str
        As the user wrote them.
    n_init : int
        Starts by k-means++ in every cell, beside the others.
    n_folds : int
        Parts of the rows for cross-validation.
    n_jobs : int or None
        Processes.
    """

    table: Table
    sample_weight: Floats | None
    sizes: tuple[int, ...]
    families: tuple[str, ...]
    n_init: int
    n_folds: int = 2
    n_jobs: int | None = None

    def __len__(self) -> int:
        """Count the cells."""
        return len(self.sizes) * len(self.families)

    @property
    def n_observations(self) -> float:
        """Rows, or the sum of their weights."""
        return self.rows.n_observations

    @property
    def rows(self) -> Complete:
        return Complete(self.table.values, self.sample_weight)

    @property
    def overall(self) -> Overall:
        """Moments of all rows."""
        return Overall.of(self.table.values, self.sample_weight)

    def search(self, seed: int) -> Iterator[Cell]:
        """Yield the cells, sizes ascending and simple families first."""
        rows = compress(self.rows)
        objectives = {
            name: replace(self._objective(name), observations=rows)
            for name in self.families
        }
        partitions = Partitions.of(one_by_one(rows), self.n_init, seed)
        return search_grid(objectives, self.sizes, partitions, self.n_jobs)

    def take(self, rows: Ints, sample_weight: Floats | None) -> "Grid":
        """Return the same grid for some of the rows, with these weights."""
        return replace(self, table=self.table.take(rows), sample_weight=sample_weight)

    def take_weighted(self) -> "Grid":
        """Return the grid without rows of weight zero."""
        table, _, weight = drop_weightless(self.table, self.sample_weight)
        return replace(self, table=table, sample_weight=weight)

    def fit(self, cell: Cell) -> GaussianMixture:
        """Return an estimator fitted where the cell ended."""
        return fit_from(cell, self.table, self.sample_weight)

    def sum_rows(self, mixtures: Sequence[MixtureParameters]) -> Sums:
        """Return what the criteria of mixtures are made of."""
        rows = one_by_one(compress(self.rows))
        return sum_rows(mixtures, rows.X, rows.sample_weight)

    def resample(self, random: np.random.Generator) -> "Grid":
        """Draw as many rows with replacement: how often each was is its weight."""
        n = self.table.n_observations
        times = random.multinomial(n, np.full(n, 1 / n))
        rows = np.flatnonzero(times)
        weight = 1.0 if self.sample_weight is None else self.sample_weight[rows]
        return self.take(rows, np.asarray(times[rows] * weight, np.float64))

    def _objective(self, family):
        settings = GaussianMixture(self.sizes[-1], covariance_type=family)
        return build_objective(settings, self.table, self.sample_weight)


def fit_from(cell: Cell, X: Any, sample_weight: Any) -> GaussianMixture:
    """Return an estimator fitted to rows, perhaps lazy, from where a cell ended."""
    mixture = cell.parameters
    assert mixture is not None
    starts = {
        "weights_init": mixture.weights,
        "means_init": mixture.means,
        "precisions_init": mixture.family.compact(mixture.precisions),
    }
    em = GaussianMixture(cell.n_components, covariance_type=cell.covariance_type)
    em.set_params(**starts).fit(X, sample_weight=sample_weight)
    return em.set_params(**dict.fromkeys(starts))


def check_sizes(n_components: Any) -> tuple[int, ...]:
    """Return one or many numbers of components, ascending."""
    many = n_components if isinstance(n_components, Iterable) else [n_components]
    sizes = {check_count("n_components", size) for size in many}
    if not sizes:
        raise InputError(
            "n_components",
            "hold at least one number",
            "none",
            "For example `n_components=range(1, 10)`.",
        )
    return tuple(sorted(sizes))


def check_families(covariance_type: Any, n_features) -> tuple[str, ...]:
    """Return the names of one, many or all families."""
    if isinstance(covariance_type, str) or not isinstance(covariance_type, Iterable):
        covariance_type = [covariance_type]
    names: tuple[Any, ...] = tuple(covariance_type)
    if names == ("all",):
        return ALL if n_features > 1 else ALL_OF_ONE_FEATURE
    families = [covariance_family(name, n_features).name for name in names]
    if not names or len(set(families)) < len(families):
        raise InputError(
            "covariance_type",
            'be "all" or names of different families',
            repr(list(names)),
            'For example `covariance_type=["EEE", "VVV"]`.',
        )
    return names


def check_n_jobs(n_jobs: Any) -> None:
    """Refuse what is no number of processes."""
    if n_jobs is not None and n_jobs != -1:
        check_count("n_jobs", n_jobs)


def check_grid(
    X, n_components, covariance_type, n_init, sample_weight=None, n_folds=2, n_jobs=None
) -> Grid:
    """Check the arguments of a selection; leave rows of weight zero out."""
    sizes = check_sizes(n_components)
    n_init = check_count("n_init", n_init, at_least=0)
    table = check_table(X)
    families = check_families(covariance_type, table.n_features)
    weight = check_sample_weight(sample_weight, table.n_observations)
    n_folds = check_count("n_folds", n_folds, at_least=2)
    check_n_jobs(n_jobs)
    grid = Grid(table, weight, sizes, families, n_init, n_folds, n_jobs)
    return grid.take_weighted()
