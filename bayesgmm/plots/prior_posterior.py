"""What the data changed: parameters of each group by the prior and by the posterior."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice, check_places
from bayesgmm.dims import COMPONENT, FEATURE
from bayesgmm.errors import InputError
from bayesgmm.naming import component_name
from bayesgmm.plots._arviz import panels
from bayesgmm.plots._style import (
    component_colour,
    component_marker,
    ink,
    legend_line,
    open_grid,
    wrap,
)
from bayesgmm.plots.prior_predictive import read_prior
from bayesgmm.posterior import read_draws
from bayesgmm.relabel.resolved import check_resolved

MOST_ABREAST = 3
SIZE = (3.3, 2.6)
SAMPLE = "sample"
# Of the prior, what is within the picture even where the posterior is far from it.
SEEN = (0.25, 0.75)
HIDDEN = (
    "credible_interval",
    "point_estimate",
    "point_estimate_text",
    "title",
    "remove_axis",
)
_PRIOR_DASHES = (0, (1, 1.2))
# Of weights, means and covariances, values with a last axis of panels.
PARAMETERS = {
    "weights": lambda arrays: arrays[0][..., None],
    "means": lambda arrays: arrays[1],
    "standard_deviations": lambda arrays: np.sqrt(
        np.diagonal(arrays[2], axis1=-2, axis2=-1)
    ),
}


def plot_prior_posterior(
    prior: Any,
    posterior: Any,
    *,
    parameter: str = "means",
    features: Any = None,
    ax: Any = None,
) -> Figure:
    """Plot densities of a parameter of each group, by the prior and by the posterior.

    Where the two are alike, the data said nothing. A posterior in the tail of its prior
    is one that the prior holds back.

    Parameters
    ----------
    prior : xarray.DataTree
        From `sample_prior`, of as many components as the posterior.
    posterior : xarray.DataTree
        Relabelled draws.
    parameter : {"means", "standard_deviations", "weights"}
    features : sequence of str, optional
        In the order wanted, by default all. Weights have none.
    ax : sequence of matplotlib Axes, optional
        One a feature, or one for weights; default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If prior and posterior are of other components or features, there is no such
        parameter or feature, the model fixes it, or labels have not been resolved.

    Notes
    -----
    Densities are estimated by ArviZ (``arviz_plots.plot_dist``). Components of most
    priors are all alike; then the dotted lines differ by chance only.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> priors = bg.default_priors(X, 2, kind="conjugate")
    >>> prior = bg.sample_prior(X, 2, priors=priors, random_seed=1)
    >>> posterior = bg.sample(X, 2, method="gibbs", random_seed=1, progress=False)
    >>> figure = bg.plot_prior_posterior(prior, posterior)
    """
    read = PARAMETERS[check_choice("parameter", parameter, PARAMETERS)]
    draws = read_draws(posterior)
    check_resolved(posterior)
    arrays, names = read_prior(prior)
    _check_alike(draws, arrays, names)
    before = read(arrays)
    after = read((draws.weights, draws.means, draws.covariances))
    if parameter != "weights":
        wanted = names if features is None else features
        columns = check_places("features", wanted, names)
        before, after = before[..., columns], after[..., columns]
        names = [names[column] for column in columns]
    else:
        names = ["weight"]
    _check_free(parameter, after)
    figure, axes = open_grid(ax, len(names), MOST_ABREAST, SIZE)
    _draw(before, names, axes, {"linestyle": _PRIOR_DASHES, "width": 1.3})
    _draw(after, names, axes, {"linestyle": "solid", "width": 1.8})
    for j, (each, name) in enumerate(zip(axes, names, strict=True)):
        _mark_tops(each, after.shape[1])
        each.set_xlim(*_limits(before[..., j], after[..., j]))
        each.set_ylim(bottom=0)
        each.set_yticks([])
        each.set_xlabel(wrap(name), fontsize="small")
        each.xaxis.set_major_locator(MaxNLocator(4))
    axes[0].set_ylabel(f"density of {parameter.replace('_', ' ')}")
    _draw_legend(figure, [component_name(k) for k in draws.components])
    return figure


def _check_alike(draws, arrays, names) -> None:
    ours, theirs = draws.means.shape[1:], arrays[1].shape[1:]
    if ours == theirs and draws.feature_names == names:
        return
    raise InputError(
        "prior",
        f"have the {ours[0]} components and features of the posterior "
        f"({', '.join(draws.feature_names)})",
        f"{theirs[0]} components, ({', '.join(names)})",
        "Call `bayesgmm.sample_prior` with the data and size of the posterior.",
    )


def _check_free(parameter: str, after: Floats) -> None:
    if np.ptp(after, axis=0).all():
        return
    raise InputError(
        "parameter",
        "differ from draw to draw",
        f"{parameter!r}, which the model fixes",
        "A single component has weight 1; choose another parameter.",
    )


def _draw(values: Floats, names: list[str], axes: list[Axes], look: dict) -> None:
    """Draw densities of (n_samples, n_components, n_panels) with ArviZ."""
    from arviz_plots import plot_dist

    n_components = values.shape[1]
    data = xr.Dataset(
        {"value": ((SAMPLE, COMPONENT, FEATURE), values)},
        coords={FEATURE: names, COMPONENT: np.arange(n_components)},
    )
    colours = [component_colour(k) for k in range(n_components)]
    mapping = {"aes": {"color": [COMPONENT]}, "color": colours}
    visuals: Any = {"dist": look} | dict.fromkeys(HIDDEN, False)
    plot_dist(
        xr.DataTree.from_dict({"posterior": data}),
        sample_dims=[SAMPLE],
        kind="kde",
        plot_collection=panels(data, FEATURE, axes, **mapping),
        stats={"dist": {"bound_correction": False, "extend": True, "extend_fct": 1.0}},
        visuals=visuals,
    )


def _mark_tops(ax: Axes, n_components: int) -> None:
    """Give the last lines, one a component, its marker at the top."""
    for k, line in enumerate(ax.lines[-n_components:]):
        top = [int(np.argmax(line.get_ydata()))]
        line.set(marker=component_marker(k), markersize=5, markevery=top)


def _limits(before: Floats, after: Floats) -> tuple[float, float]:
    """Return what holds the posterior, and the middle of the prior."""
    low, high = np.quantile(before, SEEN)
    low, high = min(low, after.min()), max(high, after.max())
    room = 0.03 * (high - low)
    return low - room, high + room


def _draw_legend(figure: Figure, names: list[str]) -> None:
    handles = [
        legend_line(color=component_colour(k), marker=component_marker(k), markersize=5)
        for k in range(len(names))
    ]
    handles += [legend_line(color=ink(), linestyle=_PRIOR_DASHES)]
    handles += [legend_line(color=ink())]
    figure.legend(
        handles,
        [*map(wrap, names), "prior", "posterior"],
        frameon=False,
        fontsize="small",
        ncols=1,
        loc="outside right upper",
    )
