"""Tables from files and into files, by their extension."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesgmm.atomic import check_writable_folder, replacing
from bayesgmm.csv_files import read_csv
from bayesgmm.errors import InputError, did_you_mean
from bayesgmm.table_checks import (
    check_measured,
    check_names,
    check_numbers,
    is_unnamed,
)

_READERS = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
    ".parquet": pd.read_parquet,
    ".pq": pd.read_parquet,
}
_WRITERS = {
    ".csv": pd.DataFrame.to_csv,
    ".parquet": pd.DataFrame.to_parquet,
    ".pq": pd.DataFrame.to_parquet,
}
LOGARITHM = "log "
"""A column of this name, if there is none, is made of the one behind it."""


def read_table(
    path: str | Path,
    columns: Sequence[str] | None = None,
    rows: str | None = None,
    argument: str = "--columns",
) -> pd.DataFrame:
    """Read the numeric columns of a CSV or Parquet file.

    Parameters
    ----------
    path : path
        Ends in .csv, .tsv, .txt, .parquet or .pq.
    columns : sequence of str, optional
        Which to keep, default all; text among them is refused, and of all columns also
        numbers that only count or name the rows. ``"log spend"`` is the natural
        logarithm of ``spend``.
    rows : str, optional
        Column with the names of the rows, default a first column without a name.
    argument : str
        What `columns` are called where they are refused.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, is empty, does not name its columns or
        has no measurements in `columns`, or a logarithm is wanted of numbers that have
        none.
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
    if rows is not None:
        _check_present([rows], frame, "--rows", path)
        frame = frame.set_index(rows)
    elif len(frame.columns) > 1 and is_unnamed(frame.columns[0]):
        frame = frame.set_index(frame.columns[0]).rename_axis(None)
    frame = frame.drop(columns=_empty_and_unnamed(frame))
    if columns is not None:
        frame = _choose(frame, columns, argument, path)
    check_names(frame)
    check_numbers(frame)
    if columns is None:
        check_measured(frame)
    return frame


def without_logarithms(columns: Iterable[str]) -> list[str]:
    """Return the columns that these, as in `read_table`, are made of, each once."""
    return list(dict.fromkeys(name.removeprefix(LOGARITHM) for name in columns))


def _choose(frame: pd.DataFrame, columns, argument: str, path: Path) -> pd.DataFrame:
    made = {}
    for name in columns:
        base = name if name in frame else name.removeprefix(LOGARITHM)
        _check_present([base], frame, argument, path)
        column: Any = frame[base]
        made[name] = column if base == name else _logarithm(column)
    return pd.DataFrame(made, frame.index)


def _check_present(names, frame: pd.DataFrame, argument: str, path: Path) -> None:
    missing = [name for name in names if name not in frame]
    if missing:
        raise InputError(
            argument,
            f"name columns of {path.name}",
            repr(missing[0]),
            did_you_mean(missing[0], map(str, frame.columns)),
        )


def _logarithm(column: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column):
        return column  # refused with other text
    bad = np.flatnonzero(column.to_numpy() <= 0)
    if len(bad):
        raise InputError(
            "DATA",
            "be above 0 where a logarithm is wanted",
            f"{column.iloc[bad[0]]:g} in column {column.name!r}, row {bad[0]}, and in "
            f"{len(bad):,} rows altogether",
            "Drop these rows, or use the column as it is.",
        )
    return pd.Series(np.log(column.to_numpy(dtype=float)), column.index)


def check_writable_table(path: Path, argument: str = "--out") -> None:
    """Refuse a file that `write_table` does not know how to write, or cannot."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(
            argument,
            f"end in {', '.join(_WRITERS)}",
            repr(path.name),
            "For example `labels.csv`.",
        )
    check_writable_folder(path.parent, argument)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table with its index; a file that exists is replaced in one step."""
    with replacing(path) as beside:
        _WRITERS[path.suffix.lower()](frame, beside)


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
            f"{path.name}: {str(error).partition(chr(10))[0]}",
            "Open it in a text editor or export it again.",
        ) from None


def _empty_and_unnamed(frame: Any) -> list[Any]:
    """Return what separators at the end of lines leave behind."""
    return [x for x in frame if is_unnamed(x) and frame[x].isna().all()]
