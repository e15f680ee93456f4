"""The command line: `pipeline.fit` with files at both ends.

Exit codes: 0 all went well, 2 bad input, 130 interrupted.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="bayesgmm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
DEMO_FOLDER = Path("bayesgmm-demo")
DEMO_SEED = 1
BAD_INPUT, INTERRUPTED = 2, 130


def main() -> None:
    """Run the command line."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        import bayesgmm

        typer.echo(f"bayesgmm {bayesgmm.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show version."
        ),
    ] = False,
) -> None:
    """Gaussian mixtures by EM and by Bayesian inference, side by side.

    Start with [bold]bayesgmm demo[/bold]; then try your own table:

    [bold]bayesgmm fit customers.csv -k 1-6 -o results[/bold]
    """


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results.")
    ] = DEMO_FOLDER,
) -> None:
    """Fit two groups to the Old Faithful eruptions and write a report.

    Takes no data and about a minute. Look at report.html in the folder.
    """
    with _refusals():
        from bayesgmm import datasets

        X = datasets.load("faithful")
        _analyse(X, out, n_components=2, random_seed=DEMO_SEED)


@app.command()
def fit(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Table of numbers, .csv or .parquet."),
    ],
    n_components: Annotated[
        str,
        typer.Option(
            "-k",
            "--n-components",
            metavar="K",
            help="Number of groups: 3, or 1-6 to choose by BIC.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    covariance_type: Annotated[
        str, typer.Option(help="full, tied, diag, spherical, or as VVE.")
    ] = "full",
    method: Annotated[str, typer.Option(help="Sampler: nuts, gibbs, ...")] = "nuts",
    columns: Annotated[
        str | None, typer.Option(metavar="A,B", help="Columns to use, default all.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same result.")] = None,
    draws: Annotated[int, typer.Option(help="Posterior draws a chain.")] = 1000,
    chains: Annotated[int, typer.Option(help="Chains; 4 tell more than 1.")] = 4,
) -> None:
    """Fit a mixture to a table and write report, draws, EM and memberships.

    Three groups in all columns:

    [bold]bayesgmm fit customers.csv -k 3 -o results[/bold]

    The best of one to six groups in two columns, the same every time:

    [bold]bayesgmm fit customers.csv -k 1-6 --columns a,b --seed 1 -o results[/bold]
    """
    with _refusals():
        from bayesgmm.readers import read_table

        X = read_table(data, None if columns is None else _split(columns))
        _analyse(
            X,
            out,
            n_components=_parse_range(n_components),
            covariance_type=covariance_type,
            method=method,
            random_seed=seed,
            draws=draws,
            chains=chains,
        )


@app.command("datasets")
def list_datasets() -> None:
    """List the data sets that come with the package."""
    from rich.table import Table

    from bayesgmm import datasets

    table = Table(box=None)
    for name in ("name", "rows", "columns", "what"):
        table.add_column(name)
    contents: Any = datasets.describe().to_dict("index")
    for name, row in contents.items():
        size = str(row["n_observations"]), str(row["n_features"])
        table.add_row(name, *size, row["what"])
    _console().print(table)
    _console().print("\nIn Python: bayesgmm.datasets.load(NAME)", highlight=False)


def _analyse(X: Any, out: Path, **settings: Any) -> None:
    """Check everything that can be checked, fit, save, tell."""
    from bayesgmm.atomic import check_writable_folder
    from bayesgmm.pipeline import fit as fit_mixture
    from bayesgmm.report import render
    from bayesgmm.story import tell

    folder = check_writable_folder(out, "--out")
    console = _console()
    analysis = fit_mixture(X, progress=console.is_terminal, **settings)
    analysis.save(folder)
    console.print(render(tell(analysis)))
    where = f"\nReport: {folder / 'report.html'}"
    console.print(where, highlight=False, soft_wrap=True)  # a path is copied whole


def _parse_range(text: str) -> int | range:
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


def _split(columns: str) -> list[str]:
    return [name.strip() for name in columns.split(",") if name.strip()]


def _console() -> Any:
    from rich.console import Console

    return Console()


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn refused input and Ctrl-C into one line and an exit code."""
    from bayesgmm.errors import InputError

    try:
        yield
    except InputError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
