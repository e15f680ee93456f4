"""Maps of a segmented scene: where segments are, and where that is in doubt."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from scipy.ndimage import distance_transform_edt

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice
from bayesgmm.dims import COMPONENT, NOISE, NOISE_NAME
from bayesgmm.errors import InputError
from bayesgmm.naming import component_name
from bayesgmm.plots._style import (
    HEAT,
    ground,
    ink,
    legend_beside,
    legend_line,
    looks_of,
    open_grid,
    wrap,
)
from bayesgmm.spacing import even_steps

LABEL = "label"
MAPS = (LABEL, "entropy", "parameter_entropy")
WIDTH, ROOM = 3.6, 1.2
# More pixels than these along a side are not drawn: no page or screen shows them.
MOST_PIXELS = 1200
# Pixels that are so many times as high as wide, or more, are not drawn to scale.
MOST_STRETCHED = 5
# Along a side, places among which that of a marker is looked for.
N_PLACES = 150


def plot_segments(
    segments: xr.Dataset,
    *,
    variables: str | Sequence[str] | None = None,
    ax: Any = None,
) -> Figure:
    """Plot maps of segments, of how doubtful they are, and what of it is not overlap.

    The marker of a segment is where it is widest, so that it is found without colours.

    Parameters
    ----------
    segments : xarray.Dataset
        From `bayesgmm.segment`, of a scene with two dimensions beside its features.
    variables : str or sequence of str, optional
        What to draw side by side. By default the label, the entropy and, where there
        are draws, the entropy that is due to not knowing the parameters.
    ax : sequence of matplotlib Axes, optional
        As many as variables, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such variable, or it is not of two dimensions.

    Notes
    -----
    Evenly spaced coordinates are the scales, with higher ones further up. Where there
    are none, or only the numbers of rows, the first row is on top, as in an image.
    Places without data stay empty. Of more than 1,200 pixels along a side every second,
    third ... is drawn.

    Examples
    --------
    >>> import numpy as np, xarray as xr, bayesgmm as bg
    >>> maps = {"label": (("y", "x"), np.eye(3, dtype=int)), "entropy": 0.1}
    >>> figure = bg.plot_segments(xr.Dataset(maps), variables=["label"])
    """
    if not isinstance(segments, xr.Dataset):
        raise InputError(
            "segments",
            "be a Dataset",
            type(segments).__name__,
            "Pass what `bayesgmm.segment` returned.",
        )
    known = list(map(str, segments))
    variables = [variables] if isinstance(variables, str) else variables
    wanted = [x for x in MAPS if x in known] if variables is None else variables
    if not len(wanted):
        raise InputError(
            "segments" if variables is None else "variables",
            f"have one of {', '.join(MAPS)}" if variables is None else "name a map",
            "none",
            f"It has {', '.join(known)}.",
        )
    names = [check_choice("variables", name, known) for name in wanted]
    maps = [_thin(_check_flat(segments[name])) for name in names]
    n_rows, n_columns = maps[0].shape
    height = 0.5 + WIDTH * float(np.clip(n_rows / n_columns, 0.4, 1.6))
    figure, axes = open_grid(ax, len(maps), len(maps), (WIDTH + ROOM, height))
    for each, values in zip(axes, maps, strict=True):
        if values.name == LABEL:
            _draw_labels(each, values, segments)
        else:
            _draw_numbers(each, values)
        each.set_title(str(values.name).replace("_", " "), fontsize="medium")
    return figure


def _check_flat(values: xr.DataArray) -> xr.DataArray:
    if values.ndim == 2:
        return values
    raise InputError(
        "variables",
        "be of two dimensions, rows and columns of a map",
        f"{values.name!r} with {values.dims}",
        "Choose a place on the others with `.isel(...)`, or draw rows that are no map "
        "with `plot_membership`.",
    )


def _thin(values: xr.DataArray) -> xr.DataArray:
    """Return every second, third ... pixel if there are too many, computed."""
    step = -(-max(values.shape) // MOST_PIXELS)
    return values[::step, ::step].compute()


def _draw_labels(ax: Axes, labels: xr.DataArray, segments: xr.Dataset) -> None:
    """Draw each segment in the colour of its component, and mark it."""
    codes = labels.values
    coordinate = segments.coords.get(COMPONENT)
    if coordinate is None:
        coordinate = np.arange(np.nanmax(codes) + 1, dtype=int)
    components = list(np.asarray(coordinate))
    looks, texts = looks_of(components), [component_name(x) for x in components]
    numbers = [NOISE if text == NOISE_NAME else k for k, text in enumerate(texts)]
    # Numbers of no component stand for missing data.
    present = [k for k, number in enumerate(numbers) if (codes == number).any()]
    places = np.full(codes.shape, np.nan)
    for k in present:
        places[codes == numbers[k]] = k
    shades = ListedColormap([look.colour for look in looks])
    scale: Any = {"cmap": shades, "vmin": -0.5, "vmax": len(looks) - 0.5}
    image = _draw_map(ax, labels, places, **scale)
    for k in present:
        style: Any = {"color": ground(), "markeredgecolor": ink(), "clip_on": False}
        place = _widest(image, places == k)
        ax.plot(*place, looks[k].marker, markersize=8, **style)
    handles = [legend_line(linestyle="none", **looks[k].line) for k in present]
    legend_beside(ax, handles, [wrap(texts[k]) for k in present])


def _widest(image: AxesImage, inside: Any) -> tuple[float, float]:
    """Return where a segment is furthest from its edge, in coordinates of the map."""
    step = -(-max(inside.shape) // N_PLACES)
    coarse = np.pad(inside[::step, ::step], 1)
    depth = np.asarray(distance_transform_edt(coarse))[1:-1, 1:-1]
    if not depth.any():  # too thin to be met by such steps
        step, depth = 1, inside
    row, column = np.unravel_index(np.argmax(depth), depth.shape)
    left, right, bottom, top = image.get_extent()
    x = left + (step * column + 0.5) / inside.shape[1] * (right - left)
    y = top + (step * row + 0.5) / inside.shape[0] * (bottom - top)
    return float(x), float(y)


def _draw_numbers(ax: Axes, values: xr.DataArray) -> None:
    """Draw numbers from 0 on, with their scale beside them."""
    image = _draw_map(ax, values, values.values, cmap=HEAT, vmin=0)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
    units = values.attrs.get("units", "1")
    bar.set_label("" if units == "1" else units, fontsize="small")
    bar.ax.tick_params(labelsize="x-small")


def _draw_map(ax: Axes, values: xr.DataArray, shown: Floats, **style: Any) -> AxesImage:
    """Draw pixels where their coordinates are, and name these."""
    y, x = (_edges(values, dim) for dim in values.dims)
    if y is not None and x is not None:
        style["extent"] = (*x, *y[::-1])
    image = ax.imshow(shown, interpolation="nearest", **style)
    ax.spines[:].set_visible(False)
    if "extent" not in style:
        ax.set(xticks=[], yticks=[])
        return image
    n_rows, n_columns = shown.shape
    left, right, bottom, top = image.get_extent()
    stretch = abs((top - bottom) / n_rows / ((right - left) / n_columns))
    if not 1 / MOST_STRETCHED <= stretch <= MOST_STRETCHED:
        ax.set_aspect("auto")
    if ax.yaxis_inverted() and not _are_numbered(values, values.dims[0]):
        ax.invert_yaxis()
    ax.set(ylabel=_axis_name(values, 0), xlabel=_axis_name(values, 1))
    ax.tick_params(labelsize="x-small")
    ax.ticklabel_format(style="plain", useOffset=False)
    ax.locator_params(axis="x", nbins=5)
    return image


def _are_numbered(values: xr.DataArray, dim: Any) -> bool:
    """Tell whether a coordinate only counts, from the top of an image."""
    numbers = values.coords[dim].values
    return numbers.dtype.kind in "iu" and numbers[0] == 0


def _edges(values: xr.DataArray, dim: Any) -> tuple[float, float] | None:
    """Return where the first pixel begins and the last ends, if steps are even."""
    told = even_steps(values, dim)
    if told is None:
        return None
    first, step = told
    return first - step / 2, first + step * (values.sizes[dim] - 0.5)


def _axis_name(values: xr.DataArray, axis: int) -> str:
    """Name a coordinate as its attributes do, with its units."""
    dim = values.dims[axis]
    attrs = values.coords[dim].attrs
    units = f", {attrs['units']}" if "units" in attrs else ""
    return f"{attrs.get('long_name', dim)}{units}"
