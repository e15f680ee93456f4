"""Lazy rows as EM and prediction see them."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bayesgmm._typing import Quadratics, SufficientStatistics
from bayesgmm.chunks import Chunks
from bayesgmm.extent import Extent
from bayesgmm.incomplete import observe
from bayesgmm.known_labels import has_labels, split_labels
from bayesgmm.labelled import observe_labelled
from bayesgmm.observations import Kernel
from bayesgmm.parameters import MixtureParameters
from bayesgmm.statistics import add_moments
from bayesgmm.validation import check_table


@dataclass(frozen=True, slots=True, eq=False)
class Chunked:
    """Observations in chunks, as EM sees them.

    Attributes
    ----------
    chunks : Chunks
    extent : Extent
    """

    chunks: Chunks
    extent: Extent

    @property
    def n_rows(self) -> int:
        return self.extent.n_rows

    @property
    def n_observations(self) -> float:
        return self.extent.n_observations

    def expect(
        self, at: MixtureParameters, quadratics: Quadratics
    ) -> tuple[float, SufficientStatistics]:
        return self.chunks.sum(_expect_chunk, add_moments, at, quadratics)

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        if has_labels(self.chunks.sample_weight):
            return _each_labelled_row(self.chunks, kernel, at)
        return each_row(self.chunks, kernel, at)


def _expect_chunk(rows, weight, at, quadratics):
    rows = np.ascontiguousarray(rows)
    return observe_labelled(rows, *split_labels(weight)).expect(at, quadratics)


def each_row(chunks: Chunks, kernel: Kernel, at: MixtureParameters) -> Any:
    """Return what a kernel keeps of every row, as a dask array."""
    few = kernel(np.zeros((1, chunks.n_features)), at.quadratics)
    return chunks.array.map_blocks(
        _each_chunk,
        kernel,
        at,
        chunks.missing,
        dtype=few.dtype,
        drop_axis=1 if few.ndim == 1 else None,
        chunks=(chunks.array.chunks[0], few.shape[1:]) if few.ndim == 2 else None,
    )


def _each_chunk(rows, kernel, at, missing):
    return observe(check_table(rows, missing).values).each(kernel, at)


def _each_labelled_row(chunks, kernel, at):
    """Return what a kernel keeps of every row, one number each."""
    import dask.array as da

    each, rows = partial(_each_labelled, kernel=kernel, at=at), chunks.array
    told = chunks.sample_weight, "n"
    return da.blockwise(each, "n", rows, "nd", *told, dtype=int, concatenate=True)


def _each_labelled(rows, weight, kernel, at):
    rows = np.ascontiguousarray(rows)
    return observe_labelled(rows, *split_labels(weight)).each(kernel, at)
