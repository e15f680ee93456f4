"""The command line: functions of the package with files at both ends.

Exit codes: 0 all went well, 2 bad input, 130 interrupted.
"""

from typing import Annotated

import typer

from bayesgmm.cli import fits, grids, rows, scenes

app = typer.Typer(
    name="bayesgmm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = {
    "demo": fits.demo,
    "fit": fits.fit,
    "select": grids.select,
    "report": fits.report,
    "compare": fits.compare,
    "predict": rows.predict,
    "segment": scenes.segment,
    "datasets": fits.list_datasets,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


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
