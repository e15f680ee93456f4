"""The command around `bayesgmm.select`."""

from pathlib import Path
from typing import Annotated

import typer

from bayesgmm.cli.common import (
    Columns,
    Data,
    Groups,
    Json,
    Quiet,
    Rows,
    Seed,
    answer,
    console,
    parse_range,
    refusals,
    split,
)


def select(
    data: Data,
    n_components: Groups = "1-9",
    covariance_type: Annotated[
        str, typer.Option(help="all, or names such as VVV,EEE,diag.")
    ] = "all",
    criterion: Annotated[
        str, typer.Option(help="bic, aic, icl, nec or cv; lower is better.")
    ] = "bic",
    columns: Columns = None,
    rows: Rows = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the best fit here, as .json."),
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit mixtures of many sizes and families by EM, and choose one.

    [bold]bayesgmm select customers.csv -k 1-6 -o best.json[/bold]
    """
    with refusals():
        from bayesgmm.atomic import check_writable_folder
        from bayesgmm.readers import read_table
        from bayesgmm.selection import select as search

        sizes = parse_range(n_components)
        if out is not None:
            check_writable_folder(out.parent, "--out")
        families = covariance_type.split(",")
        selection = search(
            read_table(data, split(columns), rows),
            sizes,
            families if len(families) > 1 else families[0],
            criterion,
            random_state=seed,
            progress=console().is_terminal and not (quiet or as_json),
        )
        if out is not None and selection.best is not None:
            selection.best.save(out)
        best = selection.choose(criterion)
        facts = {"criterion": criterion, "best": best, "table": selection.table}
        answer(str(selection), facts, quiet, as_json)
