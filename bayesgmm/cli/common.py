"""What all commands share: options, refusals in one sentence, and how to answer."""

import csv
import json
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

BAD_INPUT, INTERRUPTED = 2, 130

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="Table with names in its first line, .csv or .parquet."
    ),
]
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="That `fit` wrote its results into.")
]
Groups = Annotated[
    str,
    typer.Option(
        "-k",
        "--n-components",
        metavar="K",
        help="Number of groups: 3, or 1-6 to choose by BIC.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Columns to use, default all; 'log A' is the logarithm of A.",
    ),
]
Family = Annotated[str, typer.Option(help="full, tied, diag, spherical, or as VVE.")]
Prior = Annotated[
    str | None,
    typer.Option(
        help="default: keep groups of EM from shrinking onto a few or equal rows."
    ),
]
Rows = Annotated[
    str | None, typer.Option(metavar="A", help="Column with the names of the rows.")
]
Seed = Annotated[int | None, typer.Option(help="Same seed, same result.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON in place of text.")]


@contextmanager
def refusals() -> Iterator[None]:
    """Turn refused input, warnings and Ctrl-C into lines, and into an exit code."""
    from bayesgmm.errors import InputError

    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    except InputError as error:
        typer.echo(f"Error: {_with_options(str(error))}", err=True)
        sys.exit(BAD_INPUT)
    except OSError as error:  # a full disk, a file in use
        typer.echo(f"Error: {error}", err=True)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)


def _show_warning(message, category, *_, **__) -> None:
    if issubclass(category, UserWarning):
        typer.echo(f"Warning: {_with_options(str(message))}", err=True)


def _with_options(text: str) -> str:
    """Write arguments that a message advises as options of a command."""
    advice = r"`(covariance_type|method|missing|prior)=['\"](\w+)['\"]`"
    return re.sub(advice, lambda m: f"`--{m[1].replace('_', '-')} {m[2]}`", text)


def answer(text: Any, facts: dict[str, Any], quiet: bool, as_json: bool) -> None:
    """Print the text for people, or the same facts as one JSON object."""
    if as_json:
        typer.echo(json.dumps({name: _plain(x) for name, x in facts.items()}, indent=1))
    elif not quiet:
        console().print(text, highlight=False, soft_wrap=isinstance(text, str))


def _plain(value: Any) -> Any:
    """Return tables as lists of records; NaN is null."""
    if hasattr(value, "to_json"):
        named = [name for name in value.index.names if name is not None]
        frame = value.reset_index() if named else value
        return json.loads(frame.to_json(orient="records", double_precision=15))
    return str(value) if isinstance(value, Path) else value


def console() -> Any:
    """Return where text goes."""
    from rich.console import Console

    return Console()


def parse_range(text: str) -> int | range:
    """Read "3" or "1-6"."""
    from bayesgmm.errors import InputError

    first, dash, last = text.partition("-")
    numbers = [part.strip() for part in ((first, last) if dash else (first,))]
    good = all(part.isdecimal() and int(part) > 0 for part in numbers)
    if not good or int(numbers[0]) > int(numbers[-1]):
        raise InputError(
            "--n-components",
            "be a number of groups or a range",
            repr(text),
            "For example `-k 3` or `-k 1-6`.",
        )
    return range(int(first), int(last) + 1) if dash else int(first)


def split(names: str | None) -> list[str] | None:
    """Read "a,b"; names with commas stand in quotes."""
    if names is None:
        return None
    found = next(csv.reader([names], skipinitialspace=True), [])
    return [name.strip() for name in found if name.strip()]
