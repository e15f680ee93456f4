"""Rows with gaps: which columns were observed, and what these say of the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics
from bayesgmm.quadratics import build_quadratics, invert_lower


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A mixture seen through some of its columns, and what these say of all.

    Given component k and the observed x, all columns are normal, with mean
    ``means[k] + completions[k] @ (x - means[k] of the observed)`` and covariance
    ``spreads[k] @ spreads[k].T``, zero where observed.

    Attributes
    ----------
    quadratics : Quadratics
        Of the observed columns.
    completions : array of shape (n_components, n_features, n_observed)
    spreads : array of shape (n_components, n_features, n_missing)
    """

    quadratics: Quadratics
    completions: Floats
    spreads: Floats


def regress(at: Any, observed) -> Regression:
    """Return the regression of all columns on the observed ones.

    Parameters
    ----------
    at : MixtureParameters, or draws of them
        Arrays `weights`, `means` and `covariances`, perhaps with a leading axis, which
        results then have too.
    observed : array of bool, shape (n_features,)
        If none is, the mixture is seen through a column of zeros: its weights.
    """
    order, n_seen = np.argsort(~observed, kind="stable"), int(observed.sum())
    lower = np.linalg.cholesky(at.covariances[..., order[:, None], order])
    if n_seen == 0:
        return _see_nothing(at, lower)
    whiteners = invert_lower(lower[..., :n_seen, :n_seen])
    back = np.argsort(order)
    completions = lower[..., :n_seen] @ np.swapaxes(whiteners, -1, -2)
    completions = completions[..., back, :]
    completions[..., observed, :] = np.eye(n_seen)
    quadratics = build_quadratics(at.weights, at.means[..., observed], whiteners)
    return Regression(quadratics, completions, lower[..., back, n_seen:])


def _see_nothing(at, lower):
    shape, d = at.weights.shape, at.means.shape[-1]
    with np.errstate(divide="ignore"):  # an empty component has offset -inf
        offsets = np.log(at.weights)
    quadratics = Quadratics(offsets, np.zeros((*shape, 1)), np.zeros((*shape, 1, 1)))
    return Regression(quadratics, np.zeros((*shape, d, 1)), lower)


def find_patterns(X: Floats) -> Iterator[tuple[Ints, Any]]:
    """Yield the rows of each pattern of observed columns, and that pattern."""
    gaps = np.packbits(np.isnan(X), axis=1)
    keys = np.ascontiguousarray(gaps).view(f"V{gaps.shape[1]}").ravel()
    _, first, numbers = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers))
    for rows, row in zip(np.split(order, ends[:-1]), first, strict=True):
        yield rows, ~np.isnan(X[row])


def select(X: Floats, rows: Ints, observed) -> Floats:
    """Return the observed columns of rows; a column of zeros if there are none."""
    if not observed.any():
        return np.zeros((len(rows), 1))
    return X[np.ix_(rows, np.flatnonzero(observed))]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows in groups that have the same columns observed, and the same origins.

    Attributes
    ----------
    order : array of int, shape (n_observations,)
        Positions of the rows, group by group, those without gaps first.
    starts : array of int, shape (n_groups + 1,)
        Where a group begins in `order`, and the end.
    n_complete : int
        Groups without gaps.
    limits : array of shape (n_groups, n_components) or (n_groups, n_components + 1)
        What is added to log weights: 0 for components that the rows may come from, -inf
        for others. The last column is of noise, if there is any.
    """

    order: Ints
    starts: Ints
    n_complete: int
    limits: Floats

    def rows(self, group: int) -> Ints:
        """Return the positions of the rows of a group."""
        return self.order[self.starts[group] : self.starts[group + 1]]


def group_rows(X: Floats, allowed: Any, n_components: int, *, noisy: bool) -> Groups:
    """Return the rows in groups.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        NaN marks a missing value.
    allowed : array of bool, shape (n_observations, n_components), or None
        Which components rows may come from; None if from any.
    n_components : int
    noisy : bool
        Whether rows may be noise, all but those of which something is known.
    """
    if allowed is None:
        allowed = np.ones((len(X), n_components), dtype=bool)
    if noisy:
        allowed = np.column_stack([allowed, allowed.all(axis=1)])
    gaps = np.isnan(X)
    table = np.column_stack([gaps.any(axis=1), np.packbits(gaps, axis=1), allowed])
    kinds, numbers = np.unique(table, axis=0, return_inverse=True)
    first = np.unique(numbers, return_index=True)[1]
    ends = np.cumsum(np.bincount(numbers.ravel()), dtype=np.intp)
    return Groups(
        np.argsort(numbers.ravel(), kind="stable"),
        np.insert(ends, 0, 0),
        int((kinds[:, 0] == 0).sum()),
        np.where(allowed[first], 0.0, -np.inf),
    )
