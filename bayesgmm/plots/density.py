"""One feature: the data, the EM density, the posterior density and its band."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice
from bayesgmm.errors import InputError
from bayesgmm.intervals import INTERVAL_PROBABILITY
from bayesgmm.noise import Noise
from bayesgmm.parameters import MixtureParameters
from bayesgmm.plots._given import Given, read_given
from bayesgmm.plots._style import (
    EM_DASHES,
    MANY_ROWS,
    NEUTRAL,
    ink,
    legend_beside,
    open_axes,
    thin,
    wrap,
)
from bayesgmm.posterior import Draws

N_GRID = 400
N_DRAWS = 400
BINS = (20, 80)
# Letters in a line below.
LABEL_WIDTH = 60
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
    is one whose labels are resolved, else by EM; noise is grey.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
        Of rows with missing values, those that are there.
    posterior : xarray.DataTree, optional
        Relabelled draws; or others, also of an unknown number of components, for their
        density only.
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
        If there is no such feature, or no value of it, or neither `posterior` nor `em`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(2, random_state=0).fit(X)
    >>> figure = bg.plot_density(X, em=em, feature="waiting")
    """
    given = read_given(X, posterior, em, labelled=False)
    names = given.table.feature_names
    name = check_choice("feature", names[0] if feature is None else feature, names)
    figure, ax = open_axes(ax, (7.6, 3.8))
    draw_margin(ax, given, names.index(name))
    ax.set(xlabel=wrap(name, LABEL_WIDTH), ylabel="density")
    legend_beside(ax)
    return figure


def draw_margin(ax: Axes, given: Given, column: int) -> None:
    """Draw one feature of the data and of a mixture, with labels for a legend."""
    x = _present(given, column)
    grid = grid_over(x)
    draws, fit = given.draws, given.fit
    curves = None if draws is None else _posterior_curves(draws, column, grid)
    em_curves = None if fit is None else _em_curves(fit, column, grid)
    draw_data(ax, x)
    by = em_curves if curves is None or not given.labelled else curves.mean(axis=0)
    if by is not None:
        _draw_components(ax, grid, by, given)
    if curves is not None:
        _draw_posterior(ax, grid, curves.sum(axis=1))
    if em_curves is not None:
        style = {"color": ink(), "linestyle": EM_DASHES, "linewidth": 1.4}
        ax.plot(grid, em_curves.sum(axis=0), label="EM", **style)
    ax.set_xlim(grid[0], grid[-1])
    ax.set_ylim(bottom=0)


def _present(given: Given, column: int) -> Floats:
    """Return the values of a feature that are not missing."""
    x = np.asarray(given.table.values[:, column], dtype=np.float64)
    x = x[~np.isnan(x)]
    if x.size:
        return x
    raise InputError(
        "X",
        "have values of what is drawn",
        f"none of {given.table.feature_names[column]!r}",
        "Choose another feature.",
    )


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
    curves = mixture_parts(*arrays, column, grid)
    if draws.noise is None or draws.noise_weight is None:
        return curves
    flat = draws.noise_weight[kept, None, None] * _noise_curve(
        draws.noise, column, grid
    )
    return np.concatenate([curves, flat], axis=1)


def _em_curves(fit: MixtureParameters, column, grid) -> Floats:
    curves = mixture_parts(fit.weights, fit.means, fit.covariances, column, grid)
    if fit.noise is None:
        return curves
    return np.vstack([curves, fit.noise.weight * _noise_curve(fit.noise, column, grid)])


def _noise_curve(noise: Noise, column: int, grid: Floats) -> Floats:
    """Return the density of noise in its box, zero outside."""
    values, density, _ = noise.margin(column)
    return np.interp(grid, values, density, left=0.0, right=0.0)


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


def _draw_components(ax: Axes, grid: Floats, curves: Floats, given: Given) -> None:
    """Draw what each adds, with its marker at the top."""
    if len(curves) == 1:
        return
    for curve, look, name in zip(curves, given.looks, given.names, strict=True):
        ax.fill_between(grid, curve, color=look.colour, alpha=0.15, linewidth=0)
        style: Any = look.line | {"markersize": 5, "linewidth": 1.2}
        top = [int(curve.argmax())]
        ax.plot(grid, curve, markevery=top, label=wrap(name), **style)


def _draw_posterior(ax, grid, densities):
    low, high = np.percentile(densities, BAND, axis=0)
    ax.fill_between(
        grid, low, high, color=ink(), alpha=0.2, linewidth=0, label=_BAND_LABEL
    )
    # Broad and pale, so that EM can be seen on top of it.
    style = {"color": ink(), "linewidth": 3.2, "alpha": 0.4}
    ax.plot(grid, densities.mean(axis=0), label="posterior mean", **style)
