"""What models need of lazy rows in memory: their moments and ranges, and a sample."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.chunks import Chunks, open_chunks
from bayesgmm.errors import InputError
from bayesgmm.extent import Extent, survey
from bayesgmm.validation import Table
from bayesgmm.weight_kinds import WeightKind

SKETCH_ROWS = 20_000
"""Rows of the sample."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Lazy rows, and what is known of them after two passes.

    Attributes
    ----------
    chunks : Chunks
        All rows.
    extent : Extent
        Of all rows.
    sample : Table
        Some of them, in their order.
    sample_weight : array of shape (n_sampled,) or None
    """

    chunks: Chunks
    extent: Extent
    sample: Table
    sample_weight: Floats | None

    def tell(self) -> dict[str, Any]:
        """Return what tells all rows from others, beside those of the sample."""
        array = self.chunks.array
        return {
            "shape of X": array.shape,
            "chunks of X": array.chunks,
            "moments of X": tuple(self.extent),
        }


def sketch(X: Any, sample_weight: Any = None, kind: WeightKind | None = None) -> Sketch:
    """Read lazy rows twice: all of them for their moments, and a sample to keep.

    Parameters
    ----------
    X, sample_weight, kind
        As `open_chunks` takes them. The same rows have the same sample.

    Raises
    ------
    InputError
        If values are missing or not finite; the chunk and the row are named.
    """
    chunks = open_chunks(X, None, sample_weight, kind)
    extent = survey(chunks)
    n = chunks.n_observations
    if extent.n_rows == 0:
        raise InputError(
            "X",
            "have rows of a weight above zero",
            f"{n} rows, none with one",
            "Give rows that count.",
        )
    size = min(n, SKETCH_ROWS)
    random = np.random.default_rng(0)
    places = random.choice(n, size, replace=False, shuffle=False)
    table, weight = chunks.take(np.sort(places))
    return Sketch(chunks, extent, table, weight)


def refuse_gaps(missing: str) -> None:
    """Refuse to take missing values of lazy rows."""
    if missing != "error":
        raise InputError(
            "missing",
            "be 'error' for the posterior of lazy rows",
            repr(missing),
            "Drop the rows with missing values, or draw from a sample in memory, "
            "`X[:100_000].compute()`.",
        )
