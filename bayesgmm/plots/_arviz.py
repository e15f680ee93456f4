"""ArviZ's plots on axes that are already there."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes


def panels(data: xr.Dataset, dim: Hashable, axes: list[Axes], **mapping: Any) -> Any:
    """Return a collection for ArviZ to draw in, each entry of `dim` on its own axes.

    ArviZ makes its figures itself; what it returns then is filled in here instead.

    Parameters
    ----------
    data : xarray.Dataset
    dim : str
    axes : list of Axes
        As many as `dim` is long.
    **mapping : of `arviz_plots.PlotCollection`
    """
    from arviz_plots.plot_collection import PlotCollection

    n_axes = len(axes)
    targets = np.empty(n_axes, dtype=object)
    targets[:] = axes
    places = {"row_index": np.zeros(n_axes, int), "col_index": np.arange(n_axes)}
    layout = xr.Dataset(
        {"plot": (dim, targets)} | {name: (dim, x) for name, x in places.items()},
        coords={dim: data[dim]},
    )
    layout["figure"] = xr.DataArray(np.array(axes[0].figure.figure, dtype=object))
    tree = xr.DataTree(layout)
    return PlotCollection(data, tree, backend="matplotlib", **mapping)
