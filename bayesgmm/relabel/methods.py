"""`relabel`: choose a method, give it the memberships, apply what it finds."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_choice
from bayesgmm.blocks import partition_of, responsibilities_of, total_log_likelihoods
from bayesgmm.kept import observations_of, read_allowed
from bayesgmm.known_labels import interchangeable
from bayesgmm.posterior import (
    Draws,
    matching_parameters,
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

    Components that known labels tell apart keep their places, and so does noise.

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
    draws = read_draws(posterior, noisy=True)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    rows = _thin(table.values)
    if reference is None:
        pivot, names = _best_draw(posterior, rows, draws), None
    else:
        matching = matching_parameters(reference, draws, "reference")
        pivot = partition_of(rows, draws.only(matching))
        names = matching.component_names
    classes = interchangeable(read_allowed(posterior), draws.n_components)
    found = _find(find, rows, draws, pivot, classes)
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


def _find(find, rows, draws, pivot, classes) -> Relabelling:
    """Find the permutations among components that labels do not tell apart.

    Each class is compared on the rows that the pivot gives it; noise stays where it is.
    """
    n_samples, k = draws.n_samples, draws.n_components
    permutations, confidence = np.tile(np.arange(k), (n_samples, 1)), np.ones(n_samples)
    objective, n_iterations = 0.0, 0
    for number in np.unique(classes):
        members = np.flatnonzero(classes == number)
        kept = np.isin(pivot, members)
        if len(members) == 1 or not kept.any():
            continue
        own = np.searchsorted(members, pivot[kept])
        blocks = partial(_blocks, rows[kept], draws, members)
        found = find(blocks, own, len(members))
        permutations[:, members] = members[found.permutations]
        confidence = np.minimum(confidence, found.confidence)
        objective += found.objective
        n_iterations = max(n_iterations, found.n_iterations)
    return Relabelling(permutations, confidence, objective, n_iterations)


def _blocks(rows, draws, members):
    """Yield rows, and what they have of some of the components."""
    for places, shares in responsibilities_of(rows, draws):
        yield (
            places,
            shares[..., members] if len(members) < shares.shape[-1] else shares,
        )


def _thin(X: Floats) -> Floats:
    return np.ascontiguousarray(X[:: -(-len(X) // MAX_ROWS)])


def _best_draw(posterior, X, draws: Draws) -> Ints:
    """Return the partition of the draw with the highest log-density."""
    scores = sample_stat(posterior, "lp")
    if scores is None or not np.isfinite(scores).any():
        scores = total_log_likelihoods(X, draws)
    return partition_of(X, draws.take([int(np.nanargmax(scores))]))
