"""The door for labels: which components each row may come from."""

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from bayesgmm._typing import Floats, Ints
from bayesgmm.dims import UNDECIDED
from bayesgmm.errors import InputError


def check_labels(labels: Any, n_observations: int, n_components: int) -> Any:
    """Check known labels and return which components each row may come from.

    Parameters
    ----------
    labels : array-like or None
        Of shape (n_observations,): 0, 1, ... where known; -1, NaN or None where not,
        and -2, as of rows left undecided.
        Or of booleans, shape (n_observations, n_components): which may be.
    n_observations, n_components : int

    Returns
    -------
    array of bool, shape (n_observations, n_components), or None
    """
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.dtype == bool:
        return _check_allowed(array, n_observations, n_components)
    numbers = check_numbers(labels, n_observations, n_components)
    return (numbers[:, None] == np.arange(n_components)) | (numbers[:, None] == -1)


def _check_allowed(allowed, n_observations, n_components):
    shape = (n_observations, n_components)
    if allowed.shape != shape:
        raise InputError(
            "labels",
            f"have shape {shape} if it is a table of booleans",
            f"shape {allowed.shape}",
            "Say for every row which components it may come from.",
        )
    empty = np.flatnonzero(~allowed.any(axis=1))
    if len(empty):
        raise InputError(
            "labels",
            "allow every row at least one component",
            f"none at row {empty[0]}",
            "Allow all components where nothing is known.",
        )
    return allowed


def check_numbers(
    labels: Any, n_observations: int, n_components: int, argument: str = "labels"
) -> Floats:
    """Return numbers of components, -1 where unknown, shape (n_observations,).

    Parameters
    ----------
    labels : array-like of shape (n_observations,)
    n_observations, n_components : int
    argument : str
        Name of the argument, as the user wrote it.
    """
    array = np.asarray(labels)
    rule = f"be whole numbers 0 to {n_components - 1}, or -1 where unknown"
    if array.shape != (n_observations,):
        raise InputError(
            argument,
            f"have one entry a row of `X`, shape ({n_observations},)",
            f"shape {array.shape}",
            "Give one label for every observation, -1 where it is not known.",
        )
    try:
        numbers = np.where(pd.isna(array), -1.0, array).astype(np.float64)
    except (TypeError, ValueError):
        odd = (each for each in array.tolist() if not isinstance(each, Real | None))
        got, remedy = repr(next(odd, array.dtype)), "Number the known groups from 0."
        raise InputError(argument, rule, got, remedy) from None
    numbers[numbers == UNDECIDED] = -1.0
    bad = np.flatnonzero(~np.isin(numbers, np.arange(-1, n_components)))
    if len(bad):
        raise InputError(
            argument,
            rule,
            f"{numbers[bad[0]]:g} at row {bad[0]}",
            "Number the known groups from 0, or raise `n_components`.",
        )
    return numbers


def join_labels(weight: Any, allowed: Any) -> Any:
    """Return one record a row of its weight and of the components it may come from.

    Parameters
    ----------
    weight : array of shape (n_observations,), or None
    allowed : array of bool, shape (n_observations, n_components)

    Returns
    -------
    array of records, shape (n_observations,)
        That goes wherever weights go; `split_labels` undoes it.
    """
    records = np.empty(len(allowed), record_of(allowed.shape[1]))
    records["weight"] = 1.0 if weight is None else weight
    records["allowed"] = allowed
    return records


def record_of(n_components: int) -> np.dtype:
    """Return what a record of `join_labels` is."""
    return np.dtype([("weight", np.float64), ("allowed", np.bool_, (n_components,))])


def split_labels(weight: Any) -> tuple[Any, Any]:
    """Return weights, and which components rows may come from; None if not known."""
    if not has_labels(weight):
        return weight, None
    return np.ascontiguousarray(weight["weight"]), weight["allowed"]


def has_labels(weight: Any) -> bool:
    """Tell whether weights are records of `join_labels`, or would be if computed."""
    return weight is not None and weight.dtype.names is not None


def interchangeable(allowed: Any, n_components: int) -> Ints:
    """Number the components so that those with one number may change places.

    Labels tell two components apart if some row may come from one and not the other.

    Parameters
    ----------
    allowed : array of bool, shape (n_observations, n_components), or None
    n_components : int

    Returns
    -------
    array of int, shape (n_components,)
    """
    if allowed is None:
        return np.zeros(n_components, dtype=np.intp)
    return np.unique(allowed, axis=1, return_inverse=True)[1].ravel()
