"""An analysis as plain text, for the console and as a page of its own."""

from functools import partial
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bayesgmm.atomic import replacing
from bayesgmm.partition_stability import DISSOLVED
from bayesgmm.plots._inline import to_svg
from bayesgmm.plots.calibration import plot_calibration
from bayesgmm.plots.comparison import picture_size, plot_comparison
from bayesgmm.plots.density import plot_density
from bayesgmm.plots.ellipses import plot_ellipses
from bayesgmm.plots.membership import plot_membership
from bayesgmm.plots.profile import plot_profile
from bayesgmm.story import INTERVAL, Story, tell
from bayesgmm.story_checks import ODD

TEXT_WIDTH = 88
# Of the comparison on a console.
MOST_ROWS = 30
# Of tables on the page: longer ones are folded.
LONGEST = 30
# Of grids of pictures.
MOST_COLUMNS, ABREAST, PAGE_WIDTH = 7, 4, 8.2
_CONSOLE_TONES = {"good": "green", "careful": "yellow", "bad": "red"}


class _Picture(NamedTuple):
    svg: Markup
    caption: str


def write_report(analysis: Any, path: str | Path) -> Path:
    """Write an analysis as one HTML file that needs nothing else.

    The page asks the network for nothing, follows the reader's choice of light or dark
    and prints.

    Parameters
    ----------
    analysis : Analysis
    path : path
        Replaced in one step if it is there.

    Returns
    -------
    pathlib.Path
        `path`.
    """
    source = files("bayesgmm").joinpath("templates/report.html.j2").read_text("utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    html = page.render(
        story=tell(analysis),
        pictures=_pictures(analysis),
        interval=INTERVAL,
        longest=LONGEST,
        odd=ODD,
        dissolved=DISSOLVED,
    )
    with replacing(path) as beside:
        beside.write_text(html, encoding="utf-8")
    return Path(path)


def summary_text(analysis: Any) -> str:
    """Return what an analysis has to tell as plain text."""
    stream = StringIO()
    console = Console(  # which in a notebook would show the text and write nothing
        file=stream, width=TEXT_WIDTH, color_system=None, force_jupyter=False
    )
    console.print(render(tell(analysis)))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def render(story: Story) -> Group:
    """Return the verdict, the groups and EM against the posterior for a console."""
    advice = Text(story.advice)
    tone = _CONSOLE_TONES[story.tone]
    hidden, several = len(story.comparison) - MOST_ROWS, len(story.portraits) > 1
    return Group(
        Text(story.title, style="bold"),
        Panel(advice, title=story.verdict, title_align="left", border_style=tone),
        Text(),
        _table(story.groups, f"The groups: posterior mean [{INTERVAL}]"),
        Text(),
        _table(story.comparison.head(MOST_ROWS), "EM against the posterior"),
        Text(f" … {hidden} more in the report" if hidden > 0 else ""),
        Text("\n".join([*[story.agreement] * several, *story.headlines])),
    )


def _table(frame, title: str) -> Group:
    """Return a table below its title, which may be wider."""
    table = Table(box=None)
    table.add_column("", overflow="fold")
    for name in frame.columns:
        table.add_column(Text(name), justify="right")
    for name, *cells in frame.itertuples():
        table.add_row(Text(name), *map(Text, cells))
    return Group(Text(title, style="bold"), table)


def _pictures(analysis: Any) -> dict[str, _Picture]:
    """Draw what the page shows; one feature needs another picture than many."""
    data, parts = analysis.data, (analysis.posterior, analysis.em)
    pictures = {
        "membership": _picture(
            partial(plot_membership, analysis.membership),
            (7.2, 3.2),
            "Probabilities of the groups, row by row",
            "Every row that is not certain: the colours are the probabilities of the "
            "groups, the line is the interval of the likeliest.",
        ),
        "comparison": _picture(
            partial(plot_comparison, analysis.comparison),
            picture_size(analysis.comparison),
            "EM within the posterior of each parameter",
            "Where EM (diamond) lies within the posterior of each parameter.",
        ),
    }
    pictures |= _grids(analysis)
    if data.n_features == 1:
        pictures["density"] = _picture(
            partial(plot_density, data, *parts),
            (7.2, 3.8),
            "Density of the data by EM and by the posterior",
            "Broad: posterior mean and its band; dashed: EM; outline: the data.",
        )
    else:
        pictures["ellipses"] = _picture(
            partial(plot_ellipses, data, *parts),
            (7.2, 4.4),
            "The rows with the groups of EM and of the posterior",
            "The features in which the groups overlap least. The spread of the thin "
            "ellipses is what the data leave open.",
        )
    return pictures


def _grids(analysis: Any) -> dict[str, _Picture]:
    """Draw what has an axis for every column, of the most telling ones."""
    columns = analysis.columns.index[:MOST_COLUMNS].tolist()
    features = list(analysis.data.feature_names[:MOST_COLUMNS])
    n_groups = len(analysis.profile.components)
    return {
        "profile": _grid(
            partial(plot_profile, analysis.profile, columns=columns),
            (1 + len(columns), 1.0 + 0.28 * n_groups),
            "Shares of the groups, and what they are like",
            "Markers and broad lines: the mean of a group and its interval. Thin "
            "lines: one standard deviation of its members to both sides.",
        ),
        "calibration": _grid(
            partial(
                plot_calibration, analysis.posterior, analysis.data, features=features
            ),
            (len(features), 2.3),
            "How often values fall below what the model predicts",
            "How often values lie below what the model predicts, less how often they "
            "should: a line near zero is good, and marked points speak against it.",
        ),
    }


def _grid(plot, shape, title, caption) -> _Picture:
    """Draw so many axes, each of a height, `ABREAST` in a row."""
    n_axes, height = shape
    size = PAGE_WIDTH, height * -(-n_axes // ABREAST)
    return _Picture(
        Markup(to_svg(plot, size, title, n_axes=n_axes, n_columns=ABREAST)), caption
    )


def _picture(plot, size, title, caption) -> _Picture:
    return _Picture(Markup(to_svg(plot, size, title)), caption)
