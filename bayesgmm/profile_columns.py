"""Columns to describe, which must have the rows of the mixture in their order."""

from typing import Any

import narwhals as nw
import numpy as np

from bayesgmm.dims import OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.validation import Table, check_table


def read_columns(data: Any, table: Table) -> Table:
    """Return the numbers of `data` as a table with the rows of the mixture."""
    if data is None:
        return table
    try:
        columns = check_table(_numeric(data), "fiml")
    except InputError as error:
        raise InputError("data", error.rule, error.got, error.remedy) from None
    _check_rows(columns, table)
    empty = np.isnan(columns.values).all(axis=0)
    if empty.any():
        raise InputError(
            "data",
            "have a value in every column",
            f"only missing values in {columns.feature_names[int(empty.argmax())]!r}",
            "Drop this column.",
        )
    return columns


def _numeric(data: Any) -> Any:
    """Return the columns of numbers and truth values of a data frame."""
    frame = nw.from_native(data, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        return data
    kept = frame.select(nw.selectors.numeric() | nw.selectors.boolean())
    if not kept.columns:
        raise InputError(
            "data",
            "have a column of numbers",
            f"columns {', '.join(map(repr, frame.columns))} of other kinds",
            "Encode them as numbers, for example by `pandas.get_dummies`.",
        )
    return kept.to_native()


def _check_rows(columns: Table, table: Table) -> None:
    """Refuse rows that are not one by one those of the mixture.

    Rows that only one of the two names are taken in their order.
    """
    ours, theirs = columns.obs_ids.tolist(), table.obs_ids.tolist()
    if ours == theirs:
        return
    got = f"{len(ours)} rows where the mixture has {len(theirs)}"
    if len(ours) == len(theirs):
        unnamed = list(range(len(ours)))
        if unnamed in (ours, theirs) and sorted(ours, key=str) != sorted(
            theirs, key=str
        ):
            return
        pairs = zip(ours, theirs, strict=True)
        row, (one, other) = next((i, p) for i, p in enumerate(pairs) if p[0] != p[1])
        got = f"{one!r} in row {row} where the mixture has {other!r}"
    raise InputError(
        "data",
        f"have the rows of the mixture, in their order, by `{OBSERVATION}`",
        got,
        "Select them by `data.loc[X.index]` of the frame that was fitted.",
    )
