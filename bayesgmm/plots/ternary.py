"""Memberships in three groups, as places in a triangle."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesgmm._typing import Floats
from bayesgmm.dims import COMPONENT
from bayesgmm.errors import InputError
from bayesgmm.naming import SURE, component_name
from bayesgmm.plots._given import check_membership
from bayesgmm.plots._style import (
    MOST_ROWS,
    NEUTRAL,
    ink,
    looks_of,
    open_axes,
    thin,
    wrap,
)
from bayesgmm.plots.ellipses import draw_rows

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
N_STEPS = 4


def plot_ternary(membership: xr.Dataset, ax: Axes | None = None) -> Figure:
    """Plot the probabilities of three groups, one place in a triangle a row.

    A row at a corner is of that group for sure, one in the middle may be of any. The
    thin lines are a quarter apart; across the thick ones the likeliest group changes.

    Parameters
    ----------
    membership : xarray.Dataset
        From `bayesgmm.membership`, of three groups.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there are not three groups.

    Examples
    --------
    >>> import numpy as np, xarray as xr, bayesgmm as bg
    >>> p = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    >>> rows = xr.Dataset(
    ...     {"probability": (("obs_id", "component"), p)}, {"component": range(3)}
    ... )
    >>> figure = bg.plot_ternary(rows)
    """
    membership = check_membership(membership)
    n_groups = membership.sizes[COMPONENT]
    if n_groups != len(CORNERS):
        raise InputError(
            "membership",
            "be in three groups",
            f"{n_groups}",
            "Use `plot_membership` for other numbers of groups.",
        )
    shares, components = membership["probability"].values, membership[COMPONENT].values
    shown = shares[thin(len(shares), MOST_ROWS)]
    figure, ax = open_axes(ax, (5.6, 4.8))
    _draw_triangle(ax)
    draw_rows(ax, shown @ CORNERS, shown, looks_of(components))
    _name_corners(ax, list(map(component_name, components)))
    _describe(ax, shares)
    return figure


def _draw_triangle(ax: Axes) -> None:
    """Draw the sides, a net of quarters, and where the likeliest group changes."""
    ax.set_axis_off()
    ax.set_aspect("equal")
    thin_line = {"color": NEUTRAL, "linewidth": 0.5, "alpha": 0.5, "zorder": 0}
    for step in np.arange(1, N_STEPS) / N_STEPS:
        for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            ends = np.zeros((2, 3))
            ends[:, a] = step
            ends[[0, 1], [b, c]] = 1 - step
            ax.plot(*(ends @ CORNERS).T, **thin_line)
    ax.plot(*CORNERS[[0, 1, 2, 0]].T, color=ink(), linewidth=0.9, zorder=0)
    middle = CORNERS.mean(axis=0)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        halfway = CORNERS[[a, b]].mean(axis=0)
        line = np.stack([middle, halfway])
        ax.plot(*line.T, color=ink(), linewidth=1.2, alpha=0.5, zorder=0)


def _name_corners(ax: Axes, names: list[str]) -> None:
    places = CORNERS + 0.06 * (CORNERS - CORNERS.mean(axis=0))
    sides = ("top", "top", "bottom")
    for (x, y), name, side in zip(places, names, sides, strict=True):
        ax.text(x, y, wrap(name), ha="center", va=side)
    ax.set(xlim=(-0.15, 1.15), ylim=(-0.16, 1.08))


def _describe(ax: Axes, shares: Floats) -> None:
    """Say how many rows are in doubt."""
    n_unsure = int((shares.max(axis=1) < SURE).sum())
    ax.set_title(
        f"{n_unsure:,} of {len(shares):,} rows are less than {SURE:.0%} sure (hollow)",
        loc="left",
        fontsize="small",
    )
