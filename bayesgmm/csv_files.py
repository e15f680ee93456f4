"""CSV files as spreadsheets of all countries write them."""

import csv
import io
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from bayesgmm.errors import InputError

SEPARATORS = "\t;|,"
"""The rarer one is meant where a file could be read in two ways."""
# A number with a comma before its decimals, and perhaps points between thousands.
_WITH_COMMA = r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?"
_FIRST_LINES = 50


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file whose first line names the columns.

    Columns are separated by commas, semicolons, tabs or bars, whichever fits; with
    anything but commas, decimals may be behind a comma. ``12%`` is 12. Text is UTF-8,
    UTF-16 with its mark, or else that of Windows. Lines and last columns without any
    value and name are left out.

    Raises
    ------
    InputError
        If columns have no names.
    """
    text = _decode(path.read_bytes())
    separator = _separator(text)
    try:
        frame = _parse(text, separator)
    except pd.errors.ParserWarning:
        raise InputError(
            "DATA",
            "have a name in its first line for every column",
            f"more numbers in a line of {path.name} than names",
            "Name every column; separate them by commas and decimals by points.",
        ) from None
    _check_header(_parse(text, separator, header=None, nrows=1, dtype=str).iloc[0])
    commas = separator != "," and any(map(_has_decimal_commas, _texts(frame)))
    if commas:  # what looked like a number may have points between thousands
        frame = _parse(text, separator, dtype=str)
    frame.columns = frame.columns.str.strip()
    frame = frame.dropna(how="all").reset_index(drop=True)
    made = {name: _as_numbers(frame[name], commas) for name in frame}
    return pd.DataFrame(made, frame.index)


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _separator(text: str) -> str:
    """Return what divides every line into most columns; a comma if nothing does."""
    lines = text[:100_000].splitlines()[:_FIRST_LINES]

    def n_columns(separator: str) -> int:
        rows = csv.reader(lines, delimiter=separator)
        return min((len(row) for row in rows if row), default=0)

    best = max(SEPARATORS, key=n_columns)
    return best if n_columns(best) > 1 else ","


def _parse(text: str, separator: str, **how: Any) -> pd.DataFrame:
    with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            index_col=False,
            skipinitialspace=True,
            low_memory=False,
            **how,
        )


def _check_header(first: Any) -> None:
    """Refuse a first line of numbers."""
    names = first.dropna()
    if len(names) and all(map(_is_number, names)):
        raise InputError(
            "DATA",
            "have the names of the columns in its first line",
            f"numbers ({', '.join(names[:3])})",
            "Add a first line with names that are no numbers.",
        )


def _is_number(name: str) -> bool:
    try:
        float(name.replace(",", "."))
    except ValueError:
        return False
    return True


def _texts(frame: pd.DataFrame) -> list[Any]:
    """Return the cells with text, column by column."""
    names = frame.select_dtypes(exclude=["number", "bool"]).columns
    return [frame[name].dropna().astype(str).str.strip() for name in names]


def _has_decimal_commas(cells: Any) -> bool:
    numbers = cells.str.removesuffix("%").str.strip().str.fullmatch(_WITH_COMMA)
    return bool(numbers.all() and cells.str.contains(",").any())


def _as_numbers(column: Any, commas: bool) -> pd.Series:
    """Return a column of text as numbers, if all of its cells are numbers."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    cells = column.dropna().astype(str).str.strip()
    if cells.str.endswith("%").all():
        cells = cells.str.removesuffix("%").str.strip()
    if commas and cells.str.fullmatch(_WITH_COMMA).all():
        cells = cells.str.replace(".", "").str.replace(",", ".")
    try:
        numbers: Any = pd.to_numeric(cells)
    except ValueError:
        return column
    return numbers.reindex(column.index)
