"""Where the pixels of a TIFF are: its tags as coordinates, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.spacing import even_steps

SCALE, TIE, MATRIX, NODATA = 33550, 33922, 34264, 42113
"""Numbers of the tags of GeoTIFF for places, and that of GDAL for missing values."""
KEYS = {
    "GeoKeyDirectory": 34735,
    "GeoDoubleParams": 34736,
    "GeoAsciiParams": 34737,
}
"""The tags that tell the coordinate reference system. They are handed on unread."""
RASTER_TYPE, POINT = 1025, 2
"""The key that says whether a place is the corner of a pixel, or its centre."""
GRID_MAPPING = "spatial_ref"


def read_tags(tags: Mapping[int, Any], sizes: tuple[int, ...]) -> dict[str, Any]:
    """Return what an `xarray.DataArray` takes of them: coordinates and attributes.

    Parameters
    ----------
    tags : mapping
        Of a TIFF, by number.
    sizes : tuple of int
        Rows and columns.

    Returns
    -------
    dict
        ``coords``: y and x, the centres of pixels, and ``spatial_ref``, each if the
        file tells it. No y and x for a grid that is not parallel to its axes.
        ``attrs``: what stands for a missing value.
    """
    coords: dict[str, Any] = {}
    attrs: dict[str, Any] = {}
    lines = _lines(tags)
    if lines is not None:
        for name, (first, step), size in zip("yx", lines, sizes, strict=True):
            coords[name] = first + step * np.arange(size)
    held = {name: tags[number] for name, number in KEYS.items() if number in tags}
    if held:
        coords[GRID_MAPPING] = xr.Variable((), 0, held)
        attrs["grid_mapping"] = GRID_MAPPING
    if NODATA in tags:
        attrs["nodata"] = float(str(tags[NODATA]).strip("\0 "))
    return {"coords": coords, "attrs": attrs}


def _lines(tags) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the centre of the first pixel, and the step to the next: of y, of x."""
    if MATRIX in tags:
        a, b, _, x, c, d, _, y, *_ = tags[MATRIX]
        if b or c:
            return None
    elif SCALE in tags and TIE in tags:
        a, d, (column, row, _, x, y, _) = *tags[SCALE][:2], tags[TIE][:6]
        d = -d
        x, y = x - a * column, y - d * row
    else:
        return None
    middle = 0.0 if _is_point(tags) else 0.5
    return (y + middle * d, d), (x + middle * a, a)


def _is_point(tags) -> bool:
    keys = np.reshape(tags.get(KEYS["GeoKeyDirectory"], ()), (-1, 4))
    return any(key == RASTER_TYPE and value == POINT for key, *_, value in keys)


def write_tags(label: xr.DataArray) -> dict[int, Any]:
    """Return the tags that say where the pixels of a map are, as far as it knows.

    Parameters
    ----------
    label : DataArray of shape (rows, columns)
        Its coordinates count if they are evenly spaced.
    """
    y, x = (even_steps(label, dim) for dim in label.dims)
    if y is None or x is None:
        return {}
    held = label.coords[GRID_MAPPING].attrs if GRID_MAPPING in label.coords else {}
    keys = {n: held[name] for name, n in KEYS.items() if name in held}
    tags: dict[int, Any] = {
        number: value if isinstance(value, str) else tuple(np.ravel(value).tolist())
        for number, value in keys.items()
    }
    middle = 0.0 if _is_point(tags) else 0.5
    (x, dx), (y, dy) = x, y
    corner = x - middle * dx, y - middle * dy
    tags[MATRIX] = (dx, 0.0, 0.0, corner[0], 0.0, dy, 0.0, corner[1], *[0.0] * 7, 1.0)
    return tags
