"""The entropy of memberships while components are merged."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesgmm.plots._given import check_result
from bayesgmm.plots._style import COLOURS, ink, open_axes


def plot_combination(combination: Any, ax: Axes | None = None) -> Figure:
    """Plot the entropy over the number of clusters, the elbow circled.

    Parameters
    ----------
    combination : Combination
        From `bayesgmm.merge_components`.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(4, random_state=0).fit(X)
    >>> figure = bg.plot_combination(bg.merge_components(em, X))
    """
    has = ("table", "n_clusters")
    check_result("combination", combination, has, "merge_components")
    table = combination.table
    x, y = table["n_clusters"].to_numpy(), table["entropy"].to_numpy()
    figure, ax = open_axes(ax, (5.0, 3.4))
    ax.plot(x, y, color=COLOURS[0], marker="o", linewidth=1.3)
    if combination.n_clusters is not None:
        place = combination.n_clusters, y[x == combination.n_clusters]
        ax.scatter(*place, s=170, facecolors="none", edgecolors=ink(), zorder=3)
        ax.set_title(f"elbow at {combination.n_clusters} clusters", fontsize="medium")
    ax.set_xticks(x)
    ax.set(xlabel="clusters", ylabel="entropy of memberships, nats")
    return figure
