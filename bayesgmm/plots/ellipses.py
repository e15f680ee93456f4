"""Two features: the rows with their groups, and how well each group is known."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import chi2

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_places, check_probability
from bayesgmm.errors import InputError
from bayesgmm.naming import SURE
from bayesgmm.plots._given import Given, read_given
from bayesgmm.plots._style import (
    EM_DASHES,
    MANY_ROWS,
    MOST_ROWS,
    Look,
    component_colour,
    ink,
    legend_beside,
    legend_line,
    open_axes,
    thin,
    wrap,
)

N_ELLIPSES = 60
N_CORNERS = 121


def plot_ellipses(
    X: Any,
    posterior: Any = None,
    em: Any = None,
    *,
    features: tuple[str, str] | None = None,
    probability: float = 0.9,
    ax: Axes | None = None,
) -> Figure:
    """Plot the rows, the EM ellipse of each group and ellipses of posterior draws.

    An ellipse is the smallest region that holds `probability` of its group. The spread
    of the thin ones, each from one draw, is what the data leave open; the dashed one is
    EM. Rows have the colour and marker of their likeliest group; those in doubt are
    hollow, and larger the more they are. Noise is grey.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
        At least two features. Rows of which one of the two is missing are not drawn.
    posterior : xarray.DataTree, optional
        Relabelled draws.
    em : GaussianMixture or MixtureParameters, optional
        At least one of `posterior` and `em` is needed.
    features : pair of str, optional
        Default the pair in which the groups overlap least.
    probability : float
        Content of an ellipse, between 0 and 1.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

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
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(2, random_state=0).fit(X)
    >>> figure = bg.plot_ellipses(X, em=em)
    """
    given = read_given(X, posterior, em)
    check_probability("probability", probability)
    names = given.table.feature_names
    pair = _choose_pair(names, features, given)
    figure, ax = open_axes(ax, (7.2, 4.4))
    rows, shares = shown_rows(given)
    draw_pair(ax, rows[:, pair], shares, given, pair, probability)
    ax.set(xlabel=wrap(names[pair[0]]), ylabel=wrap(names[pair[1]]))
    legend_beside(ax, *legend_entries(shares, given, probability))
    return figure


def _choose_pair(names: Sequence[str], features: Any, given: Given) -> list[int]:
    """Return the places of two features: those asked for, or the clearest pair."""
    if len(names) < 2:
        raise InputError(
            "X",
            "have two features or more",
            f"the one feature {names[0]!r}",
            "Use `plot_density` for one feature.",
        )
    if features is None:
        pairs = map(list, combinations(range(len(names)), 2))
        return min(pairs, key=lambda pair: overlap(given.point, pair))
    chosen = check_places("features", features, names)
    if len(chosen) == 2:
        return chosen
    raise InputError(
        "features",
        "name two",
        f"{len(chosen)}",
        "Use `plot_pairs` for more, `plot_density` for one.",
    )


def overlap(point: tuple[Floats, Floats, Floats], columns: list[int]) -> float:
    """Bound the error of telling groups apart by some features.

    Parameters
    ----------
    point : weights, means and covariances
    columns : list of int

    References
    ----------
    .. [1] A. Bhattacharyya (1943), *On a measure of divergence between two statistical
       populations*, Bull. Calcutta Math. Soc. 35:99-109.
    """
    weights, means, covariances = point
    means, covariances = means[:, columns], covariances[:, columns][:, :, columns]
    log_det = np.linalg.slogdet(covariances)[1]
    total = 0.0
    for j, k in combinations(range(len(weights)), 2):
        middle, step = (covariances[j] + covariances[k]) / 2, means[j] - means[k]
        distance = step @ np.linalg.solve(middle, step) / 8
        distance += np.linalg.slogdet(middle)[1] / 2 - (log_det[j] + log_det[k]) / 4
        total += np.sqrt(weights[j] * weights[k]) * np.exp(-distance)
    return total


def shown_rows(given: Given) -> tuple[Floats, Floats]:
    """Return as many rows as a picture can show, and their shares of groups."""
    rows = thin(given.table.n_observations, MOST_ROWS)
    return given.table.values[rows], given.shares(rows)


def draw_pair(
    ax: Axes,
    points: Floats,
    shares: Floats,
    given: Given,
    pair: list[int],
    probability: float,
) -> None:
    """Draw two features of rows, and what `probability` of each group is within."""
    there = ~np.isnan(points).any(axis=1)
    draw_rows(ax, points[there], shares[there], given.looks)
    _draw_ellipses(ax, given, pair, float(chi2.ppf(probability, 2)))


def draw_rows(ax: Axes, points: Floats, shares: Floats, looks: list[Look]) -> None:
    """Draw rows in the colour and marker of their group; hollow if in doubt.

    Parameters
    ----------
    ax : matplotlib Axes
    points : array of shape (n_rows, 2)
    shares : array of shape (n_rows, n_components)
        Probabilities of the groups.
    looks : list of Look
        Of the groups.
    """
    labels, doubts = shares.argmax(axis=1), 1 - shares.max(axis=1)
    pixels = len(points) > MANY_ROWS
    size, opacity = (6, 0.45) if pixels else (18, 0.65)
    for k, look in enumerate(looks):
        for unsure in (False, True):
            kept = (labels == k) & ((doubts > 1 - SURE) == unsure)
            ax.scatter(
                *points[kept].T,
                s=size * (1 + 6 * doubts[kept]) if unsure else size,
                marker=look.marker,
                facecolors="none" if unsure else look.colour,
                edgecolors=look.colour,
                linewidths=(0.5 if pixels else 1.2) if unsure else 0,
                alpha=1.0 if unsure else opacity,
                rasterized=pixels,
                snap=False,  # or small crosses vanish between pixels
            )


def _ellipse(mean, covariance, pair, radius2) -> Floats:
    """Return corners (..., N_CORNERS, 2) of the ellipse of a margin."""
    covariance = covariance[..., pair, :][..., :, pair]
    angle = np.linspace(0, 2 * np.pi, N_CORNERS)
    circle = np.sqrt(radius2) * np.stack([np.cos(angle), np.sin(angle)])
    corners = np.linalg.cholesky(covariance) @ circle
    return np.swapaxes(corners, -1, -2) + mean[..., None, pair]


def _draw_ellipses(ax: Axes, given: Given, pair: list[int], radius2: float) -> None:
    draws, fit = given.draws, given.fit
    if draws is not None:
        kept = thin(draws.n_samples, N_ELLIPSES)
        means, covariances = draws.means[kept], draws.covariances[kept]
        for k in range(draws.n_components):
            corners = _ellipse(means[:, k], covariances[:, k], pair, radius2)
            style = {"colors": component_colour(k), "alpha": 0.18, "linewidths": 0.8}
            ax.add_collection(LineCollection(list(corners), **style))
    if fit is not None:
        for mean, covariance in zip(fit.means, fit.covariances, strict=True):
            corners = _ellipse(mean, covariance, pair, radius2)
            ax.plot(*corners.T, color=ink(), linestyle=EM_DASHES, linewidth=1.3)
    ax.autoscale_view()


def legend_entries(
    shares: Floats, given: Given, probability: float
) -> tuple[list[Line2D], list[str]]:
    """Return what explains groups, hollow rows and ellipses."""
    plain: Any = {"linestyle": "none", "markeredgewidth": 0}
    handles = [legend_line(**look.line, **plain) for look in given.looks]
    texts = list(map(wrap, given.names))
    if (shares.max(axis=1) < SURE).any():
        hollow = {"marker": "o", "linestyle": "none", "markerfacecolor": "none"}
        handles.append(legend_line(color=ink(), markersize=7, **hollow))
        texts.append(f"hollow: less than {SURE:.0%} sure")
    if given.draws is not None:
        handles.append(legend_line(color=component_colour(0), alpha=0.5))
        texts.append(f"{probability:.0%} of a group, draws")
    if given.fit is not None:
        handles.append(legend_line(color=ink(), linestyle=EM_DASHES))
        texts.append(f"{probability:.0%} of a group, EM")
    return handles, texts
