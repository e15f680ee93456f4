"""The rows whose group is in doubt, and how well their probabilities are known."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from bayesgmm._typing import Floats, Ints
from bayesgmm.dims import COMPONENT, OBSERVATION
from bayesgmm.intervals import INTERVAL_PROBABILITY
from bayesgmm.naming import component_name
from bayesgmm.plots._given import check_membership
from bayesgmm.plots._style import (
    MANY_ROWS,
    MOST_ROWS,
    ink,
    legend_beside,
    legend_line,
    looks_of,
    open_axes,
    thin,
    wrap,
)

# Rows more certain than this are counted, not drawn, but so many are drawn always.
CERTAIN = 0.99
FEWEST_ROWS = 20
# Up to here rows are bars with a gap and a name.
NAMED_ROWS = 40
BOUNDS = ("probability_lower", "probability_upper")
_ALONE = {"linestyle": "none", "markersize": 6}


def plot_membership(membership: xr.Dataset, ax: Axes | None = None) -> Figure:
    """Plot the group probabilities of every row that is not certain.

    Rows stand beside each other, sorted by their likeliest group and its probability.
    The colours of a row add up to one, its likeliest group at the bottom; the vertical
    line is the posterior interval of that group's probability, if there is one.

    Parameters
    ----------
    membership : xarray.Dataset
        From `bayesgmm.membership`.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> posterior = bg.sample(X, 2, method="gibbs", random_seed=1, progress=False)
    >>> figure = bg.plot_membership(bg.membership(posterior))
    """
    table = check_membership(membership)
    probability = table["probability"].values
    labels = probability.argmax(axis=1)
    rows = _choose_rows(probability, labels)
    figure, ax = open_axes(ax, (6.4, 3.4))
    looks = looks_of(table[COMPONENT].values)
    _draw_shares(ax, probability[rows], labels[rows], looks)
    _mark_groups(ax, labels[rows], looks)
    bounds = [
        np.take_along_axis(table[name].values[rows], labels[rows, None], axis=1)[:, 0]
        for name in BOUNDS
        if name in table
    ]
    if len(bounds) == len(BOUNDS):
        _draw_intervals(ax, *bounds)
    _name_rows(ax, table[OBSERVATION].values[rows])
    names = [wrap(component_name(k)) for k in table[COMPONENT].values]
    _describe(ax, probability, len(bounds) == len(BOUNDS))
    _draw_legend(ax, probability[rows], names, looks)
    return figure


def _choose_rows(probability: Floats, labels: Ints) -> Ints:
    """Return the rows in doubt, by likeliest group, the surest of each group first."""
    best = probability.max(axis=1)
    n_uncertain = int((best < CERTAIN).sum())
    doubtful = np.argsort(best, kind="stable")[: max(n_uncertain, FEWEST_ROWS)]
    doubtful = doubtful[thin(len(doubtful), MOST_ROWS)]
    return doubtful[np.lexsort((-best[doubtful], labels[doubtful]))]


def _draw_shares(ax, probability, labels, looks):
    """Stack the probabilities of each row, the likeliest group first."""
    n_rows, n_components = probability.shape
    others = np.arange(n_components) != labels[:, None]
    order = np.argsort(others, axis=1, kind="stable")
    tops = np.take_along_axis(probability, order, axis=1).cumsum(axis=1)
    bottoms = np.column_stack([np.zeros(n_rows), tops[:, :-1]])
    half = 0.45 if n_rows <= NAMED_ROWS else 0.5
    x = np.arange(n_rows)
    for k in range(n_components):
        place = order == k
        low, high = bottoms[place], tops[place]
        corners = np.stack(
            [
                np.stack([x - half, x - half, x + half, x + half], axis=-1),
                np.stack([low, high, high, low], axis=-1),
            ],
            axis=-1,
        )
        colour = looks[k].colour
        stack = PolyCollection(list(corners), facecolors=colour, linewidths=0)
        stack.set(alpha=0.75, rasterized=n_rows > NAMED_ROWS, antialiased=False)
        ax.add_collection(stack)
    ax.set(xlim=(-0.6, n_rows - 0.4), ylim=(0, 1))


def _mark_groups(ax, labels, looks):
    """Mark above the rows of a group which one is the likeliest of them."""
    for k in np.unique(labels):
        rows = np.flatnonzero(labels == k)
        style = {"clip_on": False, **looks[k].line, **_ALONE}
        ax.plot(rows.mean(), 1.04, **style)


def _draw_intervals(ax, lower, upper):
    """Draw the interval of the likeliest group of each row."""
    width = float(np.clip(64 / len(lower), 0.25, 1.6))
    alpha = 1.0 if len(lower) <= NAMED_ROWS else 0.55
    ax.vlines(
        np.arange(len(lower)),
        lower,
        upper,
        color=ink(),
        linewidth=width,
        alpha=alpha,
        rasterized=len(lower) > MANY_ROWS,
    )


def _name_rows(ax, obs_ids):
    if len(obs_ids) <= NAMED_ROWS:
        ax.set_xticks(np.arange(len(obs_ids)), map(str, obs_ids))
        ax.tick_params(axis="x", rotation=90, labelsize="x-small", length=0)
        ax.set_xlabel("row")
    else:
        ax.set_xlabel("least certain rows, by likeliest group")


def _describe(ax, probability, bounded):
    """Say how many rows are not certain, and what the lines are."""
    n_uncertain = int((probability.max(axis=1) < CERTAIN).sum())
    ax.set_ylabel("probability")
    ax.set_title(
        f"{n_uncertain:,} of {len(probability):,} rows are less than {CERTAIN:.0%} sure"
        + f"; line: {INTERVAL_PROBABILITY:.0%} interval" * bounded,
        loc="left",
        fontsize="small",
        pad=14,
    )


def _draw_legend(ax, probability, names, looks):
    """Name the groups that can be seen."""
    drawn = np.flatnonzero(probability.max(axis=0) > 1 - CERTAIN)
    handles = [legend_line(**looks[k].line, **_ALONE) for k in drawn]
    legend_beside(ax, handles, [names[k] for k in drawn])
