"""One feature: densities that the prior thinks of, beside the data."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice
from bayesgmm.dims import DIMS, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.plots._style import COLOURS, ink, open_axes, thin
from bayesgmm.plots.density import draw_data, grid_over, mixture_parts
from bayesgmm.validation import check_features, check_table

N_SHOWN = 50
# Lines are drawn as far beyond the data as these reach, and no higher than this many
# times the highest bar: the narrowest components of the prior would flatten the rest.
MARGIN, HEADROOM = 1.0, 3.0


def plot_prior_predictive(
    X: Any, prior: Any, *, feature: str | None = None, ax: Axes | None = None
) -> Figure:
    """Plot densities of mixtures drawn from the prior over a histogram of the data.

    Thin lines are one mixture each, 50 at most; the broad line is the mean over all
    draws, what the prior expects of a new row. A prior that is worth its name has the
    data among its lines, and does not spend most of them elsewhere.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
    prior : xarray.DataTree
        From `sample_prior`.
    feature : str, optional
        Name of the feature, default the first.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such feature, or no group ``prior``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> priors = bg.default_priors(X, 2, kind="conjugate")
    >>> prior = bg.sample_prior(X, 2, priors=priors, random_seed=1)
    >>> figure = bg.plot_prior_predictive(X, prior)
    """
    table = check_table(X)
    name = table.feature_names[0] if feature is None else feature
    place = table.feature_names.index(
        check_choice("feature", name, table.feature_names)
    )
    arrays, features = read_prior(prior)
    check_features(table, features, named=False)
    x = np.asarray(table.values[:, place], dtype=np.float64)
    grid = grid_over(x, MARGIN)
    figure, ax = open_axes(ax, (6.4, 3.8))
    # In front of the lines.
    highest = draw_data(ax, x, edgecolor=ink(), linewidth=1.4, zorder=4)
    _draw_mixtures(ax, grid, _densities(arrays, place, grid))
    ax.set(xlabel=name, ylabel="density", xlim=grid[[0, -1]])
    ax.set_ylim(0, HEADROOM * highest)
    ax.legend(frameon=False, fontsize="small")
    return figure


def read_prior(prior: Any) -> tuple[list[Floats], tuple[str, ...]]:
    """Return arrays with one axis of draws, and the names of features."""
    is_tree = isinstance(prior, xr.DataTree) and "prior" in prior.children
    if not is_tree or not {*DIMS} <= {*prior["prior"]}:
        raise InputError(
            "prior",
            f"be an xarray.DataTree with a group 'prior' of {', '.join(DIMS)}",
            type(prior).__name__,
            "Pass what `bayesgmm.sample_prior` returned.",
        )
    group = prior["prior"].to_dataset()
    arrays = [
        group[name].transpose(*SAMPLE_DIMS, *dims).values for name, dims in DIMS.items()
    ]
    flat = [values.reshape(-1, *values.shape[2:]) for values in arrays]
    return flat, tuple(map(str, group["feature"].values))


def _densities(arrays, column, grid):
    """Return densities of shape (n_draws, n_grid), of some hundred draws at most."""
    kept = thin(len(arrays[0]), 10 * N_SHOWN)
    weights, means, covariances = (values[kept] for values in arrays)
    parts = mixture_parts(weights, means, covariances, column, grid)
    return parts.sum(axis=1)


def _draw_mixtures(ax, grid, densities):
    shown = densities[thin(len(densities), N_SHOWN)]
    style = {"color": COLOURS[0], "linewidth": 0.7, "alpha": 0.45}
    for i, density in enumerate(shown):
        label = f"{len(shown)} mixtures of the prior" if i == 0 else None
        ax.plot(grid, density, label=label, **style)
    mean = {"color": COLOURS[0], "linewidth": 3.0}
    ax.plot(grid, densities.mean(axis=0), label="their mean, over all draws", **mean)
