"""What the members of each group are like, column by column, in original units."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bayesgmm.arguments import check_places
from bayesgmm.naming import component_name
from bayesgmm.plots._given import check_result
from bayesgmm.plots._style import (
    Look,
    ink,
    is_leftmost,
    legend_line,
    looks_of,
    open_grid,
    wrap,
)

MOST_ABREAST = 4
WIDTH = 2.4
SHARE, MEAN, SD = "share", "mean", "sd"


def plot_profile(profile: Any, *, columns: Any = None, ax: Any = None) -> Figure:
    """Plot how large groups are, and what their members are like in each column.

    A marker is the posterior mean of what a group has, the broad line its interval. The
    thin line reaches one standard deviation of the members to both sides: where these
    overlap, single members are not told apart by this column, however well the means
    are known.

    Parameters
    ----------
    profile : Profile
        From `bayesgmm.profile`.
    columns : sequence of str, optional
        In the order wanted, by default all.
    ax : sequence of matplotlib Axes, optional
        One more than columns, the first for shares; default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such column.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> posterior = bg.sample(X, 2, method="gibbs", random_seed=1, progress=False)
    >>> figure = bg.plot_profile(bg.profile(posterior))
    """
    check_result("profile", profile, ("table", "ranks", "components"), "profile")
    known = profile.columns
    wanted = known if columns is None else columns
    names = [known[j] for j in check_places("columns", wanted, known)]
    table = profile.table
    size = WIDTH, 1.1 + 0.3 * len(profile.components)
    figure, axes = open_grid(ax, 1 + len(names), MOST_ABREAST, size)
    looks = looks_of(profile.components)
    _draw(axes[0], _part(table, SHARE, ""), looks)
    axes[0].set_xlabel("share of rows", fontsize="small")
    axes[0].set_xlim(left=0)
    axes[0].xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for each, name in zip(axes[1:], names, strict=True):
        means = _part(table, MEAN, name)
        _draw_members(each, means["mean"], _part(table, SD, name)["mean"], looks)
        _draw(each, means, looks)
        each.set_xlabel(wrap(name), fontsize="small")
    _name_groups(axes, [wrap(component_name(k)) for k in profile.components])
    _draw_legend(figure, profile.probability)
    return figure


def _part(table: pd.DataFrame, quantity: str, column: str) -> Any:
    """Return one quantity of all groups, in their order."""
    return table.xs((quantity, column), level=(1, 2))


def _draw(ax: Axes, table: pd.DataFrame, looks: list[Look]) -> None:
    """Draw a marker and an interval for each group, one below the other."""
    for k, (mean, _, lower, upper) in enumerate(table.to_numpy()):
        ax.hlines(k, lower, upper, color=looks[k].colour, linewidth=3)
        ax.plot(mean, k, markersize=6, **looks[k].line)
    ax.xaxis.set_major_locator(MaxNLocator(4))


def _draw_members(ax: Axes, means: pd.Series, sds: pd.Series, looks) -> None:
    """Draw how far members spread."""
    colours = [look.colour for look in looks]
    low, high = (means - sds).to_numpy(), (means + sds).to_numpy()
    ax.hlines(np.arange(len(means)), low, high, color=colours, linewidth=0.9)


def _name_groups(axes: list[Axes], names: list[str]) -> None:
    """Name groups at the left, the first on top, as in tables."""
    for ax in axes:
        ax.set_yticks(np.arange(len(names)), names)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0, labelleft=is_leftmost(ax))


def _draw_legend(figure: Figure, probability: float) -> None:
    known = legend_line(color=ink(), linewidth=3, marker="o", markersize=6)
    members = legend_line(color=ink(), linewidth=0.9)
    figure.legend(
        [known, members],
        [f"mean, {probability:.0%} interval", "one sd of the members"],
        frameon=False,
        fontsize="small",
        ncols=2,
        loc="outside upper right",
    )
