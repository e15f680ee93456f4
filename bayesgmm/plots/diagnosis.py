"""Draws chain by chain, with the labels of the sampler and relabelled."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesgmm.dims import COMPONENT, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.naming import component_name
from bayesgmm.plots._given import check_result
from bayesgmm.plots._style import (
    MOST_ROWS,
    component_colour,
    component_marker,
    ink,
    legend_above,
    legend_line,
    open_grid,
    thin,
    wrap,
)

SIZE = (8.6, 2.4)
# Of names side by side above the picture, markers included.
LETTERS_ABOVE = 96
TITLES = {"original": "labels of the sampler", "relabelled": "relabelled"}


def plot_diagnosis(diagnosis: Any, *, ax: Sequence[Axes] | None = None) -> Figure:
    """Plot the draws of what tells components apart best, before and after relabelling.

    Chains stand side by side. Where labels switch, colours change places above and
    stay below; where chains found different solutions, no relabelling makes them alike,
    and the chains are marked with theirs.

    Parameters
    ----------
    diagnosis : Diagnosis
        From `bayesgmm.diagnose`.
    ax : pair of matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the number of components was drawn, so that they have no labels.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> posterior = bg.sample(X, 2, method="gibbs", random_seed=1, progress=False)
    >>> figure = bg.plot_diagnosis(bg.diagnose(posterior))
    """
    check_result("diagnosis", diagnosis, ("traces", "chains"), "diagnose")
    traces = diagnosis.traces
    if traces is None:
        raise InputError(
            "diagnosis",
            "be of a known number of components",
            "draws of different numbers of them",
            "Diagnose `bayesgmm.condition_on_filled(posterior)`.",
        )
    figure, pair = open_grid(ax, 2, 1, SIZE, sharex=True, sharey=True)
    for axes, (name, title) in zip(pair, TITLES.items(), strict=True):
        values = traces[name].transpose(*SAMPLE_DIMS, COMPONENT).values
        _draw_traces(axes, values)
        axes.set_title(title, loc="left", fontsize="medium")
        axes.set_ylabel(traces.attrs["quantity"])
    _mark_chains(pair[1], diagnosis.chains, values.shape[1])
    names = [component_name(c) for c in traces[COMPONENT].values]
    _draw_legend(pair[0], names)
    return figure


def _draw_traces(ax, values):
    """Draw the components of all chains, one chain after the other."""
    n_chains, n_draws, n_components = values.shape
    shown = thin(n_draws, max(1, MOST_ROWS // n_chains))
    x = np.add.outer(np.arange(n_chains) * n_draws, shown).ravel()
    for k in range(n_components):
        y = values[:, shown, k].ravel()
        style: Any = {"c": component_colour(k), "marker": component_marker(k)}
        # Unsnapped, or small crosses vanish between pixels.
        style |= {"alpha": 0.6, "rasterized": True, "snap": False}
        ax.scatter(x, y, s=5, linewidths=0, **style)
    for edge in range(1, n_chains):
        ax.axvline(edge * n_draws, color=ink(), linewidth=0.6, alpha=0.4)
    ax.set_xlim(0, n_chains * n_draws)


def _mark_chains(ax, chains, n_draws):
    """Name the chains below, with what is wrong with them."""
    several = bool(chains["solution"].max() > 0)
    names = []
    for name, row in chains.iterrows():
        remarks = [f"solution {row['solution']}"] * several
        remarks += [_stillness(row["frozen"])] * bool(row["frozen"])
        remarks += ["repeats another"] * bool(row["repeats"])
        remarks += ["elsewhere for a while"] * bool(row["moved"])
        names.append("\n".join([f"chain {name}", *remarks]))
    places = (np.arange(len(names)) + 0.5) * n_draws
    ax.set_xticks(places, names, fontsize="small")
    ax.tick_params(axis="x", length=0)


def _stillness(share):
    return f"does not move{f' in {share:.0%}' if share < 1 else ''}"


def _draw_legend(ax, names):
    """Name the components above the picture."""
    handles = [
        legend_line(
            color=component_colour(k), marker=component_marker(k), linestyle="none"
        )
        for k in range(len(names))
    ]
    texts = list(map(wrap, names))
    widest = max(len(line) for text in texts for line in text.split("\n"))
    ncols = max(1, min(6, LETTERS_ABOVE // (widest + 6)))
    legend_above(ax, handles, texts, "right", ncols=ncols)
