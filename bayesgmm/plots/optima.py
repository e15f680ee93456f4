"""The optima that the restarts of a fit found, and how often."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesgmm.errors import InputError
from bayesgmm.plots._style import COLOURS, NEUTRAL, ink, legend_line, open_axes

MOST_OPTIMA = 20


def plot_optima(em: Any, ax: Axes | None = None) -> Figure:
    """Plot the log-likelihood of every optimum that the restarts of a fit found.

    The number beside a dot is how many starts ended there. Many optima, and few starts
    at the best, mean that more starts might find a better one; optima nearly as high as
    the best are other answers that the data do not rule out. Hollow squares are
    spurious: a component rests on too few rows to be a group.

    Parameters
    ----------
    em : GaussianMixture
        Fitted.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If `em` was not fitted, or every start collapsed.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(3, n_init=10, random_state=0).fit(X)
    >>> figure = bg.plot_optima(em)
    """
    restarts = getattr(em, "restarts_", None)
    if restarts is None or not restarts.optima:
        raise InputError(
            "em",
            "be a fitted `GaussianMixture` with an optimum",
            "one whose starts all collapsed"
            if restarts is not None
            else type(em).__name__,
            "Call `.fit(X)`; the optima of a fit are in its `restarts_`.",
        )
    table = restarts.table()
    shown = table.head(MOST_OPTIMA)
    figure, ax = open_axes(ax, (6.4, 3.4))
    _draw_optima(ax, shown)
    ax.set(xlabel="optimum, best first", ylabel="log-likelihood")
    ax.set_xticks(np.arange(len(shown)), map(str, range(1, len(shown) + 1)))
    ax.set_xlim(-0.5, max(len(shown), 2) - 0.5)
    ax.margins(y=0.15)
    ax.set_title(_describe(restarts, table, shown), loc="left", fontsize="small")
    return figure


def _draw_optima(ax: Axes, table: pd.DataFrame) -> None:
    """Draw a dot an optimum, and the log-likelihood of the best across."""
    height = table["log_likelihood"].to_numpy()
    spurious = table["spurious"].to_numpy(dtype=bool)
    at = np.arange(len(table))
    ax.axhline(height[0], color=ink(), linewidth=0.6, alpha=0.4)
    plain: Any = {"s": 44, "zorder": 3}
    ax.scatter(at[~spurious], height[~spurious], color=COLOURS[0], **plain)
    hollow: Any = {"marker": "s", "facecolors": "none", "edgecolors": NEUTRAL}
    ax.scatter(at[spurious], height[spurious], linewidths=1.4, **plain, **hollow)
    for place, y, hits in zip(at, height, table["hits"], strict=True):
        ax.annotate(
            f"{hits}×",
            (place, y),
            xytext=(0, -13),
            textcoords="offset points",
            ha="center",
            fontsize="small",
        )
    if spurious.any():
        handle = legend_line(
            marker="s", linestyle="none", color=NEUTRAL, markerfacecolor="none"
        )
        ax.legend([handle], ["spurious"], frameon=False, fontsize="small")


def _describe(restarts, table, shown) -> str:
    n_runs, n_optima = len(restarts.runs), len(table)
    parts = [
        f"{n_runs} start{'s' * (n_runs != 1)}",
        f"{n_optima} distinct {'optima' if n_optima != 1 else 'optimum'}",
    ]
    if restarts.n_collapsed:
        parts.append(f"{restarts.n_collapsed} collapsed")
    if len(shown) < n_optima:
        parts.append(f"the best {len(shown)} are drawn")
    return "; ".join(parts)
