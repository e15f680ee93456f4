"""Rows in memory, summed over like lazy ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesgmm._typing import Floats, Ints
from bayesgmm.chunks import Chunks, is_chunked, open_chunks
from bayesgmm.validation import Table, check_sample_weight, check_table
from bayesgmm.weight_kinds import WeightKind

BLOCK = 2**16
"""Rows that are summarised at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Rows in memory, with what `Chunks` says of lazy ones.

    Attributes
    ----------
    table : Table
    sample_weight : array of shape (n_observations,), optional
    """

    table: Table
    sample_weight: Floats | None = None

    @property
    def n_observations(self) -> int:
        """Rows, as of `Table`."""
        return self.table.n_observations

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.table.feature_names

    @property
    def n_features(self) -> int:
        return self.table.n_features

    @property
    def named(self) -> bool:
        return self.table.named

    def sum(self, summarise: Callable, add: Callable, *arguments: Any) -> Any:
        """Return the sum over blocks of ``summarise(rows, weight, *arguments)``."""
        parts = []
        for start in range(0, self.n_observations, BLOCK):
            rows = slice(start, start + BLOCK)
            weight = None if self.sample_weight is None else self.sample_weight[rows]
            parts.append(summarise(self.table.values[rows], weight, *arguments))
        return add(parts)

    def take(self, rows: Ints) -> tuple[Table, Floats | None]:
        """Return some rows, by their positions, and their weights."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return self.table.take(rows), weight


def hold(
    X: Any, sample_weight: Any = None, kind: WeightKind | None = None
) -> Held | Chunks:
    """Return rows without gaps, lazy or in memory, to be summed over.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features), data frame, lazy or not
    sample_weight : array-like of shape (n_observations,), optional
    kind : WeightKind, optional
        By which weights are scaled.
    """
    if is_chunked(X):
        return open_chunks(X, None, sample_weight, kind)
    table = check_table(X)
    weight = check_sample_weight(sample_weight, table.n_observations)
    if weight is not None and kind is not None:
        weight = kind.rescale(weight)
    return Held(table, weight)


def as_given(values: Floats, rows: Held | Chunks) -> Any:
    """Return rows as a data frame where features had names, else as an array."""
    if not rows.named:
        return np.ascontiguousarray(values)
    return pd.DataFrame(values, columns=list(rows.feature_names))
