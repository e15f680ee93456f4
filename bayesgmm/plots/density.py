"""One feature: the data, the EM density, the posterior density and its band."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice
from bayesgmm.intervals import INTERVAL_PROBABILITY
from bayesgmm.naming import group_names
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.plots._style import (
    EM_DASHES,
    MANY_ROWS,
    NEUTRAL,
    check_given,
    component_colour,
    component_marker,
    ink,
    legend_beside,
    open_axes,
    thin,
    wrap,
)
from bayesgmm.posterior import Draws, read_mixtures
from bayesgmm.validation import Table, check_features, check_table

N_GRID = 400
N_DRAWS = 400
BINS = (20, 80)
_BAND_LABEL = f"posterior, {INTERVAL_PROBABILITY:.0%} of draws"
BAND = tuple(50 * (1 + side * INTERVAL_PROBABILITY) for side in (-1, 1))


def plot_density(
    X: Any,
    posterior: Any = None,
    em: Any = None,
    *,
    feature: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot the density of one feature over a histogram of the data.

    Solid: posterior mean density, with the band that holds 90 % of the draws at each
    place. Dashed: EM. In colour: what each component adds, by the posterior if there
    is one, else by EM.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
    posterior : xarray.DataTree, optional
        Relabelled draws; or of an unknown number of components, for their density only.
    em : GaussianMixture or MixtureParameters, optional
        At least one of `posterior` and `em` is needed.
    feature : str, optional
        Name of the feature, default the first. With several features the curves are
        margins of the mixture.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such feature, or neither `posterior` nor `em`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(2, random_state=0).fit(X)
    >>> figure = bg.plot_density(X, em=em, feature="waiting")
    """
    check_given(posterior, em)
    table = check_table(X)
    name = table.feature_names[0] if feature is None else feature
    column = table.feature_names.index(
        check_choice("feature", name, table.feature_names)
    )
    draws = None if posterior is None else read_mixtures(posterior)
    fit = None if em is None else as_parameters(em)
    for known in filter(None, (draws, fit)):
        check_features(table, known.feature_names, named=False)
    figure, ax = open_axes(ax, (7.6, 3.8))
    draw_margin(ax, table, draws, fit, column)
    ax.set(xlabel=name, ylabel="density")
    legend_beside(ax)
    return figure


def draw_margin(
    ax: Axes,
    table: Table,
    draws: Draws | None,
    fit: MixtureParameters | None,
    column: int,
) -> None:
    """Draw one feature of the data and of a mixture, with labels for a legend."""
    x = np.asarray(table.values[:, column], dtype=np.float64)
    grid = grid_over(x)
    curves = None if draws is None else _posterior_curves(draws, column, grid)
    em_curves = None if fit is None else _em_curves(fit, column, grid)
    components = em_curves if curves is None else curves.mean(axis=0)
    draw_data(ax, x)
    if draws is None or draws.of_one_size:
        _draw_components(ax, grid, components, group_names(draws, fit))
    if curves is not None:
        _draw_posterior(ax, grid, curves.sum(axis=1))
    if em_curves is not None:
        style = {"color": ink(), "linestyle": EM_DASHES, "linewidth": 1.4}
        ax.plot(grid, em_curves.sum(axis=0), label="EM", **style)
    ax.set_xlim(grid[0], grid[-1])
    ax.set_ylim(bottom=0)


def grid_over(x: Floats, margin: float = 0.08) -> Floats:
    """Return places from before the first value to after the last.

    Parameters
    ----------
    x : array of shape (n_observations,)
    margin : float
        How far before and after, in parts of their range.
    """
    margin *= np.ptp(x) or 1.0
    return np.linspace(x.min() - margin, x.max() + margin, N_GRID)


def mixture_parts(weights, means, covariances, column, grid) -> Floats:
    """Return densities of shape (..., n_components, n_grid), weights included.

    Parameters
    ----------
    weights, means, covariances : arrays with the same leading axes
    column : int
        Which feature.
    grid : array of shape (n_grid,)
    """
    sd = np.sqrt(covariances[..., column, column])
    mean = means[..., column]
    return weights[..., None] * norm.pdf(grid, mean[..., None], sd[..., None])


def _posterior_curves(draws: Draws, column, grid) -> Floats:
    kept = thin(draws.n_samples, N_DRAWS)
    arrays = draws.weights[kept], draws.means[kept], draws.covariances[kept]
    return mixture_parts(*arrays, column, grid)


def _em_curves(fit: MixtureParameters, column, grid) -> Floats:
    return mixture_parts(fit.weights, fit.means, fit.covariances, column, grid)


def draw_data(ax: Axes, x: Floats, **look: Any) -> float:
    """Draw a histogram, and the values themselves where they can be told apart.

    Parameters
    ----------
    ax : matplotlib Axes
    x : array of shape (n_observations,)
    **look : of the outline

    Returns
    -------
    float
        How high the histogram is.
    """
    n_bins = int(np.clip(len(np.histogram_bin_edges(x, "auto")) - 1, *BINS))
    style: Any = {"histtype": "stepfilled", "facecolor": "none", "label": "data"}
    style |= {"edgecolor": NEUTRAL, "linewidth": 0.9} | look
    heights, _, _ = ax.hist(x, bins=n_bins, density=True, **style)
    if len(x) <= MANY_ROWS:
        ticks = {"color": NEUTRAL, "alpha": 0.6, "linewidth": 0.6}
        ax.vlines(x, 0, 0.025, transform=ax.get_xaxis_transform(), **ticks)
    return float(np.max(heights))


def _draw_components(ax, grid, components, names):
    """Draw what each adds, with its marker at the top."""
    if len(components) == 1:
        return
    for k, curve in enumerate(components):
        colour = component_colour(k)
        ax.fill_between(grid, curve, color=colour, alpha=0.15, linewidth=0)
        style = {"marker": component_marker(k), "markersize": 5, "linewidth": 1.2}
        top = [int(curve.argmax())]
        ax.plot(grid, curve, color=colour, markevery=top, label=wrap(names[k]), **style)


def _draw_posterior(ax, grid, densities):
    low, high = np.percentile(densities, BAND, axis=0)
    ax.fill_between(
        grid, low, high, color=ink(), alpha=0.2, linewidth=0, label=_BAND_LABEL
    )
    # Broad and pale, so that EM can be seen on top of it.
    style = {"color": ink(), "linewidth": 3.2, "alpha": 0.4}
    ax.plot(grid, densities.mean(axis=0), label="posterior mean", **style)
