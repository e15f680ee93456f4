"""Two features: the rows with their groups, and how well each group is known."""

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import chi2

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.arguments import check_choice, check_probability
from bayesgmm.blocks import responsibility_blocks
from bayesgmm.errors import InputError
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.naming import SURE, group_names
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.plots._style import (
    EM_DASHES,
    MANY_ROWS,
    MOST_ROWS,
    check_given,
    component_colour,
    component_marker,
    ink,
    legend_beside,
    legend_line,
    open_axes,
    thin,
    wrap,
)
from bayesgmm.posterior import Draws, read_draws
from bayesgmm.relabel.resolved import check_resolved
from bayesgmm.validation import check_features, check_table

N_DRAWS = 200
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
    hollow, and larger the more they are.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
        At least two features.
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
    check_given(posterior, em)
    table = check_table(X)
    check_probability("probability", probability)
    draws = None if posterior is None else read_draws(posterior)
    if posterior is not None:
        check_resolved(posterior)
    fit = None if em is None else as_parameters(em)
    for known in filter(None, (draws, fit)):
        check_features(table, known.feature_names, named=False)
    pair = _choose_pair(table.feature_names, features, point_of(draws, fit))
    figure, ax = open_axes(ax, (7.2, 4.4))
    rows = table.values[thin(table.n_observations, MOST_ROWS)]
    shares = shares_of(rows, draws, fit)
    draw_pair(ax, rows, shares, draws, fit, pair, probability)
    ax.set(xlabel=table.feature_names[pair[0]], ylabel=table.feature_names[pair[1]])
    legend_beside(ax, *legend_entries(shares, draws, fit, probability))
    return figure


def point_of(
    draws: Draws | None, fit: MixtureParameters | None
) -> tuple[Floats, Floats, Floats]:
    """Return weights, means and covariances to choose features by."""
    if fit is not None:
        return fit.weights, fit.means, fit.covariances
    assert draws is not None
    return draws.weights.mean(0), draws.means.mean(0), draws.covariances.mean(0)


def _choose_pair(names, features, point) -> list[int]:
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
        return min(pairs, key=lambda pair: overlap(point, pair))
    first, second = (check_choice("features", name, names) for name in features)
    return [names.index(first), names.index(second)]


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


def shares_of(X: Floats, draws: Draws | None, fit: MixtureParameters | None) -> Floats:
    """Return p(k | x_n) averaged over draws, or by EM where there are none."""
    X = np.ascontiguousarray(X)
    if draws is None:
        assert fit is not None
        return responsibilities(X, fit.quadratics)
    kept = thin(draws.n_samples, N_DRAWS)
    quadratics = Quadratics(*(part[kept] for part in draws.quadratics))
    blocks = responsibility_blocks(X, quadratics)
    return np.concatenate([block.mean(axis=0) for _, block in blocks])


def draw_pair(
    ax: Axes,
    rows: Floats,
    shares: Floats,
    draws: Draws | None,
    fit: MixtureParameters | None,
    pair: list[int],
    probability: float,
) -> None:
    """Draw two features of rows, and what `probability` of each group is within."""
    draw_rows(ax, rows[:, pair], shares)
    _draw_ellipses(ax, draws, fit, pair, chi2.ppf(probability, 2))


def draw_rows(ax: Axes, points: Floats, shares: Floats) -> None:
    """Draw rows in the colour and marker of their group; hollow if in doubt.

    Parameters
    ----------
    ax : matplotlib Axes
    points : array of shape (n_rows, 2)
    shares : array of shape (n_rows, n_components)
        Probabilities of the groups.
    """
    labels, doubts = shares.argmax(axis=1), 1 - shares.max(axis=1)
    pixels = len(points) > MANY_ROWS
    size, opacity = (6, 0.45) if pixels else (18, 0.65)
    for k in range(shares.shape[1]):
        for unsure in (False, True):
            kept = (labels == k) & ((doubts > 1 - SURE) == unsure)
            ax.scatter(
                *points[kept].T,
                s=size * (1 + 6 * doubts[kept]) if unsure else size,
                marker=component_marker(k),
                facecolors="none" if unsure else component_colour(k),
                edgecolors=component_colour(k),
                linewidths=(0.5 if pixels else 1.2) if unsure else 0,
                alpha=1.0 if unsure else opacity,
                rasterized=pixels,
            )


def _ellipse(mean, covariance, pair, radius2) -> Floats:
    """Return corners (..., N_CORNERS, 2) of the ellipse of a margin."""
    covariance = covariance[..., pair, :][..., :, pair]
    angle = np.linspace(0, 2 * np.pi, N_CORNERS)
    circle = np.sqrt(radius2) * np.stack([np.cos(angle), np.sin(angle)])
    corners = np.linalg.cholesky(covariance) @ circle
    return np.swapaxes(corners, -1, -2) + mean[..., None, pair]


def _draw_ellipses(ax, draws, fit, pair, radius2):
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
    shares: Floats,
    draws: Draws | None,
    fit: MixtureParameters | None,
    probability: float,
) -> tuple[list[Line2D], list[str]]:
    """Return what explains groups, hollow rows and ellipses."""
    plain = {"linestyle": "none", "markeredgewidth": 0}
    handles = [
        legend_line(color=component_colour(k), marker=component_marker(k), **plain)
        for k in range(shares.shape[1])
    ]
    texts = list(map(wrap, group_names(draws, fit)))
    if (shares.max(axis=1) < SURE).any():
        hollow = {"marker": "o", "linestyle": "none", "markerfacecolor": "none"}
        handles.append(legend_line(color=ink(), markersize=7, **hollow))
        texts.append(f"hollow: less than {SURE:.0%} sure")
    if draws is not None:
        handles.append(legend_line(color=component_colour(0), alpha=0.5))
        texts.append(f"{probability:.0%} of a group, draws")
    if fit is not None:
        handles.append(legend_line(color=ink(), linestyle=EM_DASHES))
        texts.append(f"{probability:.0%} of a group, EM")
    return handles, texts
