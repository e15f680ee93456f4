"""The door for data: every array of the user is checked here, once."""

import numbers
from dataclasses import dataclass, replace
from typing import Any, Self

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from bayesgmm.errors import InputError, InputTypeError

# The square of more overflows, and a sum of rows needs some room.
LARGEST = 1e140


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Checked observations: one C-contiguous block with its names.

    Attributes
    ----------
    values : array of shape (n_observations, n_features), float64 or float32
    feature_names : tuple of str
    obs_ids : array of shape (n_observations,)
        The index of a pandas frame or coordinate of a DataArray, else 0, 1, ...
        Text if it is neither numbers nor plain dates.
    named : bool
        Whether the user named the features (a data frame), or we did (an array).
    """

    values: NDArray[Any]
    feature_names: tuple[str, ...]
    obs_ids: NDArray[Any]
    named: bool

    @property
    def n_observations(self) -> int:
        return self.values.shape[0]

    @property
    def n_features(self) -> int:
        return self.values.shape[1]

    def take(self, rows: Any) -> Self:
        """Return some of the rows, by their positions."""
        return replace(self, values=self.values[rows], obs_ids=self.obs_ids[rows])


# What to do with missing values: refuse them, or use what was observed of a row (full
# information maximum likelihood).
MISSING = ("error", "fiml")


def check_table(X: Any, missing: str | None = None) -> Table:
    """Check observations and return them as one contiguous block.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features), data frame or DataArray
        Any data frame that narwhals reads (pandas, polars, pyarrow, ...).
    missing : {"error", "fiml"}, optional
        "fiml" lets missing values through, as NaN. None, where the caller cannot take
        them, refuses them like "error", but does not speak of the choice.

    Raises
    ------
    InputError
        If it is not two-dimensional, empty, not numeric or not finite.
    """
    if isinstance(X, Table):
        return X
    raw, names, obs_ids = _unpack(X)
    raw = _check_two_dimensional(raw)
    named = names is not None
    names = names or tuple(f"x{j}" for j in range(raw.shape[1]))
    _check_distinct_names(names)
    values = _as_floats(raw, names)
    _check_finite(values, names, missing)
    obs_ids = np.arange(len(values)) if obs_ids is None else storable(obs_ids)
    return Table(values, names, obs_ids, named)


def _unpack(X: Any):
    """Return raw values, feature names and observation ids; None where unnamed."""
    if hasattr(X, "dims") and hasattr(X, "indexes"):  # an xarray.DataArray
        coords = [X.indexes.get(dim) for dim in X.dims]
        coords += [None] * (2 - len(coords))
        names = None if coords[1] is None else tuple(map(str, coords[1]))
        return X.values, names, coords[0]
    try:
        frame = nw.from_native(X, eager_only=True)
    except nw.exceptions.DuplicateError:
        _check_distinct_names([str(name) for name in X.columns])
        raise
    except TypeError:
        if hasattr(X, "sparse") or hasattr(X, "tocsr"):
            raise InputError(
                "X",
                "be dense",
                "a sparse matrix",
                "Call `.toarray()` on it first.",
            ) from None
        return X, None, None
    index = getattr(X, "index", None)
    columns = [str(name) for name in frame.columns]
    if all(isinstance(name, numbers.Integral) for name in getattr(X, "columns", "x")):
        columns = None
    raw = [column.to_numpy() for column in frame.iter_columns()]
    _check_numeric_columns(raw, frame.columns)
    shape = (len(frame), len(raw))
    block = np.column_stack(raw) if raw else np.empty(shape)
    return block, tuple(columns) if columns else None, index


def _check_distinct_names(names):
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise InputError(
            "X",
            "have a different name for every column",
            f"column {repeated[0]!r} {names.count(repeated[0])} times",
            "Rename or drop columns.",
        )


def storable(obs_ids):
    """Return ids that files can hold: numbers, plain dates, or else text."""
    ids = np.asarray(obs_ids)
    if ids.dtype.kind != "O" or all(isinstance(each, str) for each in ids):
        return ids
    levels = (each if isinstance(each, tuple) else (each,) for each in ids)
    text = np.empty(len(ids), dtype=object)
    text[:] = [", ".join(map(str, level)) for level in levels]
    return text


def _check_numeric_columns(columns, names):
    text = [
        str(name)
        for name, column in zip(names, columns, strict=True)
        if column.dtype.kind not in "biufc"
    ]
    if text:
        raise InputError(
            "X",
            "have numeric columns only",
            f"text, dates or objects in column {', '.join(map(repr, text))}",
            "Drop these columns or encode them as numbers.",
        )


def _check_two_dimensional(raw: Any) -> NDArray[Any]:
    if np.ma.isMaskedArray(raw):  # NumPy would show what is under the mask
        raw = np.ma.filled(raw.astype(np.float64), np.nan)
    try:
        array = np.asarray(raw)
    except ValueError:
        raise InputError(
            "X", "be rectangular", "rows of different lengths", "Pad or drop rows."
        ) from None
    if array.ndim != 2:
        remedy = (
            "For one feature write `X.reshape(-1, 1)` (Reshape your data)."
            if array.ndim == 1
            else "Give rows of observations by columns of features."
        )
        got = f"an array of {array.ndim} dimension{'s' * (array.ndim != 1)}"
        if array.ndim == 0:
            got = f"a {type(raw).__name__}"
        raise InputError("X", "be two-dimensional", got, remedy)
    if 0 in array.shape:
        rows, columns = array.shape
        raise InputError(
            "X",
            "have at least one row and one column",
            f"0 {'sample' if rows == 0 else 'feature'}(s) (shape=({rows}, {columns})) "
            "while a minimum of 1 is required",
            "Check that the right file or columns were read.",
        )
    return array


def _as_floats(array, names):
    if array.dtype == np.float32:
        return np.ascontiguousarray(array)
    if np.iscomplexobj(array):
        raise InputError(
            "X",
            "be real",
            "complex numbers",
            "Complex data not supported: split them into two columns.",
        )
    if array.dtype.kind in "mM":
        raise InputError(
            "X", "be numeric", "dates or durations", "Encode them as numbers."
        )
    try:
        return np.ascontiguousarray(array, dtype=np.float64)
    except ValueError:
        row, column = _first_text(array)
        raise InputError(
            "X",
            "be numeric",
            f"{array.item(row, column)!r} at row {row}, column {names[column]!r}",
            "Drop text columns or encode them as numbers.",
        ) from None
    except TypeError as error:
        row, column = _first_text(array)
        raise InputTypeError(
            "X",
            "be numeric",
            f"{array.item(row, column)!r} at row {row}, column {names[column]!r} "
            f"({error})",
            "Drop columns of objects or encode them as numbers.",
        ) from None


def _first_text(array):
    for place, value in np.ndenumerate(array):
        try:
            float(value)
        except (TypeError, ValueError):
            return place
    return 0, 0


def _check_finite(values, names, missing):
    # Two passes without a mask in memory. Of the extremes, `min` and `max` are NaN if
    # any value is; `fmin` and `fmax` look at the others.
    if missing == "fiml":
        lowest, highest = np.fmin.reduce(values, None), np.fmax.reduce(values, None)
    else:
        lowest, highest = values.min(), values.max()
    nothing = missing == "fiml" and np.isnan(lowest)
    if nothing or (float(lowest) >= -LARGEST and float(highest) <= LARGEST):
        return
    bad = np.isinf(values) if missing == "fiml" else ~np.isfinite(values)
    infinite = bad.any()
    if not infinite:
        bad = np.abs(values) > LARGEST
    row, column = np.argwhere(bad)[0]
    where = f"the first at row {row}, column {names[column]!r}"
    if infinite:
        kinds = "inf" if missing == "fiml" else "NaN or inf"
        got = f"{bad.sum()} non-finite values ({kinds}), {where}"
        choice = missing == "error" and np.isnan(values).any()
        remedy = ', or pass `missing="fiml"`.' if choice else "."
        raise InputError("X", "be finite", got, f"Drop or impute these rows{remedy}")
    raise InputError(
        "X",
        f"be below {LARGEST:g} in size, or squares overflow",
        f"{bad.sum()} larger values, {where}",
        "Choose another unit, or drop values that stand for missing ones.",
    )


def check_features(table: Any, feature_names, named) -> None:
    """Refuse observations whose features are not those of the fit."""
    if table.n_features != len(feature_names):
        raise InputError(
            "X",
            f"have the {len(feature_names)} features of the fit "
            f"({', '.join(feature_names)})",
            f"{table.n_features}",
            "Pass the same columns in the same order "
            f"(X has {table.n_features} features, but GaussianMixture is "
            f"expecting {len(feature_names)} features as input).",
        )
    if named and table.named and table.feature_names != tuple(feature_names):
        raise InputError(
            "X",
            f"have the columns of the fit ({', '.join(feature_names)})",
            f"({', '.join(table.feature_names)})",
            "Select these columns in this order.",
        )


def check_sample_weight(sample_weight, n_observations):
    """Return weights as float64, or None; refuse negative or all-zero ones."""
    if sample_weight is None:
        return None
    name = "sample_weight"
    try:
        weight = np.ascontiguousarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            name, "be numeric", "something else", "Give one number a row."
        ) from None
    if weight.shape != (n_observations,):
        raise InputError(
            name,
            f"have one entry a row of `X`, shape ({n_observations},)",
            f"shape {weight.shape}",
            "Give one weight for every observation.",
        )
    refuse_bad_weights(weight)
    refuse_no_weight(weight)
    return weight


def refuse_bad_weights(weight, first: int = 0) -> None:
    """Refuse weights that are negative or not finite; rows count from `first` on."""
    bad = np.flatnonzero(~np.isfinite(weight) | (weight < 0))
    if len(bad):
        raise InputError(
            "sample_weight",
            "be finite and not negative",
            f"{weight[bad[0]]:g} at row {first + bad[0]}",
            "Use 0 to leave a row out.",
        )


def refuse_no_weight(weight) -> None:
    """Refuse weights, perhaps lazy, that are zero in every row."""
    if not weight.any():
        raise InputError(
            "sample_weight",
            "be positive for some row",
            "zeros only",
            "Omit it for equal weights.",
        )


def drop_weightless(table: Table, weight, *arrays):
    """Return the rows that count, their positions, and the arrays of these rows."""
    if weight is None or weight.all():
        return table, np.arange(table.n_observations), weight, *arrays
    kept = np.flatnonzero(weight)
    of_rows = [None if array is None else array[kept] for array in (weight, *arrays)]
    return table.take(kept), kept, *of_rows


def are_named(feature_names) -> bool:
    """Tell whether the user named the features, or we and xarray did by number."""
    places = range(len(feature_names))
    ours = tuple(f"x{j}" for j in places)
    return tuple(feature_names) not in (ours, tuple(map(str, places)))
