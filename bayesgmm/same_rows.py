"""The door for what is given row by row: in whose order it has to be."""

from typing import Any

import pandas as pd
import xarray as xr

from bayesgmm.dims import OBSERVATION
from bayesgmm.errors import InputError


def rows_of(values: Any) -> Any:
    """Return the names of the rows of a Series or DataArray, None where are none."""
    if isinstance(values, xr.DataArray) and OBSERVATION in values.coords:
        return values[OBSERVATION].values
    return values.index.to_numpy() if isinstance(values, pd.Series) else None


def check_rows(
    argument: str, obs_ids: Any, expected: Any, whose: str = "the mixture"
) -> None:
    """Refuse rows that are not one by one those of the mixture.

    Rows that only one of the two names are taken in their order.

    Parameters
    ----------
    argument : str
        What the rows were given as.
    obs_ids : array
        Their names.
    expected : array
        The names that the rows must have.
    whose : str
        Of what these are the rows.
    """
    ours, theirs = obs_ids.tolist(), expected.tolist()
    if ours == theirs:
        return
    got = f"{len(ours)} rows where {whose} has {len(theirs)}"
    if len(ours) == len(theirs):
        unnamed = list(range(len(ours)))
        if unnamed in (ours, theirs) and sorted(ours, key=str) != sorted(
            theirs, key=str
        ):
            return
        pairs = zip(ours, theirs, strict=True)
        row, (one, other) = next((i, p) for i, p in enumerate(pairs) if p[0] != p[1])
        got = f"{one!r} in row {row} where {whose} has {other!r}"
    raise InputError(
        argument,
        f"have the rows of {whose}, in their order, by `{OBSERVATION}`",
        got,
        f"Put them in that order, for example by `{argument}.loc[index]`.",
    )
