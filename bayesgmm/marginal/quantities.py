"""From flat draws to named arrays: what a model's draws say about its variables."""

import numpy as np
from pymc.backends.arviz import (
    coords_and_dims_for_inferencedata,
    find_constants,
    find_observations,
)

from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.sampled import Sampled

# Draws x rows of log-likelihoods are kept for `az.loo` up to this many numbers (80 MB).
MAX_LOG_LIKELIHOODS = 10_000_000


def name_draws(flat: FlatModel, draws: FlatDraws) -> Sampled:
    """Evaluate every variable of the model at every draw.

    Groups are ``posterior``, ``sample_stats``, ``observed_data``, ``constant_data``
    and, while it is small, ``log_likelihood``.
    """
    model, (n_chains, n_draws) = flat.model, draws.values.shape[:2]
    observations = find_observations(model)
    n_rows = sum(len(array) for array in observations.values())
    fits = n_rows * n_chains * n_draws <= MAX_LOG_LIKELIHOODS
    observed = model.observed_RVs if fits else []
    groups = {
        "posterior": _evaluate(flat, draws.values, model.unobserved_RVs),
        "log_likelihood": _evaluate(flat, draws.values, observed),
        "sample_stats": draws.stats,
        "observed_data": observations,
        "constant_data": find_constants(model),
    }
    coords, dims = coords_and_dims_for_inferencedata(model)
    return Sampled(
        {name: group for name, group in groups.items() if group},
        coords,
        dims,
        draws.seconds,
        draws.attrs,
        draws.interrupted,
        draws.failures,
        draws.n_resampled,
    )


def _evaluate(flat, values, variables):
    """Evaluate variables at all draws, by name."""
    if not variables:
        return {}
    function = flat.quantities(variables)
    shapes = [np.shape(quantity) for quantity in function(values[0, 0])]
    columns = [np.empty((*values.shape[:2], *shape)) for shape in shapes]
    for place in np.ndindex(values.shape[:2]):
        for column, quantity in zip(columns, function(values[place]), strict=True):
            column[place] = quantity
    names = [variable.name for variable in variables]
    return dict(zip(names, columns, strict=True))
