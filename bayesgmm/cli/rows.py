"""Commands that label new rows by a fit that was saved."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bayesgmm.cli.common import Data, Json, Quiet, Rows, answer, refusals

Fit = Annotated[
    Path,
    typer.Argument(
        metavar="FIT", help="Folder that `fit` wrote, or its em.json or posterior.nc."
    ),
]


def predict(
    fit: Fit,
    data: Data,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Table of the labels, .csv or .parquet.")
    ],
    rows: Rows = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Label the rows of a table by a fit, with probabilities.

    By a posterior (the default, if FIT is a folder) with what is not known of it; by EM
    as if its estimates were the truth.

    [bold]bayesgmm predict results new_customers.csv -o labels.csv[/bold]
    """
    with refusals():
        from bayesgmm.readers import check_writable_table, read_table, write_table

        check_writable_table(out)
        mixture = read_mixture(fit)
        X = read_table(data, _feature_names(mixture), rows, "FIT")
        table = _label(mixture, X)
        write_table(table, out)
        counts = table["name"].value_counts().to_dict()
        lines = [f"{count:8,} rows in {name}" for name, count in counts.items()]
        text = "\n".join([*lines, f"Labels: {out}"])
        answer(text, {"rows": counts, "labels": out}, quiet, as_json)


def read_mixture(path: Path) -> Any:
    """Return the posterior or the EM fit of a file, of a folder its posterior."""
    from bayesgmm.errors import InputError
    from bayesgmm.estimator import GaussianMixture
    from bayesgmm.files import POSTERIOR, read_posterior

    path = path / POSTERIOR if path.is_dir() else path
    readers = {".json": GaussianMixture.load, ".nc": read_posterior}
    reader = readers.get(path.suffix.lower())
    if reader is not None:
        return reader(path)
    raise InputError(
        "FIT",
        "be a folder of `bayesgmm fit`, or end in .json or .nc",
        repr(str(path)),
        "For example `results` or `results/em.json`.",
    )


def _feature_names(mixture: Any) -> list[str] | None:
    """Return the columns to read: all, if those of the fit had no names."""
    from bayesgmm.posterior import read_mixtures
    from bayesgmm.validation import are_named

    fit = getattr(mixture, "parameters_", None)
    names = (fit or read_mixtures(mixture, noisy=True)).feature_names
    return list(names) if are_named(names) else None


def _label(mixture: Any, X: Any) -> Any:
    """Return one row an observation: label, name of the group, probabilities."""
    import pandas as pd

    from bayesgmm.dims import COMPONENT
    from bayesgmm.files import membership_table
    from bayesgmm.membership import membership
    from bayesgmm.naming import component_name

    if hasattr(mixture, "parameters_"):
        components = mixture.parameters_.share_names
        columns = [f"probability_{k}" for k in components]
        table = pd.DataFrame(mixture.predict_proba(X), X.index, columns)
        table.insert(0, "label", mixture.predict(X))
    else:
        found = membership(mixture, X)
        components, table = found[COMPONENT].values, membership_table(found)
    names = [component_name(components[k]) for k in table["label"]]
    table.insert(0, "name", names)
    return table
