"""Commands around `bayesgmm.fit`: run it, and read again what it wrote."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bayesgmm.cli.common import (
    Columns,
    Data,
    Family,
    Folder,
    Groups,
    Json,
    Prior,
    Quiet,
    Rows,
    Seed,
    answer,
    console,
    parse_range,
    refusals,
    split,
)

DEMO_FOLDER, DEMO_DATASET, DEMO_SEED = Path("bayesgmm-demo"), "faithful", 1
FOLDER = Path("bayesgmm-results")
# Of data sets of one's own choice, unless told otherwise.
DEMO_GROUPS = {DEMO_DATASET: "2"}
ANY_GROUPS = "1-6"


def demo(
    dataset: Annotated[
        str, typer.Option(help="One of `bayesgmm datasets`.")
    ] = DEMO_DATASET,
    n_components: Annotated[
        str | None,
        typer.Option("-k", "--n-components", metavar="K", help="Number of groups."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results.")
    ] = DEMO_FOLDER,
    seed: Seed = DEMO_SEED,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit groups to a data set that comes along and write a report.

    By default two groups of Old Faithful eruptions, in about a minute. Look at
    report.html in the folder.
    """
    with refusals():
        from bayesgmm import datasets

        X = datasets.load(dataset)
        groups = n_components or DEMO_GROUPS.get(dataset, ANY_GROUPS)
        settings = {"n_components": parse_range(groups), "random_seed": seed}
        _analyse(X, out, quiet, as_json, **settings)


def fit(
    data: Data,
    n_components: Groups = ANY_GROUPS,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results.")
    ] = FOLDER,
    covariance_type: Family = "full",
    prior: Prior = None,
    missing: Annotated[
        str, typer.Option(help="fiml: use rows with empty cells, for what they have.")
    ] = "error",
    method: Annotated[str, typer.Option(help="Sampler: nuts, gibbs, ...")] = "nuts",
    columns: Columns = None,
    describe: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Columns to describe the groups by, default those used, as they are.",
        ),
    ] = None,
    rows: Rows = None,
    seed: Seed = None,
    draws: Annotated[int, typer.Option(help="Posterior draws a chain.")] = 1000,
    chains: Annotated[int, typer.Option(help="Chains; 4 tell more than 1.")] = 4,
    n_refits: Annotated[
        int, typer.Option(help="Fits to other rows: are groups stable? 0 for none.")
    ] = 20,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit a mixture to a table and write report, draws, EM and memberships.

    The best of one to six groups in all columns:

    [bold]bayesgmm fit customers.csv[/bold]

    Three groups in two columns, one of them as a logarithm, rows named by a third:

    [bold]bayesgmm fit customers.csv -k 3 --columns "log spend,visits" --rows id --seed 1 -o results[/bold]
    """  # noqa: E501
    with refusals():
        from bayesgmm.readers import read_table, without_logarithms

        groups = parse_range(n_components)
        wanted = split(columns)
        X = read_table(data, wanted, rows)
        shown = split(describe) or without_logarithms(X.columns)
        _analyse(
            X,
            out,
            quiet,
            as_json,
            n_components=groups,
            covariance_type=covariance_type,
            prior=prior,
            missing=missing,
            method=method,
            describe=None
            if shown == list(X.columns)
            else read_table(data, shown, rows, "--describe"),
            random_seed=seed,
            draws=draws,
            chains=chains,
            n_refits=n_refits,
        )


def _analyse(X: Any, out: Path, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Check everything that can be checked, fit, save, tell."""
    from bayesgmm.atomic import check_writable_folder
    from bayesgmm.pipeline import fit as fit_mixture
    from bayesgmm.report import render
    from bayesgmm.story import tell

    folder = check_writable_folder(out, "--out")
    shown = console().is_terminal and not (quiet or as_json)
    analysis = fit_mixture(X, progress=shown, **settings)
    analysis.save(folder)
    answer(render(tell(analysis)), _facts(analysis, folder), quiet, as_json)
    if not (quiet or as_json):
        where = f"\nReport: {folder / 'report.html'}"  # a path is copied whole
        console().print(where, highlight=False, soft_wrap=True)


def _facts(analysis: Any, folder: Path) -> dict[str, Any]:
    return {
        "verdict": analysis.diagnosis.verdict.name,
        "advice": analysis.diagnosis.sentence,
        "n_components": analysis.em.parameters_.n_components,
        "log_likelihood": analysis.em.log_likelihood_,
        "random_seed": analysis.random_seed,
        "selection": analysis.selection,
        "groups": analysis.profile.table,
        "columns": analysis.columns,
        "folder": folder,
    }


def report(
    folder: Folder,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The page, default report.html in FOLDER."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the report of a fit again, without fitting.

    [bold]bayesgmm report results -o for_the_boss.html[/bold]
    """
    with refusals():
        from bayesgmm.analysis import Analysis
        from bayesgmm.atomic import check_writable_folder

        path = out or folder / "report.html"
        check_writable_folder(path.parent, "--out")
        Analysis.load(folder).report(path)
        answer(f"Report: {path}", {"report": path}, quiet, as_json)


def compare(folder: Folder, quiet: Quiet = False, as_json: Json = False) -> None:
    """Set EM and the posterior of a fit side by side, and list the rows that moved.

    [bold]bayesgmm compare results[/bold]
    """
    with refusals():
        from bayesgmm.analysis import Analysis

        comparison = Analysis.load(folder).comparison
        facts = {
            "agreement": comparison.agreement,
            "parameters": comparison.table,
            "moved": comparison.moved,
        }
        answer(str(comparison), facts, quiet, as_json)


def list_datasets(as_json: Json = False) -> None:
    """List the data sets that come with the package."""
    from rich.table import Table

    from bayesgmm import datasets

    described = datasets.describe()
    table = Table(box=None)
    for name in ("name", "rows", "columns", "what"):
        table.add_column(name)
    contents: Any = described.to_dict("index")
    for name, row in contents.items():
        size = str(row["n_observations"]), str(row["n_features"])
        table.add_row(name, *size, row["what"])
    answer(table, {"datasets": described}, False, as_json)
    answer("\nIn Python: bayesgmm.datasets.load(NAME)", {}, as_json, False)
