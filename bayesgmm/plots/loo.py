"""How well posteriors of several sizes predict, by leave-one-out cross-validation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesgmm._typing import Floats
from bayesgmm.dims import OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.plots._given import check_result
from bayesgmm.plots._style import COLOURS, ink, legend_beside, open_axes
from bayesgmm.plots.selection import family_style


def plot_loo(results: Mapping[Any, Any], ax: Axes | None = None) -> Figure:
    """Plot how far each posterior predicts worse than the best, over its size.

    Lines reach one standard error of the difference to both sides, which is that of
    sums over the same rows. Open dots have rows whose estimate is not reliable.

    Parameters
    ----------
    results : dict
        From numbers of components, or pairs of them and a family, to what
        `bayesgmm.loo` returned, all of the same rows.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is nothing, or rows differ.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> posteriors = {
    ...     k: bg.sample(X, k, method="gibbs", random_seed=1, progress=False)
    ...     for k in (1, 2)
    ... }
    >>> figure = bg.plot_loo({k: bg.loo(each) for k, each in posteriors.items()})
    """
    if not isinstance(results, Mapping) or not results:
        raise InputError(
            "results",
            "be a dict that holds results of `loo`",
            "none" if isinstance(results, Mapping) else type(results).__name__,
            "For example `{2: loo2, 3: loo3}`.",
        )
    for each in results.values():
        check_result("results", each, ("elpd_i", "pareto_k"), "loo")
    table = _table(results)
    figure, ax = open_axes(ax, (6.4, 3.8))
    ax.axhline(0, color=ink(), linewidth=0.6, alpha=0.4)
    for family, part in table.groupby("family", sort=False):
        _draw_family(ax, str(family), part)
    sizes = np.unique(table["n_components"])
    ax.set_xticks(sizes)
    ax.set(xlabel="components", ylabel="elpd less that of the best")
    best = table.loc[table["difference"].idxmax()]
    ax.set_title(_describe(best), fontsize="medium")
    if False in table["reliable"].tolist():
        open_dot: Any = {"marker": "o", "markerfacecolor": "none", "linestyle": "none"}
        ax.plot(
            [], [], color=ink(), label="open: not reliable for some rows", **open_dot
        )
    if ax.get_legend_handles_labels()[1]:
        legend_beside(ax)
    return figure


def _table(results: Mapping[Any, Any]) -> pd.DataFrame:
    """Return size, family, difference from the best with its error, and reliability."""
    best = max(results.values(), key=lambda result: result.elpd)
    rows = []
    for key, result in results.items():
        size, family = key if isinstance(key, tuple) else (key, "")
        by_row = _differences(result, best)
        error = np.sqrt(len(by_row) * by_row.var(ddof=1)) if len(by_row) > 1 else np.nan
        reliable = bool(np.nanmax(result.pareto_k) <= result.good_k)
        rows.append((size, family, result.elpd - best.elpd, error, reliable))
    names = ["n_components", "family", "difference", "error", "reliable"]
    return pd.DataFrame(rows, columns=names).sort_values("n_components")


def _differences(result: Any, best: Any) -> Floats:
    """Return the differences row by row; other rows are refused."""
    ours, theirs = result.elpd_i, best.elpd_i
    if ours.shape == theirs.shape and np.array_equal(
        *(_rows(x) for x in (ours, theirs))
    ):
        return ours.values - theirs.values
    raise InputError(
        "results",
        "be of the same rows",
        f"{ours.size} rows beside {theirs.size} others",
        "Sample all posteriors from the same data.",
    )


def _rows(by_row: Any) -> Any:
    return by_row[OBSERVATION].values


def _draw_family(ax: Axes, family: str, table: pd.DataFrame) -> None:
    """Draw a line over sizes, with errors; open where an estimate is not reliable."""
    look: Any = family_style(family) if family else {"color": COLOURS[0], "marker": "o"}
    look |= {"markersize": 6, "label": family or None}
    x, y = table["n_components"].to_numpy(), table["difference"].to_numpy()
    ax.vlines(x, y - table["error"], y + table["error"], color=look["color"])
    (line,) = ax.plot(x, y, markerfacecolor="none", **look)
    known = table["reliable"].to_numpy()
    style = {"color": line.get_color(), "marker": line.get_marker(), "zorder": 3}
    ax.plot(x[known], y[known], linestyle="none", markersize=6, **style)


def _describe(best: Any) -> str:
    size = int(best["n_components"])
    text = f"{size} component{'s' * (size != 1)}"
    return f"{best['family']}, {text}" if best["family"] else text
