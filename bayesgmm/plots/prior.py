"""How many components the prior fills and how large they are, beside the posterior."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bayesgmm._typing import Floats, Ints
from bayesgmm.dims import N_FILLED
from bayesgmm.plots._given import check_result
from bayesgmm.plots._style import COLOURS, open_grid
from bayesgmm.posterior import SAMPLE_STATS, posterior_group, read_mixtures
from bayesgmm.priors import PriorSimulation
from bayesgmm.priors.simulation import QUANTILES, frequencies, group_rows

# Numbers and ranks of components that hardly any draw has are left out.
MOST_RANKS, LEAST_SHARE = 8, 0.005
_HALF = 0.18


def plot_prior(
    simulation: PriorSimulation,
    posterior: Any = None,
    *,
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Plot what a prior says about groups of rows, beside what the posterior says.

    On the left how probable each number of filled components is, on the right what
    share of the rows the largest has, the second, and so on: the mean, and a line that
    holds 90 % of the draws.

    Parameters
    ----------
    simulation : PriorSimulation
        From `Priors.simulate`, for as many rows as the data have.
    posterior : xarray.DataTree, optional
        Draws of the same mixture. Filled components are its variable ``n_filled`` where
        it has one. Otherwise they are those of as many new rows, as the sizes are.
    ax : pair of matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> priors = bg.default_priors(X, 3, kind="static")
    >>> simulation = priors.simulate(n_observations=272, random_seed=1)
    >>> figure = bg.plot_prior(simulation)
    """
    has = ("n_filled", "shares", "n_observations")
    check_result("simulation", simulation, has, "default_priors(...).simulate")
    figure, (numbers, sizes) = open_grid(ax, 2, 2, (4.3, 3.4))
    told = [("prior", simulation.n_filled, simulation.shares)]
    if posterior is not None:
        n_filled, shares = _of_posterior(posterior, simulation)
        told.append(("posterior", n_filled, shares))
    for place, (name, n_filled, shares) in enumerate(told):
        side = (2 * place - 1) * _HALF * (len(told) > 1)
        style = {"color": COLOURS[place], "label": name}
        _draw_numbers(numbers, frequencies(n_filled), side, style)
        _draw_sizes(sizes, shares, side, "os"[place], style)
    for axes, label in ((numbers, "filled components"), (sizes, "component, by size")):
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlim(0.4, np.ceil(axes.dataLim.xmax - 0.5) + 0.6)
        axes.set_ylim(bottom=0)
    numbers.set_ylabel("probability")
    sizes.set_ylabel(f"share of {simulation.n_observations:,} rows")
    sizes.legend(frameon=False, fontsize="small")
    return figure


def _of_posterior(posterior, simulation) -> tuple[Ints, Floats]:
    """Return numbers of filled components, and sorted shares of as many new rows."""
    weights, n = read_mixtures(posterior).weights, simulation.n_observations
    grouping = group_rows(np.random.default_rng(0), weights, n)
    stats = posterior[SAMPLE_STATS] if SAMPLE_STATS in posterior.children else {}
    for holder in (posterior_group(posterior), stats):
        if N_FILLED in holder:
            stored = holder[N_FILLED].values.ravel().astype(np.int64)
            return stored, grouping.shares
    return grouping.n_filled, grouping.shares


def _draw_numbers(ax, probabilities, side, style):
    """Draw one bar a number, of those that are not rare."""
    last = np.flatnonzero(probabilities >= LEAST_SHARE)[-1] + 1
    numbers = np.arange(1, last + 1)
    width = 2 * _HALF if side else 4 * _HALF
    ax.bar(numbers + side, probabilities[:last], width, alpha=0.85, **style)


def _draw_sizes(ax, shares, side, marker, style):
    """Draw the mean share of every rank, and where nine in ten are."""
    kept = shares[:, :MOST_RANKS]
    kept = kept[:, kept.mean(axis=0) >= LEAST_SHARE]
    low, _, high = np.quantile(kept, QUANTILES, axis=0)
    ranks = np.arange(1, kept.shape[1] + 1) + side
    ax.vlines(ranks, low, high, color=style["color"], linewidth=2)
    ax.plot(ranks, kept.mean(axis=0), marker, markersize=6, **style)
