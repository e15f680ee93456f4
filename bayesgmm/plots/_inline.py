"""Pictures as SVG text for the inside of a page, in the colours of that page."""

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from bayesgmm.plots._style import new_axes

# Drawn in a colour that nothing else has, then replaced by the colour of the text.
_INK = "#010203"
_PAGE: Any = {
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.facecolor": "none",
    "figure.dpi": 144,
    "savefig.dpi": 144,
    "svg.hashsalt": "bayesgmm",
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def to_svg(
    plot: Callable[..., Any],
    size: tuple[float, float],
    title: str,
    *,
    n_axes: int = 1,
    n_columns: int = 1,
) -> str:
    """Return what `plot(ax=...)` draws as an SVG element, text as outlines.

    Parameters
    ----------
    plot : callable
        Takes `ax`.
    size : pair of float
        Inches.
    title : str
        Said to those who cannot see the picture.
    n_axes, n_columns : int
        Of a plot that takes several axes, how many and how many abreast.
    """
    with rc_context(_PAGE):
        figure = Figure(figsize=size, layout="constrained")
        axes = new_axes(figure, n_axes, n_columns)
        plot(ax=axes[0] if n_axes == 1 else axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata=_NO_METADATA)
    return _for_page(stream.getvalue(), size, title)


def _for_page(svg, size, title):
    """Leave the element alone: no prologue, no global style, no ids that repeat."""
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    shown = f'role="img" aria-label="{escape(title)}" style="max-width: {size[0]:g}in"'
    return re.sub(r'width="[^"]*" height="[^"]*"', lambda _: shown, svg, count=1)
