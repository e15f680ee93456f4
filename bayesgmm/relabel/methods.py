"""`relabel`: choose a method, give it the memberships, apply what it finds."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints, Quadratics
from bayesgmm.arguments import check_choice
from bayesgmm.blocks import responsibility_blocks
from bayesgmm.kernels.reduce import labels, log_likelihood_draws
from bayesgmm.posterior import (
    matching_parameters,
    observations_of,
    read_draws,
    sample_stat,
)
from bayesgmm.relabel.assignment import Blocks, Relabelling
from bayesgmm.relabel.ecr import ecr
from bayesgmm.relabel.permute import name_components, permute
from bayesgmm.relabel.stephens import stephens

# Components are told apart by far fewer rows than a raster has: more than this many
# are thinned, evenly, so that relabelling never takes minutes.
MAX_ROWS = 20_000

METHODS: dict[str, Callable[[Blocks, Ints, int], Relabelling]] = {
    "ecr": ecr,
    "stephens": stephens,
}


def relabel(
    posterior: xr.DataTree, method: str = "ecr", reference: Any = None, X: Any = None
) -> xr.DataTree:
    """Give the components of every draw the same names.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture; left as it is.
    method : {"ecr", "stephens"}
        ``"ecr"`` compares the draws' partitions with a pivot: fast and clear.
        ``"stephens"`` compares memberships with their own average: better where
        components overlap.
    reference : GaussianMixture or MixtureParameters, optional
        Its partition is the pivot, so that the components carry its labels, and its
        names of components if it has any. By default the pivot is the partition of the
        draw with the highest log-posterior (``lp``), or log-likelihood where there is
        no ``lp``.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the data that the posterior holds. Of more than 20,000 rows only
        every second, third, ... is used.

    Returns
    -------
    xarray.DataTree
        Every variable of every group of draws is permuted alike. The group
        ``relabelling`` holds ``permutation`` (chain, draw, component), which
        `unrelabel` undoes, and ``confidence`` (chain, draw): near 0 where another
        permutation would do as well.

    Raises
    ------
    InputError
        If the reference has other components or features, or there are no data.
    """
    find = METHODS[check_choice("method", method, METHODS)]
    draws = read_draws(posterior)
    rows = _thin(observations_of(posterior, draws.feature_names, X).values)
    quadratics = draws.quadratics
    if reference is None:
        pivot, names = _best_draw(posterior, rows, quadratics), None
    else:
        matching = matching_parameters(reference, draws, "reference")
        pivot = labels(rows, matching.quadratics)
        names = matching.component_names
    blocks = partial(responsibility_blocks, rows, quadratics)
    found = find(blocks, pivot, draws.n_components)
    shape = (draws.n_chains, draws.n_draws)
    relabelled = permute(
        posterior,
        found.permutations.reshape(*shape, -1),
        found.confidence.reshape(shape),
        method=method,
        pivot="best draw" if reference is None else "reference",
        objective=found.objective,
        n_iterations=found.n_iterations,
    )
    return name_components(relabelled, names)


def _thin(X: Floats) -> Floats:
    return np.ascontiguousarray(X[:: -(-len(X) // MAX_ROWS)])


def _best_draw(posterior, X, quadratics: Quadratics) -> Ints:
    """Return the partition of the draw with the highest log-density."""
    scores = sample_stat(posterior, "lp")
    if scores is None or not np.isfinite(scores).any():
        scores = log_likelihood_draws(X, quadratics)
    best = int(np.nanargmax(scores))
    return labels(X, Quadratics(*(part[best] for part in quadratics)))
