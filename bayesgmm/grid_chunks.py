"""The search of a grid on lazy rows: on a sample of them, and then on all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bayesgmm.arguments import check_count
from bayesgmm.chunked import Chunked
from bayesgmm.chunks import Chunks, open_chunks
from bayesgmm.criteria import Sums, sum_rows
from bayesgmm.errors import InputError
from bayesgmm.estimator import GaussianMixture
from bayesgmm.extent import Extent, survey
from bayesgmm.fitting import objective_of
from bayesgmm.fitting_chunks import choose_rows
from bayesgmm.grid import Grid, check_families, check_n_jobs, check_sizes, fit_from
from bayesgmm.initialise import Overall
from bayesgmm.parameters import MixtureParameters
from bayesgmm.search import Cell, refine_cell, search_grid


@dataclass(frozen=True, slots=True, eq=False)
class ChunkedGrid:
    """Lazy rows, and the mixtures that are searched for them.

    Attributes
    ----------
    X : dask array, DataArray or data frame of Dask
    sample_weight : array-like or dask array of shape (n_observations,), optional
        Both as the user gave them.
    chunks : Chunks
        The same.
    extent : Extent
    sizes, families, n_init, n_jobs
        As of `bayesgmm.grid.Grid`.
    """

    X: Any
    sample_weight: Any
    chunks: Chunks
    extent: Extent
    sizes: tuple[int, ...]
    families: tuple[str, ...]
    n_init: int
    n_jobs: int | None = None

    def __len__(self) -> int:
        """Count the cells."""
        return len(self.sizes) * len(self.families)

    @property
    def n_observations(self) -> float:
        """Rows, or the sum of their weights."""
        return self.extent.n_observations

    @property
    def overall(self) -> Overall:
        """Moments of all rows."""
        return Overall.of_extent(self.extent)

    def search(self, seed: int) -> Iterator[Cell]:
        """Yield the cells as they are on all rows, from where those of a sample ended.

        The search of a sample is that of rows in memory; a cell of it is then run on
        all rows, and ends no lower than the cells that it contains.
        """
        sample = self._sample(seed).search(seed)
        found = {(each.n_components, each.covariance_type): each for each in sample}
        objectives = {name: self._objective(name) for name in self.families}
        refine = partial(refine_cell, found)
        return search_grid(objectives, self.sizes, None, fit=refine)

    def sum_rows(self, mixtures: Sequence[MixtureParameters]) -> Sums:
        """Return what the criteria of mixtures are made of, from one pass."""
        return sum_rows(mixtures, self.chunks)

    def fit(self, cell: Cell) -> GaussianMixture:
        """Return an estimator fitted where the cell ended."""
        return fit_from(cell, self.X, self.sample_weight)

    def resample(self, random: np.random.Generator) -> Grid:  # noqa: ARG002
        """Refuse: rows are not drawn again from a disk."""
        raise InputError(
            "resample",
            "be False for lazy data",
            "True",
            "Select on a sample in memory, `X[:100_000].compute()`.",
        )

    def _sample(self, seed):
        table, weight = self.chunks.take(choose_rows(len(self.chunks), seed))
        settings = {"n_init": self.n_init, "n_jobs": self.n_jobs}
        grid = Grid(table, weight, self.sizes, self.families, **settings)
        return grid.take_weighted()

    def _objective(self, family):
        settings = GaussianMixture(self.sizes[-1], covariance_type=family)
        rows, names = Chunked(self.chunks, self.extent), self.chunks.feature_names
        return objective_of(settings, rows, self.overall, names)


def check_chunked_grid(
    X, n_components, covariance_type, n_init, sample_weight=None, n_jobs=None
) -> ChunkedGrid:
    """Check the arguments of a selection on lazy rows, and look at all of these."""
    sizes = check_sizes(n_components)
    n_init = check_count("n_init", n_init, at_least=0)
    check_n_jobs(n_jobs)
    chunks = open_chunks(X, None, sample_weight)
    families = check_families(covariance_type, chunks.n_features)
    extent = survey(chunks)
    return ChunkedGrid(
        X, sample_weight, chunks, extent, sizes, families, n_init, n_jobs
    )
