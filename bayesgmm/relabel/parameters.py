"""Parameters of components in units in which they can be compared."""

from collections.abc import Sequence

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.posterior import Draws

EXTREME = 1 - 1e-12
"""Beyond it a correlation is 1 to rounding."""

SMALLEST_SPREAD = 1e-3
"""Within components, of that over all: what is held there does not count for all."""


def read_parameters(
    draws: Draws, pivot: Draws | None, members: Ints, permutations: Ints
) -> tuple[Floats, Floats]:
    """Return weights and `features` of draws and of the pivot.

    The unit of each is its posterior sd within components. That over draws and
    components alike would make as much of what is the same in all components, and so
    mere noise, as of what tells them apart.

    Parameters
    ----------
    draws : Draws
    pivot : Draws or None
        One draw; without it the mean of the draws under `permutations`.
    members : array of int, shape (n_components,)
        The components that are asked for.
    permutations : array of int, shape (n_samples, n_components)
        Labels that partitions suggest: these tell what is within.

    Returns
    -------
    values : array of shape (n_samples, n_components, n_parameters)
    target : array of shape (n_components, n_parameters)
    """
    _ = draws.quadratics  # refuses covariances that are none
    values = _flatten(draws, members)
    own = np.take_along_axis(values, permutations[..., None], axis=1)
    target = own.mean(axis=0) if pivot is None else _flatten(pivot, members)[0]
    over_all = values.std(axis=(0, 1))
    within = np.sqrt(own.var(axis=0).mean(axis=0))
    scale = np.maximum(within, SMALLEST_SPREAD * over_all)
    scale[scale == 0] = 1.0
    centre = values.mean(axis=(0, 1))
    return (values - centre) / scale, (target - centre) / scale


def _flatten(draws: Draws, members: Ints) -> Floats:
    both = [draws.weights[..., None], features(draws)]
    return np.concatenate(both, axis=-1)[:, members]


def features(draws: Draws) -> Floats:
    """Return means, log-variances and Fisher's z of correlations of components.

    Returns
    -------
    array of shape (n_samples, n_components, number of `feature_names`)
    """
    variances = np.diagonal(draws.covariances, axis1=-2, axis2=-1)
    i, j = np.triu_indices(draws.n_features, k=1)
    scale = np.sqrt(variances[..., i] * variances[..., j])
    correlations = np.clip(draws.covariances[..., i, j] / scale, -EXTREME, EXTREME)
    return np.concatenate(
        [draws.means, np.log(variances), np.arctanh(correlations)], axis=-1
    )


def feature_names(names: Sequence[str]) -> list[str]:
    """Name the `features` of draws with features of these names."""
    pairs = np.column_stack(np.triu_indices(len(names), k=1)).tolist()
    return [
        *(f"mean of {name}" for name in names),
        *(f"log-variance of {name}" for name in names),
        *(f"z of the correlation of {names[i]} and {names[j]}" for i, j in pairs),
    ]
