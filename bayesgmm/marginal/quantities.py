"""From flat draws to named arrays: what a model's draws say about its variables."""

from typing import Any, NamedTuple

import numpy as np
from pymc.backends.arviz import (
    coords_and_dims_for_inferencedata,
    find_constants,
    find_observations,
)

from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws

# Draws x rows of log-likelihoods are kept for `az.loo` up to this many numbers (80 MB).
MAX_LOG_LIKELIHOODS = 10_000_000


class NamedDraws(NamedTuple):
    """Groups of arrays in ArviZ's layout, with coordinates and dimensions."""

    groups: dict[str, dict[str, Any]]
    coords: dict[str, Any]
    dims: dict[str, list[str]]


def name_draws(flat: FlatModel, draws: FlatDraws) -> NamedDraws:
    """Evaluate every variable of the model at every draw.

    Groups are ``posterior``, ``sample_stats``, ``observed_data``, ``constant_data``
    and, while it is small, ``log_likelihood``.
    """
    names, function = flat.quantities()
    n_unobserved = len(flat.model.unobserved_RVs)
    columns = _evaluate(function, draws.values, n_unobserved)
    named = list(zip(names, columns, strict=False))
    groups = {
        "posterior": dict(named[:n_unobserved]),
        "log_likelihood": dict(named[n_unobserved:]),
        "sample_stats": draws.stats,
        "observed_data": find_observations(flat.model),
        "constant_data": find_constants(flat.model),
    }
    coords, dims = coords_and_dims_for_inferencedata(flat.model)
    return NamedDraws({k: v for k, v in groups.items() if v}, coords, dims)


def _evaluate(function, values, n_unobserved):
    """Evaluate all quantities at all draws, log-likelihoods only while they fit."""
    n_chains, n_draws = values.shape[:2]
    first = [np.asarray(quantity) for quantity in function(values[0, 0])]
    n_rows = sum(quantity.size for quantity in first[n_unobserved:])
    if n_rows * n_chains * n_draws > MAX_LOG_LIKELIHOODS:
        first = first[:n_unobserved]
    columns = [np.empty((n_chains, n_draws, *quantity.shape)) for quantity in first]
    for place in np.ndindex(n_chains, n_draws):
        for column, quantity in zip(columns, function(values[place]), strict=False):
            column[place] = quantity
    return columns
