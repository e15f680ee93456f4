"""The door for fits: whether the data can carry the mixture that is asked for."""

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.errors import InputError
from bayesgmm.validation import LARGEST, Table

# Eigenvalues of correlation matrices: that mean none, and that stand in for these.
FLAT, FLOOR = 1e-12, 1e-6


def check_fittable(table: Table, n_components: int, *, distinct: bool = True) -> None:
    """Refuse data on which a mixture of `n_components` cannot be estimated.

    `distinct` asks for as many distinct rows; regularised fits can do with fewer.
    """
    _check_seen(table)
    lowest, highest = np.fmin.reduce(table.values), np.fmax.reduce(table.values)
    constant = np.flatnonzero(lowest == highest)
    if table.n_observations > 1 and len(constant):
        j = constant[0]
        raise InputError(
            "X",
            "vary in every column",
            f"the constant {lowest[j]:g} in column {table.feature_names[j]!r}",
            "Drop this column: it tells no groups apart.",
        )
    _check_spread(table, highest, lowest)
    if table.n_observations < max(n_components, 2):
        raise InputError(
            "X",
            f"have at least {max(n_components, 2)} rows for `n_components`="
            f"{n_components}",
            f"{table.n_observations} sample{'s' * (table.n_observations != 1)}",
            "Expected n_samples >= n_components: lower `n_components` or add rows.",
        )
    n_distinct = _count_distinct(table.values, n_components)
    if distinct and n_distinct < n_components:
        raise InputError(
            "X",
            f"have at least `n_components`={n_components} distinct rows",
            f"{n_distinct} distinct rows",
            f"Lower `n_components` to {n_distinct} or less. (Fitting the mixture model "
            "failed because some components have ill-defined empirical covariance (for "
            "instance caused by singleton or collapsed samples). Try to decrease the "
            "number of components, increase reg_covar, or scale the input data.)",
        )


def _check_seen(table):
    """Refuse rows and columns of which nothing was observed."""
    if not np.isnan(table.values.min()):
        return
    seen = ~np.isnan(table.values)
    empty = np.flatnonzero(~seen.any(axis=0))
    if len(empty):
        raise InputError(
            "X",
            "have an observed value in every column",
            f"only missing ones in column {table.feature_names[empty[0]]!r}",
            "Drop this column.",
        )
    empty = np.flatnonzero(~seen.any(axis=1))
    if len(empty):
        raise InputError(
            "X",
            "have an observed value in every row to be fitted to",
            f"only missing ones in {len(empty)} row{'s' * (len(empty) > 1)}, the first "
            f"row {empty[0]}",
            "Drop rows that tell nothing.",
        )


def _check_spread(table, highest, lowest):
    """Refuse numbers so close together that the square of their spread vanishes."""
    spread = highest.astype(np.float64) - lowest.astype(np.float64)
    bad = np.flatnonzero((spread > 0) & (spread < 1 / LARGEST))
    if len(bad):
        j = bad[0]
        raise InputError(
            "X",
            f"spread by more than {1 / LARGEST:g} in every column",
            f"{spread[j]:.3g} in column {table.feature_names[j]!r}",
            "Choose another unit for this column.",
        )


def _count_distinct(values, enough):
    """Count distinct rows, but look no further once there are enough."""
    seen = set()
    for row in values:
        seen.add(row.tobytes())
        if len(seen) >= enough:
            break
    return len(seen)


def check_not_collinear(covariance: Floats, covariance_type: str) -> None:
    """Refuse data whose own covariance, as the family sees it, is singular."""
    rank, d = rank_of(covariance), len(covariance)
    if rank < d:
        raise InputError(
            "X",
            f"have columns that are not collinear for `covariance_type`="
            f"{covariance_type!r}",
            f"{d} columns that span {rank} dimension{'s' * (rank != 1)}",
            "Drop columns that the others determine, add rows, use "
            "`covariance_type='diag'`, or `prior='default'`.",
        )


def find_floor(covariance: Floats) -> Floats | None:
    """Return a little spread in the directions in which data of a covariance have none.

    None if there are no such directions. The little is `FLOOR` of the variances.
    """
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    flat = vectors[:, values <= FLAT] * scale[:, None]
    return FLOOR * flat @ flat.T if flat.size else None


def rank_of(covariance: Floats) -> int:
    """Count the directions in which data of this covariance have any spread."""
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    return int((np.linalg.eigvalsh(correlation) > FLAT).sum())
