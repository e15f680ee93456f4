"""The door for what is segmented: images, rasters and tables, whoever holds them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import narwhals as nw
import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.dims import COMPONENT, FEATURE, OBSERVATION
from bayesgmm.errors import InputError, called, did_you_mean
from bayesgmm.segments import DRAWN, POINT, grid_mapping
from bayesgmm.validation import LARGEST, Table, are_named, check_features, check_table

ARRAY_DIMS = {1: (OBSERVATION,), 2: ("y", "x"), 3: ("z", "y", "x")}
"""What dimensions of plain arrays are called, beside that of features."""
FILL_ATTRIBUTES = ("_FillValue", "missing_value", "nodata")
OF_VALUES = {
    *FILL_ATTRIBUTES,
    *("units", "long_name", "standard_name", "scale_factor", "add_offset"),
    *("valid_min", "valid_max", "valid_range", "grid_mapping"),
}
"""Attributes that tell of measured values, and so not of segments."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Rows of measurements, arranged in space or not.

    Attributes
    ----------
    array : DataArray
        With a dimension of features, of which a lazy one has all in each chunk.
    feature_dim : hashable
        Its name.
    nodata : array of shape (n_features,)
        What stands for a missing value; NaN where nothing else does.
    """

    array: xr.DataArray
    feature_dim: Hashable
    nodata: Floats

    @property
    def dims(self) -> tuple[Hashable, ...]:
        """All dimensions but that of features."""
        return tuple(dim for dim in self.array.dims if dim != self.feature_dim)

    @property
    def attrs(self) -> dict:
        """Attributes that are true of segments as well."""
        held = self.array.attrs.items()
        return {name: value for name, value in held if name not in OF_VALUES}

    def usable(self, rows) -> Any:
        """Tell which rows (n_rows, n_features) have no missing value, nor infinity."""
        if rows.dtype.kind == "f":
            largest = min(LARGEST, float(np.finfo(rows.dtype).max))
            usable = (np.abs(rows) <= largest).all(axis=1)
            with np.errstate(over="ignore", under="ignore"):
                nodata = self.nodata.astype(rows.dtype)
            nodata[(nodata == 0) & (self.nodata != 0)] = np.nan  # too small to be there
        else:
            usable, nodata = np.ones(len(rows), dtype=bool), self.nodata
        for j in np.flatnonzero(~np.isnan(nodata)):
            usable &= rows[:, j] != nodata[j]
        return usable


def read_scene(
    data: Any, feature_names: Sequence[str], feature_dim: Any, nodata: Any
) -> Scene:
    """Return data of any kind as a scene with the features of a mixture.

    Parameters
    ----------
    data, feature_dim, nodata
        As `bayesgmm.segment` takes them.
    feature_names : sequence of str
        Of the mixture.

    Raises
    ------
    InputError
        If `data` has no such dimension, other features, or no numbers.
    """
    n_features = len(feature_names)
    if isinstance(data, xr.Dataset):
        array, feature_dim, fill = _stack_variables(data, feature_names)
    elif isinstance(data, xr.DataArray):
        array, fill = data, [_fill_value(data)] * n_features
    else:
        array, fill = _name_axes(data, n_features, feature_dim), [np.nan] * n_features
        feature_dim = None
    array, feature_dim = _find_features(array, n_features, feature_dim)
    if array.chunks is not None:
        array = array.chunk({feature_dim: -1})
    _check_room(array)
    _check_numeric(array)
    _check_names(array, feature_dim, feature_names)
    if nodata is not None:
        fill = _check_nodata(nodata, n_features)
    return Scene(array, feature_dim, np.asarray(fill, dtype=np.float64))


def _stack_variables(data: xr.Dataset, feature_names):
    """Return variables of a Dataset as features: those of the mixture, or all."""
    names = list(data.data_vars)
    if are_named(feature_names):
        names = [name for name in feature_names if name in data.data_vars] or names
    array = data[names].to_dataarray(FEATURE)
    attrs = data.attrs | grid_mapping(data[names[0]])
    fill = [_fill_value(data[name]) for name in names]
    return array.assign_attrs(attrs), FEATURE, fill


def _fill_value(variable: xr.DataArray) -> float:
    """Return what a variable declares to stand for missing values, NaN if nothing."""
    for name in FILL_ATTRIBUTES:
        held = variable.attrs.get(name)
        if held is None or np.size(held) != 1:
            continue
        try:
            return float(np.ravel(held)[0])
        except (TypeError, ValueError):
            raise InputError(
                "data",
                f"have a number, or nothing, in the attribute {name!r}",
                repr(held),
                "Delete the attribute where missing values are NaN.",
            ) from None
    return np.nan


def _name_axes(data: Any, n_features: int, axis: Any) -> xr.DataArray:
    """Return an array, or a table, with names for its dimensions; features last."""
    if isinstance(data, Table) or _is_frame(data):
        with called("data"):
            table = check_table(data, "fiml")
        coords: dict[str, Any] = {OBSERVATION: table.obs_ids}
        if table.named:
            coords[FEATURE] = list(table.feature_names)
        return xr.DataArray(table.values, coords, (OBSERVATION, FEATURE))
    array = data if hasattr(data, "chunks") else np.asanyarray(data)
    if axis is not None:
        array = np.moveaxis(array, _check_axis(axis, array.ndim), -1)
    elif n_features == 1 and (array.ndim < 2 or array.shape[-1] != 1):
        array = array[..., None]
    dims = ARRAY_DIMS.get(array.ndim - 1)
    if dims is None:
        raise InputError(
            "data",
            "have two to four axes, the last of them features",
            f"an array of shape {np.shape(data)} for {n_features} features",
            "Name the dimensions of others: pass an xarray.DataArray.",
        )
    return xr.DataArray(array, dims=(*dims, FEATURE))


def _is_frame(data) -> bool:
    return nw.from_native(data, eager_only=True, pass_through=True) is not data


def _check_axis(axis, n_axes) -> int:
    if isinstance(axis, Integral) and -n_axes <= axis < n_axes:
        return int(axis)
    raise InputError(
        "feature_dim",
        f"be the number of an axis of the array, below {n_axes}",
        repr(axis),
        "Dimensions have names only in xarray.",
    )


def _check_nodata(nodata, n_features):
    try:
        return np.broadcast_to(np.asarray(nodata, dtype=np.float64), n_features)
    except (TypeError, ValueError):
        raise InputError(
            "nodata",
            f"be a number, or {n_features} of them, one a feature",
            repr(nodata),
            "Leave it out where missing values are NaN.",
        ) from None


def _find_features(array: xr.DataArray, n_features: int, feature_dim: Any):
    """Return the array with a dimension of features, and its name."""
    if feature_dim is None and FEATURE in array.dims:
        feature_dim = FEATURE
    elif feature_dim is None and n_features == 1:
        array, feature_dim = array.expand_dims(FEATURE, axis=-1), FEATURE
    if feature_dim in array.dims:
        return array, feature_dim
    raise InputError(
        "feature_dim",
        "name the dimension of the features",
        repr(feature_dim),
        did_you_mean(feature_dim, map(str, array.dims)),
    )


def _check_room(array):
    """Refuse a scene without pixels, or without room for the names of maps."""
    if not array.size or array.ndim < 2:
        raise InputError(
            "data",
            "have values, and a dimension beside that of features",
            f"dimensions {dict(array.sizes)}",
            "Look at what was read.",
        )
    for name in (COMPONENT, *POINT, *DRAWN):
        if name in array.dims or name in array.coords:
            raise InputError(
                "data",
                f"have no dimension or coordinate called {name!r}",
                "one",
                "Rename it: what is returned has something else of that name.",
            )


def _check_numeric(array):
    if array.dtype.kind not in "biuf":
        raise InputError(
            "data",
            "be real numbers",
            f"values of type {array.dtype}",
            "Convert or drop what is no measurement.",
        )


def _check_names(array, feature_dim, feature_names):
    """Refuse features of other names, or another number; numbers are no names."""
    n_features, names = array.sizes[feature_dim], None
    if feature_dim in array.coords and array[feature_dim].dtype.kind not in "biuf":
        names = tuple(map(str, array[feature_dim].values))
    ours = tuple(map(str, range(n_features)))
    table = Table(np.empty((0, n_features)), names or ours, np.empty(0), bool(names))
    with called("data"):
        check_features(table, feature_names, are_named(feature_names))
