"""A criterion over the number of components, a line for each family."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesgmm.covariances import covariance_family
from bayesgmm.plots._given import check_result
from bayesgmm.plots._style import COLOURS, MARKERS, ink, legend_beside, open_axes

# How volumes differ is the dash, what kind of axes the colour, the shape the marker.
DASHES = {"E": (0, (3, 1.5)), "V": "solid"}


def plot_selection(
    selection: Any, criterion: str | None = None, ax: Axes | None = None
) -> Figure:
    """Plot a criterion over the number of components, a line for each family.

    Colour tells the kind of axes, marker the shape; the line is dashed where components
    share their volume. The choice is circled. Values worse than the median are cut off.

    Parameters
    ----------
    selection : Selection
        From `bayesgmm.select`.
    criterion : str, optional
        By default that of the selection.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> selection = bg.select(X, range(1, 4), ["EEE", "VVV"], random_state=0)
    >>> figure = bg.plot_selection(selection, "icl")
    """
    has = ("pivot", "choose", "criterion")
    check_result("selection", selection, has, "select")
    criterion = criterion or selection.criterion
    wide = selection.pivot(criterion)
    figure, ax = open_axes(ax, (7.0, 4.2))
    for name in wide:
        ax.plot(wide.index, wide[name], label=name, markersize=5, **family_style(name))
    chosen = selection.choose(criterion)
    if chosen is not None:
        place = chosen[0], wide.loc[chosen]
        ax.scatter(*place, s=170, facecolors="none", edgecolors=ink(), zorder=4)
        ax.set_title(f"{chosen[1]}, {chosen[0]} components", fontsize="medium")
    ax.set_xticks(wide.index)
    ax.set_ylim(*_focus(wide.to_numpy()))
    ax.set(xlabel="components", ylabel=wide.columns.name)
    legend_beside(ax)
    return figure


def _focus(values):
    """Return limits around the better half of the values: the rest would flatten it."""
    low, middle = np.nanmin(values), np.nanmedian(values)
    room = 0.08 * (middle - low)
    return low - room, middle + room


def family_style(name: str) -> dict[str, Any]:
    """Return how the line of a covariance family is drawn."""
    volume, shape, axes = covariance_family(name).mclust_name
    return {
        "color": COLOURS["IEV".index(axes)],
        "marker": MARKERS["IEV".index(shape)],
        "linestyle": DASHES[volume],
        "linewidth": 1.3,
    }
