"""How probable it is that two rows belong together, as a heat map."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import average, leaves_list
from scipy.spatial.distance import squareform

from bayesgmm._typing import Floats, Ints
from bayesgmm.dims import OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.plots._style import HEAT, open_axes, thin

# A picture has no more rows of pixels.
MOST_ROWS = 1000


def plot_similarity(
    similarity: xr.DataArray, partition: Any = None, ax: Axes | None = None
) -> Figure:
    """Plot the similarity of every two rows, those that belong together side by side.

    Bright squares on the diagonal are groups; what is bright beside them are rows that
    may be of another group.

    Parameters
    ----------
    similarity : xarray.DataArray
        From `bayesgmm.similarity`, of all pairs.
    partition : Partition or array-like of shape (n_observations,), optional
        Labels by which the rows are ordered, within a cluster those first that are the
        most like the rest of it. By default rows are in the order of a tree.
    ax : matplotlib Axes, optional
        Where to draw, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there are not all pairs, or `partition` is of other rows.

    Notes
    -----
    Of more than a thousand rows as many are drawn, evenly spread over that order. The
    tree joins the two clusters whose rows have the highest mean similarity.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> draws = [[0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 1, 1]]
    >>> figure = bg.plot_similarity(bg.similarity(draws), bg.partition(draws))
    """
    values = _read(similarity)
    if partition is None:
        rows = thin(len(values), MOST_ROWS)
        rows = rows[_order_by_tree(values[np.ix_(rows, rows)])]
        labels = None
    else:
        labels = _read_labels(partition, similarity)
        rows = _order_by_labels(values, labels)
        rows = rows[thin(len(rows), MOST_ROWS)]
        labels = labels[rows]
    figure, ax = open_axes(ax, (5.6, 4.6))
    ax.spines[:].set_visible(False)
    image = ax.imshow(
        values[np.ix_(rows, rows)], vmin=0, vmax=1, cmap=HEAT, interpolation="nearest"
    )
    bar = figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("probability of one group")
    bar.outline.set_visible(False)
    _name(ax, labels, len(values))
    return figure


def _read(similarity: Any) -> Floats:
    values = similarity.values if isinstance(similarity, xr.DataArray) else similarity
    if (
        isinstance(values, np.ndarray)
        and values.ndim == 2
        and len({*values.shape}) == 1
    ):
        return values
    raise InputError(
        "similarity",
        "be of all pairs of rows",
        type(similarity).__name__,
        "Take some of the rows: `bayesgmm.similarity(posterior, X[:1000])`.",
    )


def _read_labels(partition: Any, similarity: Any) -> Ints:
    labels = getattr(partition, "labels", partition)
    n_rows = len(similarity)
    same = np.shape(labels) == (n_rows,)
    if same and isinstance(labels, xr.DataArray) and OBSERVATION in similarity.coords:
        same = np.array_equal(labels[OBSERVATION], similarity[OBSERVATION])
    if same:
        return np.asarray(labels)
    raise InputError(
        "partition",
        f"have a label for each of the {n_rows} rows, in their order",
        f"shape {np.shape(labels)}",
        "Make both of the same posterior and the same rows.",
    )


def _order_by_tree(values: Floats) -> Ints:
    if len(values) < 2:
        return np.arange(len(values))
    return leaves_list(average(squareform(1.0 - values, checks=False)))


def _order_by_labels(values: Floats, labels: Ints) -> Ints:
    """Return the rows cluster by cluster, the most typical of each first."""
    own = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        own[rows] = values[np.ix_(rows, rows)].mean(axis=1)
    return np.lexsort((-own, labels))


def _name(ax: Axes, labels: Ints | None, n_rows: int) -> None:
    """Name clusters at their middles, with lines at their ends."""
    ax.tick_params(length=0)
    ax.set_xticks([])
    if labels is None:
        ax.set_yticks([])
        ax.set_xlabel(f"{n_rows:,} rows, by a tree")
        return
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    ax.set_yticks(first + counts / 2 - 0.5, [f"{name}" for name in names])
    ax.set_yticks(first[1:] - 0.5, minor=True)
    ax.tick_params(axis="y", which="minor", length=14, width=0.8)
    ax.set_xlabel(f"{n_rows:,} rows, by cluster")
