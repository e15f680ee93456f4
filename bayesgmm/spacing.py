"""Coordinates of grids."""

from typing import Any

import numpy as np
import xarray as xr


def even_steps(array: xr.DataArray, dim: Any) -> tuple[float, float] | None:
    """Return the first of evenly spaced coordinates, and the step to the next.

    Parameters
    ----------
    array : DataArray
    dim : hashable
        Of its dimensions.

    Returns
    -------
    tuple of float, or None
        None if there are no coordinates, they are no numbers, or not evenly spaced.
    """
    if dim not in array.coords or array.coords[dim].dtype.kind not in "iuf":
        return None
    places = array.coords[dim].values.astype(np.float64)
    steps = np.diff(places)
    if not len(steps) or not np.allclose(steps, steps.mean(), rtol=1e-3, atol=0):
        return None
    return float(places[0]), float(steps.mean())


def has_places(array: xr.DataArray) -> bool:
    """Tell whether all coordinates are evenly spaced numbers."""
    return all(even_steps(array, dim) is not None for dim in array.dims)
