"""Tables in, from files by their extension."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bayesgmm.errors import InputError, did_you_mean


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file; refuse one whose first line does not name the columns."""
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            frame = pd.read_csv(path, index_col=False)
    except pd.errors.ParserWarning:
        raise InputError(
            "DATA",
            "have a name in its first line for every column",
            f"more numbers in a line of {path.name} than names",
            "Name every column; separate them by commas and decimals by points.",
        ) from None
    first = pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0].dropna()
    if len(first) and all(map(_is_number, first)):
        raise InputError(
            "DATA",
            "have the names of the columns in its first line",
            f"numbers ({', '.join(first[:3])})",
            "Add a first line with names that are no numbers.",
        )
    return frame


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


_READERS = {
    ".csv": _read_csv,
    ".parquet": pd.read_parquet,
    ".pq": pd.read_parquet,
}


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the numeric columns of a CSV or Parquet file.

    Parameters
    ----------
    path : path
        Ends in .csv, .parquet or .pq.
    columns : sequence of str, optional
        Which to keep, default all; text among them is refused.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, is empty, does not name its columns or
        has text in `columns`.
    """
    path = Path(path)
    frame = _read(path)
    if frame.empty:
        raise InputError(
            "DATA",
            "hold rows of numbers",
            f"no rows in {str(path)!r}",
            "Check that the right file was exported.",
        )
    if columns is not None:
        missing = [name for name in columns if name not in frame]
        if missing:
            raise InputError(
                "--columns",
                f"name columns of {path.name}",
                repr(missing[0]),
                did_you_mean(missing[0], map(str, frame.columns)),
            )
        frame = frame.loc[:, list(columns)]
    _check_names(frame)
    _check_numbers(frame)
    return frame


def _read(path: Path) -> pd.DataFrame:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            "DATA",
            f"end in {', '.join(_READERS)}",
            repr(path.name),
            "Save the table as CSV or Parquet.",
        )
    try:
        return reader(path)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(
            "DATA",
            "be a file that exists",
            repr(str(path)),
            f"Check the name; this folder is {Path.cwd()}.",
        ) from None
    except pd.errors.EmptyDataError:
        raise InputError(
            "DATA", "hold a table", "an empty file", "Check that it was exported."
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            "DATA",
            f"be a readable {path.suffix} file",
            f"{path.name}: {str(error).splitlines()[0]}",
            "Open it in a text editor or export it again.",
        ) from None


def _check_names(frame: pd.DataFrame) -> None:
    """Refuse columns without a name, which are row numbers that were saved along."""
    unnamed = [j for j, name in enumerate(frame) if str(name).startswith("Unnamed: ")]
    if unnamed:
        raise InputError(
            "DATA",
            "have a name for every column used",
            f"none for column {unnamed[0]}, counted from 0",
            "Save the table without its row numbers, or choose by `--columns`.",
        )


def _check_numbers(frame: pd.DataFrame) -> None:
    numeric = frame.select_dtypes(["number", "bool"]).columns
    text = [str(name) for name in frame.columns if name not in numeric]
    if text:
        advice = (
            f"Choose others with `--columns {','.join(map(str, numeric))}`."
            if len(numeric)
            else "If the numbers are not separated by commas, export the file again."
        )
        raise InputError(
            "DATA",
            "have numbers in every column used",
            f"text in column {', '.join(map(repr, text))}",
            advice,
        )
