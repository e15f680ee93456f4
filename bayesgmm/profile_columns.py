"""Columns to describe, which must have the rows of the mixture in their order."""

from typing import Any

import narwhals as nw
import numpy as np

from bayesgmm.errors import InputError
from bayesgmm.same_rows import check_rows
from bayesgmm.validation import Table, check_table


def read_columns(data: Any, table: Table) -> Table:
    """Return the numbers of `data` as a table with the rows of the mixture."""
    if data is None:
        return table
    try:
        columns = check_table(_numeric(data), "fiml")
    except InputError as error:
        raise InputError("data", error.rule, error.got, error.remedy) from None
    check_rows("data", columns.obs_ids, table)
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
