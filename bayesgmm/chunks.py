"""Rows that are read chunk by chunk through Dask, and sums over them in one tree.

The tree has the shape of the chunks alone, so that threads do not change a bit
of the result. Nothing of a row is kept.
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bayesgmm._typing import Ints
from bayesgmm.chunk_tree import ChunkTree, broken
from bayesgmm.errors import ChunkError, InputError
from bayesgmm.known_labels import check_labels, join_labels, record_of
from bayesgmm.validation import (
    Table,
    check_sample_weight,
    check_table,
    refuse_bad_weights,
    refuse_no_weight,
    storable,
)
from bayesgmm.weight_kinds import WeightKind

TOLD_ROWS = 100
"""Rows at each of three places that tell data from other data."""


def is_chunked(X: Any) -> bool:
    """Tell whether an array or a data frame is lazy, that is, of Dask."""
    graph = getattr(X, "__dask_graph__", None)
    return graph is not None and graph() is not None


def row_names(X: Any, n_observations: int) -> Any:
    """Return the row coordinate of a lazy DataArray, else numbers that take no room."""
    index = X.indexes.get(X.dims[0]) if hasattr(X, "indexes") else None
    return pd.RangeIndex(n_observations) if index is None else storable(index)


@dataclass(frozen=True, eq=False)
class Chunks:
    """Rows in chunks that are read when they are needed.

    Attributes
    ----------
    array : dask array of shape (n_observations, n_features)
        In chunks of known numbers of rows, each with all features.
    feature_names : tuple of str
    named : bool
        As of `bayesgmm.validation.Table`.
    missing : str or None
        As `check_table` takes it.
    sample_weight : dask array of shape (n_observations,), optional
        In the same chunks.
    """

    array: Any
    feature_names: tuple[str, ...]
    named: bool
    missing: str | None = None
    sample_weight: Any = None

    @property
    def n_features(self) -> int:
        return len(self.feature_names)

    @property
    def n_observations(self) -> int:
        """Rows, as of `Table`."""
        return self.array.shape[0]

    def __len__(self) -> int:
        return self.n_observations

    @cached_property
    def starts(self) -> Ints:
        """The first row of every chunk."""
        return np.cumsum([0, *self.array.chunks[0]])[:-1]

    @cached_property
    def tree(self) -> ChunkTree:
        """How the chunks are read and summed."""
        names = [self.name(number) for number in range(len(self.starts))]
        return ChunkTree.of(self.array, self.sample_weight, names)

    def sum(self, summarise: Callable, add: Callable, *arguments: Any) -> Any:
        """Return the sum over chunks of ``summarise(rows, weight, *arguments)``.

        Raises
        ------
        ChunkError
            If a chunk cannot be read, or every process that read it died; it says
            which.
        """
        with self._naming():
            return self.tree.sum(summarise, add, arguments)

    @contextmanager
    def _naming(self):
        """Name the chunk that is the reason of an error, if nobody did."""
        try:
            yield
        except (InputError, ChunkError):
            raise
        except Exception as error:
            name = self._find_broken() or self.tree.suspect(error)
            if name is None:
                raise
            raise broken(name, error) from error

    def name(self, number: int) -> str:
        """Return what a chunk is called in messages."""
        first, n_rows = self.starts[number], self.array.chunks[0][number]
        return (
            f"chunk {number} of {len(self.starts)} (rows {first} to "
            f"{first + n_rows - 1})"
        )

    def _find_broken(self) -> str | None:
        """Return the name of the first chunk that cannot be read even alone."""
        for number in range(len(self.starts)):
            try:
                self.array.blocks[number].compute()
            except Exception:
                return self.name(number)
        return None

    def tell(self, **given: Any) -> dict[str, Any]:
        """Return what tells these rows from others, from the values of three chunks.

        Parameters
        ----------
        **given
            What the user gave beside the rows: what is not lazy is told whole.
        """
        held = {
            name: np.asarray(values)
            for name, values in given.items()
            if values is not None and not is_chunked(values)
        }
        n, few = self.n_observations, np.arange(min(TOLD_ROWS, self.n_observations))
        rows = np.unique(np.r_[few, n // 2 - len(few) // 2 + few, n - len(few) + few])
        with self._naming():
            values, weight = self._read(rows)
        return {
            "X": values,
            "shape of X": self.array.shape,
            "chunks of X": self.array.chunks,
            "feature_names": self.feature_names,
            "sample_weight": weight,
            **held,
        }

    def take(self, rows: Ints) -> tuple[Table, Any]:
        """Read some rows, by their positions in ascending order, and their weights."""
        values, weight = self._read(rows)
        table = check_table(values, self.missing)
        return Table(table.values, self.feature_names, rows, self.named), weight

    def _read(self, rows):
        import dask

        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return dask.compute(self.array[rows], weight)  # pyright: ignore[reportPrivateImportUsage]


def open_chunks(
    X: Any,
    missing: str | None = None,
    sample_weight: Any = None,
    kind: WeightKind | None = None,
) -> Chunks:
    """Return lazy rows as chunks; what is in them is checked when they are read.

    Parameters
    ----------
    X : dask array, DataArray or data frame of Dask, shape (n_observations, n_features)
    missing : {"error", "fiml"}, optional
    sample_weight : array-like or dask array of shape (n_observations,), optional
    kind : WeightKind, optional
        By which weights are scaled.
    """
    import dask.array as da

    array, names = _unpack(X)
    if array.ndim != 2:
        raise InputError(
            "X",
            "be two-dimensional",
            f"an array of {array.ndim} dimensions",
            "Give rows of observations by columns of features.",
        )
    if np.isnan(array.shape[0]):
        array = array.compute_chunk_sizes()
    array = _without_empty(array.rechunk({1: -1}))
    named = names is not None
    names = names or tuple(f"x{j}" for j in range(array.shape[1]))
    if sample_weight is not None:
        sample_weight = _weights(sample_weight, array, da)
        if kind is not None:
            refuse_no_weight(sample_weight)
            sample_weight = kind.rescale(sample_weight)
    return Chunks(array, names, named, missing, sample_weight)


def add_labels(chunks: Chunks, labels: Any, n_components: int) -> Chunks:
    """Return chunks whose weights are records that know labels; see `join_labels`.

    Parameters
    ----------
    chunks : Chunks
    labels : array-like or dask array
        As `bayesgmm.known_labels.check_labels` takes them.
    n_components : int
    """
    import dask.array as da

    n, rows = len(chunks), chunks.array.chunks[0]
    if is_chunked(labels):
        labels = _unpack_weights(labels)
    else:
        check_labels(labels, n, n_components)
        labels = da.from_array(np.asarray(labels))
    if labels.shape not in ((n,), (n, n_components)):
        raise InputError(
            "labels",
            f"have one entry a row of `X`, shape ({n},)",
            f"shape {labels.shape}",
            "Give one label for every observation, -1 where it is not known.",
        )
    labels = labels.rechunk((rows, *[-1] * (labels.ndim - 1)))
    given = [labels, "na"[: labels.ndim]]
    if chunks.sample_weight is not None:
        given += [chunks.sample_weight, "n"]
    known = {"n_components": n_components, "dtype": record_of(n_components)}
    records = da.blockwise(_join_labels, "n", *given, concatenate=True, **known)
    return replace(chunks, sample_weight=records)


def _join_labels(labels, weight=None, *, n_components):
    return join_labels(weight, check_labels(labels, len(labels), n_components))


def _without_empty(array):
    """Leave out chunks without rows, as filters make them; not if all are."""
    sizes = np.array(array.chunks[0])
    if sizes.all() or not sizes.any():
        return array
    return array.blocks[np.flatnonzero(sizes)]


def _unpack(X):
    """Return a dask array and the names of its columns, None where unnamed."""
    if hasattr(X, "dims") and hasattr(X, "indexes"):  # an xarray.DataArray
        index = X.indexes.get(X.dims[-1])
        return X.data, None if index is None else tuple(map(str, index))
    if hasattr(X, "to_dask_array"):
        return X.to_dask_array(lengths=True), tuple(map(str, X.columns))
    return X, None


def _weights(sample_weight, array, da):
    if not is_chunked(sample_weight):
        weight = check_sample_weight(sample_weight, len(array))
        return da.from_array(weight, chunks=array.chunks[0])
    weight = _unpack_weights(sample_weight)
    if weight.shape != (len(array),):
        raise InputError(
            "sample_weight",
            f"have one entry a row of `X`, shape ({len(array)},)",
            f"shape {weight.shape}",
            "Give one weight for every observation.",
        )
    weight = weight.rechunk((array.chunks[0],))
    return da.map_blocks(_check_weights, weight, dtype=np.float64, meta=np.empty(0))


def _check_weights(weight, block_info=None):
    weight = np.asarray(weight, dtype=np.float64)
    assert block_info is not None
    refuse_bad_weights(weight, block_info[0]["array-location"][0][0])
    return weight


def _unpack_weights(weight):
    if hasattr(weight, "to_dask_array"):
        return weight.to_dask_array(lengths=True)
    return getattr(weight, "data", weight) if hasattr(weight, "dims") else weight
