"""`compress`: rows of which many are equal as few weighted ones, exactly."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.compression import WORTHWHILE, distinct_rows
from bayesgmm.errors import InputError
from bayesgmm.held import as_given, hold
from bayesgmm.validation import check_table

MOST_ROWS = 2**22
"""Distinct rows that are kept in memory while lazy ones are read."""


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """Distinct rows that say of every mixture what all rows say.

    Attributes
    ----------
    rows : array or data frame of shape (n_distinct, n_features)
        In the order in which they first appear.
    sample_weight : array of shape (n_distinct,)
        How often each of them is there, or the sum of their weights.
    n_observations : int
        Rows that were read.
    """

    rows: Any
    sample_weight: Floats
    n_observations: int

    def __str__(self):
        return (
            f"{self.n_observations:,} rows, {len(self.rows):,} distinct: exact. Their "
            "likelihood, weighted by `sample_weight`, is that of all rows."
        )


class _Counted(NamedTuple):
    """Distinct rows of a part, with the sums of their weights."""

    rows: Floats
    weight: Floats


def compress(X: Any, sample_weight: Any = None) -> Compressed:
    """Put equal rows together: each distinct one, with the weight of all like it.

    The likelihood of every mixture is the same to rounding, so estimates and posteriors
    from ``rows`` and ``sample_weight`` are those of all rows.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features), data frame, lazy or not
        Without gaps. Of lazy rows (Dask) each chunk is read once.
    sample_weight : array-like of shape (n_observations,), optional
        Numbers of observations (``weight_kind="frequency"``): these add up. Rows of
        weight zero are left out.

    Returns
    -------
    Compressed

    Raises
    ------
    InputError
        If few rows are equal, or more than four million are distinct.

    See Also
    --------
    coreset : Few rows for many that differ; approximate.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesgmm as bg
    >>> few = bg.compress(np.array([[1, 2], [3, 4], [1, 2], [1, 2]]))
    >>> few.rows
    array([[1., 2.],
           [3., 4.]])
    >>> few.sample_weight
    array([3., 1.])
    """
    rows = hold(X, sample_weight)
    found = rows.sum(_count, _join)
    n, n_distinct = rows.n_observations, len(found.rows)
    if n_distinct > WORTHWHILE * n:
        _refuse(f"{n:,} rows of which {n_distinct:,} differ")
    kept = found.weight > 0
    return Compressed(as_given(found.rows[kept], rows), found.weight[kept], n)


def _count(rows, weight) -> _Counted:
    rows = check_table(rows).values
    distinct = distinct_rows(rows)
    return _weigh(distinct, np.ones(len(rows)) if weight is None else weight)


def _weigh(distinct, weight) -> _Counted:
    return _Counted(distinct.rows, np.bincount(distinct.places, weight))


def _join(parts) -> _Counted:
    rows, weight = map(np.concatenate, zip(*parts, strict=True))
    joined = _weigh(distinct_rows(rows), weight)
    if len(joined.rows) > MOST_ROWS:
        _refuse(f"more than {MOST_ROWS:,} different ones")
    return joined


def _refuse(got: str):
    raise InputError(
        "X",
        "have many equal rows",
        got,
        "Round the columns to what they were measured to, or use `coreset(X, em)`, "
        "which approximates.",
    )
