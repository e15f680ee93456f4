"""What labels change: parameters by name, and by what components differ."""

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.dims import COMPONENT, SAMPLE_DIMS
from bayesgmm.posterior import Draws
from bayesgmm.relabel.parameters import feature_names, features


def parameters_by_name(draws: Draws) -> dict[str, Floats]:
    """Return every weight, mean and covariance, each (n_chains, n_draws)."""
    names, components = draws.feature_names, list(enumerate(draws.components))
    shape = (draws.n_chains, draws.n_draws)
    values = {f"weights[{c}]": draws.weights[:, k] for k, c in components}
    values |= {
        f"means[{c}, {name}]": draws.means[:, k, j]
        for k, c in components
        for j, name in enumerate(names)
    }
    values |= {
        f"covariances[{c}, {names[i]}, {names[j]}]": draws.covariances[:, k, i, j]
        for k, c in components
        for i, j in zip(*np.triu_indices(len(names)), strict=True)
    }
    return {name: value.reshape(shape) for name, value in values.items()}


def separation(draws: Draws) -> float:
    """Return the posterior sds between the two components that differ least."""
    return float(_differences(draws).max(axis=-1).min(initial=np.inf))


def traces(original: Draws, relabelled: Draws) -> xr.Dataset:
    """Return the draws of what tells components apart best, as drawn and relabelled.

    Parameters
    ----------
    original, relabelled : Draws
        The same draws.

    Returns
    -------
    xarray.Dataset
        ``original`` and ``relabelled`` (chain, draw, component), named in its attribute
        ``quantity``.
    """
    differences = np.minimum(_differences(relabelled), 1e3).sum(axis=0)
    best, shape = int(differences.argmax()), (original.n_chains, original.n_draws, -1)
    arrays = {
        name: ((*SAMPLE_DIMS, COMPONENT), features(draws)[..., best].reshape(shape))
        for name, draws in (("original", original), ("relabelled", relabelled))
    }
    quantity = feature_names(relabelled.feature_names)[best]
    coords = {COMPONENT: relabelled.components}
    return xr.Dataset(arrays, coords, {"quantity": quantity})


def _differences(draws: Draws) -> Floats:
    """Return sds between two components, shape (n_pairs, number of features)."""
    values = features(draws)
    k, l = np.triu_indices(draws.n_components, k=1)  # noqa: E741
    differences = values[:, k] - values[:, l]
    mean, sd = np.abs(differences.mean(axis=0)), differences.std(axis=0)
    constant = np.where(mean > 0, np.inf, 0.0)
    return np.divide(mean, sd, out=constant, where=sd > 1e-12 * mean)
