"""What all pictures share: a colour and a marker for each component, a place to draw.

Nothing here changes matplotlib's settings. Text and outlines take the colours that
the user's style gives them, so pictures read on light and on dark ground.
"""

from collections.abc import Iterable
from textwrap import wrap as lines_of
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesgmm.dims import NOISE_NAME
from bayesgmm.errors import InputError
from bayesgmm.naming import component_name

# Found by searches for the largest smallest distance in OKLab, over all pairs, with
# normal and with red-, green- and blue-blind sight (Machado et al. 2009), among the
# colours that stand out from white and from near-black alike: first six, then four more
# beside them. From the eleventh component on colours come again, with other markers.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#46AB84",
    "#C976EA",
    "#AE255F",
    "#7922F9",
    "#E98406",
    "#5A5501",
    "#3D4BA2",
    "#AE5ADE",
)
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
NEUTRAL = "#808080"
# From dark to bright without a step back, so that it reads in grey as well.
HEAT = "viridis"
EM_DASHES = (0, (4, 2))
# Above this many rows, artists drawn once a row become pixels: files stay small.
MANY_ROWS = 1000
# Letters in a line of a name.
NAME_WIDTH = 26
# Letters of legends.
LEGEND_POINTS = 5.0, 8.3
# More rows than these, evenly spread, are not drawn: they would only cover each other.
MOST_ROWS = 5000


def component_colour(component: int) -> str:
    """Return the colour that a component has in every picture."""
    return COLOURS[component % len(COLOURS)]


def component_marker(component: int) -> str:
    """Return the marker of a component: it tells groups apart without colour."""
    return MARKERS[component % len(MARKERS)]


class Look(NamedTuple):
    """How a component is drawn."""

    colour: str
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """As matplotlib takes it."""
        return {"color": self.colour, "marker": self.marker}


def looks_of(components: Iterable[Any]) -> list[Look]:
    """Return the looks of components in their order; noise is grey."""
    return [
        Look(NEUTRAL, ".")
        if component_name(component) == NOISE_NAME
        else Look(component_colour(k), component_marker(k))
        for k, component in enumerate(components)
    ]


def ink() -> Any:
    """Return the user's text colour."""
    return rcParams["text.color"]


def ground() -> Any:
    """Return the colour on which the user draws."""
    return rcParams["axes.facecolor"]


def wrap(name: Any, width: int = NAME_WIDTH) -> str:
    """Return a name in two lines at most, so that it does not push the picture away.

    Of longer ones the middle is left out: names often differ at their ends only.
    """
    lines = lines_of(str(name), width)
    if len(lines) <= 2:
        return "\n".join(lines)
    end = lines_of(str(name)[::-1], width - 2)[0][::-1]
    return f"{lines[0]}\n… {end}"


def open_axes(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return `ax` with its figure, or a new one of `size` inches."""
    if ax is None:
        from matplotlib import pyplot

        figure, ax = pyplot.subplots(figsize=size, layout="constrained")
    elif isinstance(ax, Axes):
        figure = ax.figure.figure
    else:
        raise InputError(
            "ax",
            "be matplotlib Axes",
            type(ax).__name__,
            "For example `matplotlib.pyplot.subplots()[1]`.",
        )
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


def open_grid(
    ax: Any, n_axes: int, n_columns: int, size: tuple[float, float], **sharing: Any
) -> tuple[Figure, list[Axes]]:
    """Return the axes in `ax` with their figure, or new ones, row by row.

    Parameters
    ----------
    ax : axes, any nesting of them, or None
    n_axes, n_columns : int
    size : pair of float
        Of one of them, in inches.
    **sharing : of `pyplot.subplots`
    """
    n_columns = min(n_axes, n_columns)
    n_rows = -(-n_axes // n_columns)
    if ax is None:
        from matplotlib import pyplot

        inches = size[0] * n_columns, size[1] * n_rows
        figure = pyplot.figure(figsize=inches, layout="constrained")
        ax = new_axes(figure, n_axes, n_columns, **sharing)
    axes = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(axes) != n_axes:
        raise InputError(
            "ax",
            f"hold {n_axes} axes",
            f"{len(axes)}",
            f"For example `matplotlib.pyplot.subplots({n_rows}, {n_columns})[1]`.",
        )
    return open_axes(axes[0], size)[0], [open_axes(each, size)[1] for each in axes]


def new_axes(figure: Figure, n_axes: int, n_columns: int, **sharing: Any) -> list[Axes]:
    """Return so many new axes of a figure, row by row."""
    n_rows = -(-n_axes // n_columns)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, **sharing).ravel()
    for spare in axes[n_axes:]:
        spare.remove()
    return axes[:n_axes].tolist()


def is_leftmost(ax: Axes) -> bool:
    """Tell whether nothing stands to the left of axes of a grid."""
    place = ax.get_subplotspec()
    return place is None or place.is_first_col()


def legend_beside(ax: Axes, *handles_and_texts: Any) -> None:
    """Explain what is drawn to the right of `ax`, where nothing can be covered.

    Letters are as large as fits the height of the figure, down to the smallest.
    """
    outside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}
    if not handles_and_texts:
        handles_and_texts = ax.get_legend_handles_labels()
    texts = handles_and_texts[1]
    place = ax.get_subplotspec()
    n_rows = 1 if place is None else place.get_gridspec().nrows
    room = 65 * ax.figure.figure.get_figheight() / n_rows  # nearly all, in points
    lines = sum(1.7 + 1.2 * text.count("\n") for text in texts) + 1
    size = np.clip(room / lines, *LEGEND_POINTS)
    ax.legend(*handles_and_texts, fontsize=float(size), **outside)


def legend_above(
    ax: Axes, handles: list, texts: list[str], side: str, **more: Any
) -> None:
    """Explain what is drawn above `ax`, at its "left" or "right" end."""
    ax.legend(
        handles,
        texts,
        frameon=False,
        fontsize="small",
        loc=f"lower {side}",  # pyright: ignore[reportArgumentType]
        bbox_to_anchor=(side == "right", 1),
        borderaxespad=0,
        **more,
    )


def thin(n_present: int, n_wanted: int) -> np.ndarray:
    """Return places of at most `n_wanted` of what is present, evenly spread."""
    return np.unique(np.linspace(0, n_present - 1, n_wanted).round().astype(np.intp))


def legend_line(**style: Any) -> Line2D:
    """Return a line that stands in a legend for artists of this style."""
    return Line2D([], [], **style)
