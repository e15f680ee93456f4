"""Rows that are read chunk by chunk through Dask, and sums over them in one tree.

The tree has the shape of the chunks alone, so that neither workers nor threads change
a bit of the result. Nothing of a row is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics, SufficientStatistics
from bayesgmm.errors import InputError
from bayesgmm.incomplete import observe
from bayesgmm.observations import Kernel
from bayesgmm.parameters import MixtureParameters
from bayesgmm.validation import Table, check_sample_weight, check_table
from bayesgmm.weight_kinds import WeightKind

BRANCHES = 8
"""Sums that a node of the tree adds up."""


def is_chunked(X: Any) -> bool:
    """Tell whether an array or a data frame is lazy, that is, of Dask."""
    graph = getattr(X, "__dask_graph__", None)
    return graph is not None and graph() is not None


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
    def parts(self) -> list[tuple[Any, Any]]:
        """The chunks, each with its weights or None; to be computed."""
        import dask

        array, weight = dask.optimize(self.array, self.sample_weight)  # pyright: ignore[reportPrivateImportUsage]
        rows = array.to_delayed().ravel()
        weights = [None] * len(rows) if weight is None else weight.to_delayed()
        return list(zip(rows, weights, strict=True))

    def sum(self, summarise: Callable, add: Callable, *arguments: Any) -> Any:
        """Return the sum over chunks of ``summarise(rows, weight, *arguments)``.

        Raises
        ------
        ChunkError
            If a chunk cannot be read, or not be summarised; it says which.
        """
        import dask

        told = dask.delayed(arguments, traverse=False)  # pyright: ignore[reportPrivateImportUsage]
        part, join = dask.delayed(_apply, pure=True), dask.delayed(add, pure=True)  # pyright: ignore[reportPrivateImportUsage]
        nodes = [
            part(summarise, *each, told, self.name(number))
            for number, each in enumerate(self.parts)
        ]
        while len(nodes) > 1:
            nodes = [
                join(nodes[i : i + BRANCHES]) for i in range(0, len(nodes), BRANCHES)
            ]
        try:
            return nodes[0].compute()
        except (InputError, ChunkError):
            raise
        except Exception as error:
            broken = self._find_broken()
            if broken is None:
                raise
            raise ChunkError(
                f"{broken.capitalize()} cannot be read: {type(error).__name__}: "
                f"{error}. Mend it or leave it out, and fit again."
            ) from error

    def name(self, number: int) -> str:
        """Return what a chunk is called in messages."""
        first, n_rows = self.starts[number], self.array.chunks[0][number]
        return (
            f"chunk {number} of {len(self.starts)} (rows {first} to "
            f"{first + n_rows - 1})"
        )

    def _find_broken(self) -> str | None:
        """Return the name of the first chunk that cannot be read even alone."""
        for number, part in enumerate(self.parts):
            try:
                part[0].compute()
            except Exception:
                return self.name(number)
        return None

    def take(self, rows: Ints) -> tuple[Table, Any]:
        """Read some rows, by their positions in ascending order, and their weights."""
        import dask

        picked = [self.array[rows]]
        if self.sample_weight is not None:
            picked.append(self.sample_weight[rows])
        values, *weight = dask.compute(*picked)  # pyright: ignore[reportPrivateImportUsage]
        table = check_table(values, self.missing)
        table = Table(table.values, self.feature_names, rows, self.named)
        return table, *(weight or [None])


class ChunkError(RuntimeError):
    """A chunk of lazy data cannot be read; the message says which."""


def _apply(summarise, rows, weight, arguments, name):
    try:
        return summarise(rows, weight, *arguments)
    except InputError as error:
        got = f"{error.got} of {name}"
        raise type(error)(error.argument, error.rule, got, error.remedy) from None


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
    array = array.rechunk({1: -1})
    named = names is not None
    names = names or tuple(f"x{j}" for j in range(array.shape[1]))
    if sample_weight is not None:
        sample_weight = _weights(sample_weight, array, da)
        if kind is not None:
            sample_weight = kind.rescale(sample_weight)
    return Chunks(array, names, named, missing, sample_weight)


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
    return weight.rechunk((array.chunks[0],))


def _unpack_weights(weight):
    if hasattr(weight, "to_dask_array"):
        return weight.to_dask_array(lengths=True)
    return getattr(weight, "data", weight) if hasattr(weight, "dims") else weight


class Extent(NamedTuple):
    """What the first pass tells about all rows.

    Attributes
    ----------
    n_rows : int
        With a weight above zero.
    n_observations : float
        Sum of the weights.
    has_gaps : bool
    seen : array of shape (n_features,)
        Sum of the weights of the observed values of each column.
    mean : array of shape (n_features,)
        Of observed values.
    covariance : array of shape (n_features, n_features)
        By maximum likelihood; with gaps its diagonal alone means anything.
    """

    n_rows: int
    n_observations: float
    has_gaps: bool
    seen: Floats
    mean: Floats
    covariance: Floats


def survey(chunks: Chunks) -> Extent:
    """Check every chunk, and return the moments of all rows.

    Raises
    ------
    InputError
        If values are not finite; the chunk and the row are named.
    """
    return chunks.sum(_survey_chunk, _join_extents, chunks.missing)


def _survey_chunk(rows, weight, missing) -> Extent:
    rows = check_table(rows, missing).values
    weight = np.ones(len(rows)) if weight is None else weight
    _check_weights(weight)
    observed = ~np.isnan(rows)
    seen = weight @ observed
    some = np.where(seen > 0, seen, 1.0)
    centre = weight @ np.where(observed, rows, 0.0) / some
    centred = np.where(observed, rows - centre, 0.0)
    shift = weight @ centred / some  # what rounding of the mean left
    covariance = (weight[:, None] * centred).T @ centred / some[:, None]
    return Extent(
        int((weight > 0).sum()),
        float(weight.sum()),
        not observed.all(),
        seen,
        centre + shift,
        covariance - np.outer(shift, shift),
    )


def _check_weights(weight):
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise InputError(
            "sample_weight",
            "be finite and not negative",
            f"{weight[~(weight >= 0) | np.isinf(weight)][0]:g}",
            "Use 0 to leave a row out.",
        )


def _join_extents(parts) -> Extent:
    """Put moments of parts together, each about its own mean."""
    n_rows, n, gaps, seen, means, covariances = map(np.array, zip(*parts, strict=True))
    shares = seen / np.where(seen.sum(axis=0) > 0, seen.sum(axis=0), 1.0)
    mean = (shares * means).sum(axis=0)
    shifts = means - mean
    spread = covariances + shifts[:, :, None] * shifts[:, None, :]
    return Extent(
        int(n_rows.sum()),
        float(n.sum()),
        bool(gaps.any()),
        seen.sum(axis=0),
        mean,
        (shares[:, :, None] * spread).sum(axis=0),
    )


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
        return self.chunks.sum(_expect_chunk, _join_moments, at, quadratics)

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        return each_row(self.chunks, kernel, at)


def _expect_chunk(rows, weight, at, quadratics):
    return observe(np.ascontiguousarray(rows), weight).expect(at, quadratics)


def _join_moments(parts):
    total = sum(part[0] for part in parts)
    counts, sums, outer_products = zip(*(part[1] for part in parts), strict=True)
    return total, SufficientStatistics(
        np.sum(counts, axis=0), np.sum(sums, axis=0), np.sum(outer_products, axis=0)
    )


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
