"""EM beside the posterior, parameter by parameter, in units of what is not known."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesgmm.dims import COMPONENT
from bayesgmm.intervals import INTERVAL_PROBABILITY
from bayesgmm.naming import free_parameters, parameter_name
from bayesgmm.plots._given import check_result
from bayesgmm.plots._style import (
    component_colour,
    ink,
    legend_above,
    legend_line,
    open_axes,
    wrap,
)

# With more parameters than this, those that differ most are drawn.
MOST_PARAMETERS = 30
ROW_INCHES = 0.24
# Letters of a name in a line.
WIDEST = 48
# Of a row, how far the bootstrap is below the posterior.
BELOW = 0.28


def plot_comparison(comparison: Any, ax: Axes | None = None) -> Figure:
    """Plot where EM lies within the posterior of each parameter.

    The line of a parameter is its posterior interval, the dot on it the posterior mean,
    the diamond EM, the thin line below the interval of its bootstrap if there is one.
    All are shown as distances from the posterior mean in posterior standard deviations,
    so that units do not matter.

    Parameters
    ----------
    comparison : Comparison
        From `bayesgmm.compare`.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure as high as there are parameters.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(2, random_state=0).fit(X)
    >>> posterior = bg.sample(X, 2, method="gibbs", random_seed=1, progress=False)
    >>> figure = bg.plot_comparison(bg.compare(em, posterior))
    """
    check_result("comparison", comparison, ("table", "observations"), "compare")
    table = free_parameters(comparison.table)
    shown = _choose(table)
    figure, ax = open_axes(ax, picture_size(comparison))
    places = np.arange(len(shown))
    low, high, em = (_standardise(shown, name) for name in ("lower", "upper", "em"))
    colours = [component_colour(k) for k in _places(shown, table)]
    ax.axvline(0, color=ink(), linewidth=0.6, alpha=0.4)
    ax.hlines(places, low, high, color=colours, linewidth=2.2)
    ax.scatter(np.zeros(len(places)), places, s=22, c=colours, zorder=3)
    diamond = {"marker": "D", "facecolors": "none", "edgecolors": ink()}
    ax.scatter(em, places, s=26, linewidths=1.1, zorder=4, **diamond)
    resampled = "bootstrap_lower" in shown
    if resampled:
        low, high = (_standardise(shown, f"bootstrap_{x}") for x in ("lower", "upper"))
        ax.hlines(places + BELOW, low, high, color=ink(), linewidth=0.9)
    names = [parameter_name(index) for index in shown.index]
    texts = [wrap(name, WIDEST) for name in names]
    small = "small" if texts == names else "x-small"
    ax.set_yticks(places, texts, fontsize=small)
    ax.set(ylim=(len(shown) - 0.4, -0.6))
    ax.set_xlabel("posterior sd from the posterior mean", fontsize="small")
    _draw_legend(ax, len(shown), len(table), resampled)
    return figure


def picture_size(comparison: Any) -> tuple[float, float]:
    """Return the size in inches at which every parameter can be read."""
    return 7.0, 1.2 + ROW_INCHES * len(_choose(free_parameters(comparison.table)))


def _choose(table: pd.DataFrame) -> pd.DataFrame:
    """Return the parameters that differ most, in the order of the table."""
    size = table["standardised_difference"].abs().to_numpy()
    kept = np.sort(np.argsort(-size, kind="stable")[:MOST_PARAMETERS])
    return table.iloc[kept]


def _standardise(table, column):
    """Return a column in posterior standard deviations."""
    return ((table[column] - table["mean"]) / table["sd"]).to_numpy()


def _places(shown, table) -> list[int]:
    """Return for every row the place of its component among all."""
    every = table.index.unique(COMPONENT)
    return every.get_indexer(shown.index.get_level_values(COMPONENT)).tolist()


def _draw_legend(ax, n_shown, n_all, resampled):
    """Explain the marks above the picture; say so if parameters are left out."""
    line = legend_line(color=ink(), linewidth=2.2, marker="o", markersize=4.5)
    diamond = {"marker": "D", "markerfacecolor": "none", "linestyle": "none"}
    handles = [line, legend_line(color=ink(), markersize=5, **diamond)]
    texts = [f"posterior mean, {INTERVAL_PROBABILITY:.0%} interval", "EM"]
    if resampled:
        handles.append(legend_line(color=ink(), linewidth=0.9))
        texts.append("bootstrap of EM")
    left_out = f"the {n_shown} of {n_all} parameters that differ most"
    title = None if n_shown == n_all else left_out
    legend_above(ax, handles, texts, "left", ncols=3, title=title)
