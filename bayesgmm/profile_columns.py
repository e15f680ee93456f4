"""Columns to describe, which must have the rows of the mixture in their order."""

from typing import Any

import narwhals as nw
import numpy as np

from bayesgmm.errors import InputError, called
from bayesgmm.same_rows import check_rows
from bayesgmm.validation import Table, check_table


def read_columns(data: Any, table: Table) -> Table:
    """Return the numbers of `data` as a table with the rows of the mixture."""
    if data is None:
        return table
    with called("data"):
        columns = check_table(_numeric(data), "fiml")
    check_rows("data", columns.obs_ids, table.obs_ids)
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
    try:
        frame = nw.from_native(data, eager_only=True, pass_through=True)
    except nw.exceptions.DuplicateError:
        return data  # which `check_table` refuses
    if not isinstance(frame, nw.DataFrame):
        return data
    kept = frame.select(nw.selectors.numeric() | nw.selectors.boolean())
    if not kept.columns:
        others = ", ".join(map(repr, frame.columns)) or "none"
        raise InputError(
            "data",
            "have a column of numbers",
            f"other columns: {others}",
            "Encode them as numbers, for example by `pandas.get_dummies`.",
        )
    return kept.with_columns(nw.selectors.boolean().cast(nw.Float64)).to_native()
