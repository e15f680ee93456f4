"""Whether the columns of a file are measurements, and which option helps if not."""

import csv
import io
import re
import shlex
from collections.abc import Iterable
from typing import Any

import pandas as pd

from bayesgmm.errors import InputError

FEWEST_COUNTED = 3
"""Rows; 1 and 2 may be measurements."""


def is_unnamed(name: Any) -> bool:
    """Tell whether pandas made up the name of a column."""
    return str(name).startswith("Unnamed: ")


def check_names(frame: Any) -> None:
    """Refuse columns without a name."""
    unnamed = [j for j, name in enumerate(frame) if is_unnamed(name)]
    if unnamed:
        raise InputError(
            "DATA",
            "have a name for every column used",
            f"none for column {unnamed[0]}, counted from 0",
            "Name it in the first line, or choose others by `--columns`.",
        )


def check_numbers(frame: Any) -> None:
    """Refuse text, dates and other things that are no numbers."""
    numeric = list(frame.select_dtypes(["number", "bool"]).columns)
    others = [name for name in frame if name not in numeric]
    if others:
        measured = [name for name in numeric if not _numbers_rows(frame[name])]
        raise InputError(
            "DATA",
            "have numbers in every column used",
            f"something else in column {', '.join(_show(frame[x]) for x in others)}",
            f"Choose others, `{_option(measured)}`, or see that cells hold numbers, "
            "and nothing at all where a value is missing."
            if measured
            else "Write decimals with points, and nothing but digits into cells.",
        )


def _show(column: Any) -> str:
    """Return the name of a column with the first cell in it that is no number."""
    cells = column.dropna().astype(str)
    strange = cells[pd.isna(pd.to_numeric(cells, errors="coerce"))]
    example = f" ({strange.iloc[0]!r})" if len(strange) else ""
    return f"{column.name!r}{example}"


def _option(columns: Iterable[Any]) -> str:
    """Write the option that chooses columns as a shell takes it."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(columns)
    return f"--columns {shlex.quote(line.getvalue())}"


def check_measured(frame: Any) -> None:
    """Refuse numbers of rows among columns that nobody chose."""
    counters = [name for name in frame if _numbers_rows(frame[name])]
    if not counters:
        return
    others = [name for name in frame if name not in counters]
    naming = f"--rows {shlex.quote(str(counters[0]))}"
    raise InputError(
        "DATA",
        "have measurements in every column used",
        f"numbers of rows in column {', '.join(map(repr, counters))}",
        f"Name the rows by it, `{naming}`, or choose: `{_option(others or counters)}`.",
    )


def _numbers_rows(column: Any) -> bool:
    """Tell whether whole numbers count the rows, or are all different and called id."""
    whole = pd.api.types.is_integer_dtype(column) and not column.isna().any()
    if not whole or len(column) < FEWEST_COUNTED:
        return False
    if (column.diff().iloc[1:] == 1).all():
        return True
    named = re.search(r"(^|[^a-z])(id|nr|no|number|key)$", str(column.name).lower())
    return bool(named) and column.is_unique
