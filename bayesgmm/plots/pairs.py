"""All features two by two, and each by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bayesgmm.arguments import check_places, check_probability
from bayesgmm.errors import InputError
from bayesgmm.plots._given import Given, read_given
from bayesgmm.plots._style import open_grid, wrap
from bayesgmm.plots.density import draw_margin
from bayesgmm.plots.ellipses import draw_pair, legend_entries, overlap, shown_rows

# Of more features those in which the groups overlap least are drawn.
MOST_FEATURES = 5
SIZE = (2.5, 2.2)


def plot_pairs(
    X: Any,
    posterior: Any = None,
    em: Any = None,
    *,
    features: Sequence[str] | None = None,
    probability: float = 0.9,
    ax: Any = None,
) -> Figure:
    """Plot every pair of features as `plot_ellipses` does, each alone as a density.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
        At least two features.
    posterior : xarray.DataTree, optional
        Relabelled draws.
    em : GaussianMixture or MixtureParameters, optional
        At least one of `posterior` and `em` is needed.
    features : sequence of str, optional
        In the order wanted. By default all, or the five in which the groups overlap
        least.
    probability : float
        Content of an ellipse, between 0 and 1.
    ax : matplotlib Axes, optional
        As many rows and columns of them as features, default a new figure. Those above
        the diagonal stay empty.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there are not two features, neither `posterior` nor `em`, or labels have not
        been resolved.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("iris")
    >>> em = bg.GaussianMixture(3, random_state=0).fit(X)
    >>> figure = bg.plot_pairs(X, em=em)
    """
    given = read_given(X, posterior, em)
    check_probability("probability", probability)
    names = given.table.feature_names
    columns = _choose(names, features, given)
    n = len(columns)
    figure, axes = open_grid(ax, n * n, n, SIZE)
    rows, shares = shown_rows(given)
    grid: Any = np.reshape(np.array(axes, dtype=object), (n, n))
    for i, j in np.ndindex(n, n):
        if i == j:
            draw_margin(grid[i, i], given, columns[i])
        elif j < i:
            pair = [columns[j], columns[i]]
            draw_pair(grid[i, j], rows[:, pair], shares, given, pair, probability)
        else:
            grid[i, j].set_axis_off()
    _share_scales(grid)
    _name_features(grid, [names[column] for column in columns])
    entries = legend_entries(shares, given, probability)
    legend = grid[0, -1].legend(
        *entries, frameon=False, fontsize="small", loc="upper right", borderaxespad=0
    )
    legend.set_in_layout(False)  # there is room: nothing is drawn above the diagonal
    return figure


def _choose(names: Sequence[str], features: Any, given: Given) -> list[int]:
    """Return the places of features asked for, or those that tell groups apart."""
    if features is None:
        told = sorted(range(len(names)), key=lambda j: overlap(given.point, [j]))
        chosen = sorted(told[:MOST_FEATURES])
    else:
        chosen = check_places("features", features, names)
    if len(chosen) >= 2:
        return chosen
    raise InputError(
        "X" if features is None else "features",
        "have two features or more",
        f"{', '.join(repr(names[j]) for j in chosen)}",
        "Use `plot_density` for one feature.",
    )


def _share_scales(grid) -> None:
    """Let all of a column have the scale of the density above them, rows theirs."""
    for j in range(len(grid)):
        limits = grid[j, j].get_xlim()
        for i in range(j + 1, len(grid)):
            grid[i, j].set_xlim(limits)
        for k in range(j):
            grid[j, k].set_ylim(limits)


def _name_features(grid, names) -> None:
    """Write names and numbers at the left and below only."""
    for i, j in np.ndindex(grid.shape):
        ax = grid[i, j]
        ax.tick_params(labelsize="x-small")
        ax.tick_params(labelbottom=i == len(grid) - 1, labelleft=j == 0 < i)
        if i == len(grid) - 1:
            ax.set_xlabel(wrap(names[j]), fontsize="small")
        if j == 0 < i:
            ax.set_ylabel(wrap(names[i]), fontsize="small")
        if i == j:
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
