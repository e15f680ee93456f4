"""What all pictures share: one colour and one marker a component, and a place to draw.

Nothing here changes matplotlib's settings. Text and outlines take the colours that
the user's style gives them, so pictures read on light and on dark ground.
"""

from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesgmm.errors import InputError

# Found by a search for the largest smallest distance in OKLab, over all pairs, with
# normal and with red-, green- and blue-blind sight (Machado et al. 2009), among the
# colours that stand out from white and from near-black alike.
COLOURS = ("#0072B2", "#D55E00", "#46AB84", "#C976EA", "#AE255F", "#7922F9")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
NEUTRAL = "#808080"
EM_DASHES = (0, (4, 2))
# Above this many rows, artists drawn once a row become pixels: files stay small.
MANY_ROWS = 1000
# More rows than these, evenly spread, are not drawn: they would only cover each other.
MOST_ROWS = 5000


def component_colour(component: int) -> str:
    """Return the colour that a component has in every picture."""
    return COLOURS[component % len(COLOURS)]


def component_marker(component: int) -> str:
    """Return the marker of a component: it tells groups apart without colour."""
    return MARKERS[component % len(MARKERS)]


def ink() -> Any:
    """Return the user's text colour."""
    return rcParams["text.color"]


def check_given(posterior: Any, em: Any) -> None:
    """Refuse to draw a mixture that is not there."""
    if posterior is None and em is None:
        raise InputError(
            "posterior",
            "be given, or `em`",
            "neither",
            "Pass the fitted EM, the posterior, or both.",
        )


def open_axes(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return `ax` with its figure, or a new one of `size` inches."""
    if ax is None:
        from matplotlib import pyplot

        figure, ax = pyplot.subplots(figsize=size, layout="constrained")
    else:
        figure = ax.figure.figure
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


def thin(n_present: int, n_wanted: int) -> np.ndarray:
    """Return places of at most `n_wanted` of what is present, evenly spread."""
    return np.unique(np.linspace(0, n_present - 1, n_wanted).round().astype(np.intp))


def legend_line(**style: Any) -> Line2D:
    """Return a line that stands in a legend for artists of this style."""
    return Line2D([], [], **style)
