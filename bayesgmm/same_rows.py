"""The door for what is given row by row: in whose order it has to be."""

from typing import Any

from bayesgmm.dims import OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.validation import Table


def check_rows(argument: str, obs_ids: Any, table: Table) -> None:
    """Refuse rows that are not one by one those of the mixture.

    Rows that only one of the two names are taken in their order.

    Parameters
    ----------
    argument : str
        What the rows were given as.
    obs_ids : array
        Their names.
    table : Table
        The rows of the mixture.
    """
    ours, theirs = obs_ids.tolist(), table.obs_ids.tolist()
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
        argument,
        f"have the rows of the mixture, in their order, by `{OBSERVATION}`",
        got,
        f"Select them by `{argument}.loc[X.index]` of the frame that was fitted.",
    )
