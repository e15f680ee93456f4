"""What a posterior keeps of its data: rows, weights, labels, the box of noise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.chunks import Chunks, open_chunks
from bayesgmm.dims import (
    ALLOWED,
    COMPONENT,
    FEATURE,
    FEATURE_BIS,
    NOISE_CORNER,
    NOISE_EDGES,
    NOISE_WEIGHT,
    OBSERVATION,
    SAMPLE_DIMS,
)
from bayesgmm.errors import InputError
from bayesgmm.noise import Noise
from bayesgmm.validation import Table, are_named, check_features, check_table

CONSTANT_DATA = "constant_data"
DATA_GROUPS = (CONSTANT_DATA, "observed_data")
SAMPLE_WEIGHT = "sample_weight"


def observations_of(
    posterior: xr.DataTree,
    feature_names: Sequence[str],
    X: Any = None,
    *,
    gappy: bool = False,
) -> Table:
    """Return `X` as a checked table, or the data that the posterior itself holds.

    Parameters
    ----------
    posterior : xarray.DataTree
    feature_names : sequence of str
        Of its draws.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the only variable of that many features in the groups of
        `DATA_GROUPS`.
    gappy : bool
        Whether the caller understands missing values. They are then let through if the
        posterior is of data with some.

    Raises
    ------
    InputError
        If the features are not those of the posterior, or there are no data at all.
    """
    n_features = len(feature_names)
    held = _stored_data(posterior, n_features)
    X = held if X is None else X
    if X is None:
        raise InputError(
            "X",
            "be given where the posterior does not hold its data",
            f"no single table of {n_features} features in {' or '.join(DATA_GROUPS)}",
            "Pass the observations of the fit as `X`.",
        )
    if held is None or not np.isnan(held.values.min()):
        gappy = False
    table = check_table(X, "fiml" if gappy else None)
    check_features(table, feature_names, are_named(feature_names))
    return table


def lazy_observations_of(
    posterior: xr.DataTree, feature_names: Sequence[str], X: Any
) -> Chunks:
    """Return lazy rows, let through with gaps if the posterior is of data with some.

    Parameters
    ----------
    posterior, feature_names
        As for `observations_of`.
    X : dask array, DataArray or data frame of Dask

    Raises
    ------
    InputError
        If the features are not those of the posterior, or labels of its rows are known.
    """
    if read_allowed(posterior) is not None:
        raise InputError(
            "X",
            "be in memory where labels of rows are known",
            "lazy rows",
            "Pass the rows of the fit, or some of the others, by `.compute()`.",
        )
    held = _stored_data(posterior, len(feature_names))
    gappy = held is not None and np.isnan(held.values.min())
    chunks = open_chunks(X, "fiml" if gappy else None)
    check_features(chunks, feature_names, are_named(feature_names))
    return chunks


def fitted_observations(
    posterior: xr.DataTree, feature_names: Sequence[str], X: Any = None
) -> Table:
    """Return the observations that the posterior was fitted to, as a checked table.

    Parameters
    ----------
    posterior, feature_names, X
        As for `observations_of`.

    Raises
    ------
    InputError
        As in `observations_of`, and if `X` is not what the posterior holds.
    """
    table = observations_of(posterior, feature_names, X, gappy=True)
    held = _stored_data(posterior, len(feature_names))
    if X is None or held is None:
        return table
    same = _are_same(held.values, table.values)
    if np.all(same):
        return table
    raise InputError(
        "X",
        "be the observations of the fit, in their order",
        f"other values, the first in row {np.argmin(same)}"
        if np.ndim(same)
        else f"{table.n_observations} rows where the posterior holds {len(held)}",
        "Leave `X` out: the posterior holds its data.",
    )


def _are_same(stored: Floats, given: Floats) -> Any:
    """Tell which rows are equal, also in their gaps; False if there are others."""
    return stored.shape == given.shape and (
        (stored == given) | (np.isnan(stored) & np.isnan(given))
    ).all(axis=1)


def _stored_data(posterior: xr.DataTree, n_features: int) -> xr.DataArray | None:
    """Return the only table of so many features, None if there is none."""
    for group in DATA_GROUPS:
        variables = posterior[group].data_vars if group in posterior.children else {}
        tables = [
            variable
            for name, variable in variables.items()
            if variable.ndim == 2
            and variable.shape[1] == n_features
            and name not in (ALLOWED, NOISE_EDGES)
        ]
        if len(tables) == 1:
            return tables[0]
    return None


def fitted_sample_weight(posterior: xr.DataTree, n_observations: int) -> Floats:
    """Return the weight of each row in the fit: what the posterior holds, or ones."""
    held = posterior.children.get(CONSTANT_DATA, {})
    if SAMPLE_WEIGHT not in held:
        return np.ones(n_observations)
    return np.asarray(held[SAMPLE_WEIGHT], dtype=np.float64)


def rows_of_fit(posterior: xr.DataTree, table: Table) -> Ints:
    """Return which row of the fit each row is, -1 where it is none.

    Rows are all those of the fit in their order, or known by their index and values.
    Rows that were merely numbered have no index: either all of them agree, or none.
    """
    places = np.full(table.n_observations, -1)
    held = _stored_data(posterior, table.n_features)
    if held is None:
        return places
    if np.all(_are_same(held.values, table.values)):
        return np.arange(table.n_observations)
    fit = check_table(held, "fiml")
    once = np.flatnonzero(~pd.Index(fit.obs_ids).duplicated(keep=False))
    at = pd.Index(fit.obs_ids[once]).get_indexer(pd.Index(table.obs_ids))
    found = np.flatnonzero(at >= 0)
    same = _are_same(fit.values[once[at[found]]], table.values[found])
    numbered = np.array_equal(table.obs_ids, np.arange(table.n_observations))
    if same.sum() == len(places) or not numbered:
        places[found[same]] = once[at[found[same]]]
    return places


def weights_of(posterior: xr.DataTree, table: Table) -> Floats:
    """Return the weights in the fit, and NaN for rows whose weight is not known."""
    weight = fitted_sample_weight(posterior, 1)
    if np.all(weight == 1.0):
        return np.ones(table.n_observations)
    places = rows_of_fit(posterior, table)
    return np.where(places >= 0, weight[places], np.nan)


def allowed_of(posterior: xr.DataTree, table: Table) -> Any:
    """Return which components rows may come from: known of rows of the fit, or all.

    Returns
    -------
    array of bool, shape (n_observations, n_components), or None
    """
    allowed = read_allowed(posterior)
    if allowed is None:
        return None
    places = rows_of_fit(posterior, table)
    return allowed[places] | (places < 0)[:, None]


def read_allowed(posterior: xr.DataTree) -> Any:
    """Return which components each row may come from, None if nothing is known.

    Returns
    -------
    array of bool, shape (n_observations, n_components), or None
    """
    held = posterior.children.get(CONSTANT_DATA, {})
    if ALLOWED not in held:
        return None
    return held[ALLOWED].transpose(OBSERVATION, COMPONENT).values.astype(bool)


def read_noise(
    posterior: xr.DataTree, group: xr.Dataset
) -> tuple[Noise | None, Floats | None]:
    """Return the box of noise, and its weight in every draw; None where is none.

    Parameters
    ----------
    posterior : xarray.DataTree
    group : Dataset
        Its draws.

    Raises
    ------
    InputError
        If there are draws of the weight, but no box.
    """
    if NOISE_WEIGHT not in group:
        return None, None
    held = posterior.children.get(CONSTANT_DATA, {})
    if NOISE_CORNER not in held or NOISE_EDGES not in held:
        raise InputError(
            "posterior",
            f"hold `{NOISE_CORNER}` and `{NOISE_EDGES}` where it has `{NOISE_WEIGHT}`",
            f"no such variable in {CONSTANT_DATA}",
            "Pass all groups that `bayesgmm.sample` returned.",
        )
    edges = np.asarray(held[NOISE_EDGES].transpose(FEATURE_BIS, FEATURE))
    weight = group[NOISE_WEIGHT].transpose(*SAMPLE_DIMS).values.ravel()
    return Noise(0.0, np.asarray(held[NOISE_CORNER]), edges), weight
