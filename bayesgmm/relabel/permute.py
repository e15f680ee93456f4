"""Apply permutations of components to a whole posterior, or take them back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesgmm._typing import Bools, Ints
from bayesgmm.dims import COMPONENT, COMPONENT_BIS, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.kept import DATA_GROUPS
from bayesgmm.posterior import POSTERIOR, RELABELLING, SAMPLE_STATS, posterior_group

SAMPLE_GROUPS = (POSTERIOR, SAMPLE_STATS, "posterior_predictive", "log_likelihood")
"""Groups whose draws are those of the posterior; the prior's are others."""

COMPONENT_DIMS = (COMPONENT, COMPONENT_BIS)


def permute(
    posterior: xr.DataTree,
    permutations: Ints,
    confidence: ArrayLike | None = None,
    **attrs,
) -> xr.DataTree:
    """Permute the components of every variable that has them, draw by draw.

    Parameters
    ----------
    posterior : xarray.DataTree
        Left as it is.
    permutations : array of int, shape (n_chains, n_draws, n_components)
        Component k of the result is the draw's component ``permutations[c, t, k]``.
    confidence : array of shape (n_chains, n_draws), optional
        By default the one that is stored already, if any.
    **attrs
        What the group ``relabelling`` should say about them.

    Returns
    -------
    xarray.DataTree
        With a group ``relabelling`` of its own, so that summaries of the posterior do
        not show it: ``permutation`` (chain, draw, component) counts from the original
        draws, however often they were relabelled since, and ``confidence``.
    """
    group = posterior_group(posterior)
    result = _apply(posterior, permutations)
    stored = _stored(posterior)
    if stored is not None:
        original = stored["permutation"].transpose(*SAMPLE_DIMS, COMPONENT).values
        permutations = np.take_along_axis(original, permutations, axis=-1)
        confidence = stored.get("confidence") if confidence is None else confidence
        attrs = {**stored.attrs, **attrs}
    attrs["switch_rate"] = float(find_switched(permutations).mean())
    variables: dict[str, Any] = {
        "permutation": ((*SAMPLE_DIMS, COMPONENT), permutations)
    }
    if confidence is not None:
        variables["confidence"] = (SAMPLE_DIMS, np.asarray(confidence))
    coords = {
        name: group.coords[name]
        for name in (*SAMPLE_DIMS, COMPONENT)
        if name in group.coords
    }
    result[RELABELLING] = xr.DataTree(xr.Dataset(variables, coords, attrs))
    return result


def name_components(posterior: xr.DataTree, names: Sequence | None) -> xr.DataTree:
    """Return the posterior with these names of components; None leaves what it has."""
    if names is None:
        return posterior
    result = posterior.copy()
    for name in (*SAMPLE_GROUPS, *DATA_GROUPS, RELABELLING):
        group = result[name].to_dataset() if name in result.children else xr.Dataset()
        coords = {dim: list(names) for dim in COMPONENT_DIMS if dim in group.dims}
        if coords:
            result[name].dataset = group.assign_coords(coords)
    return result


def unrelabel(posterior: xr.DataTree) -> xr.DataTree:
    """Give every draw the component labels back that the sampler gave it.

    Components have numbers again, as names would change their meaning from draw to
    draw.

    Parameters
    ----------
    posterior : xarray.DataTree
        A relabelled one; left as it is.

    Raises
    ------
    InputError
        If it has not been relabelled.
    """
    posterior_group(posterior)
    stored = _stored(posterior)
    if stored is None:
        raise InputError(
            "posterior",
            f"be relabelled, with a group {RELABELLING!r}",
            "none",
            "It has the labels of its sampler already.",
        )
    permutations = stored["permutation"].transpose(*SAMPLE_DIMS, COMPONENT).values
    result = _apply(posterior, np.argsort(permutations, axis=-1))
    del result[RELABELLING]
    return name_components(result, range(permutations.shape[-1]))


def find_switched(permutations: Ints) -> Bools:
    """Tell which draws are not in the commonest order, shape (chain, draw)."""
    flat = permutations.reshape(-1, permutations.shape[-1])
    orders, counts = np.unique(flat, axis=0, return_counts=True)
    return (permutations != orders[counts.argmax()]).any(axis=-1)


def _stored(posterior):
    if RELABELLING not in posterior.children:
        return None
    return posterior[RELABELLING].to_dataset()


def _apply(posterior, permutations):
    """Return a copy in which all that components have is permuted."""
    orders = np.unique(permutations.reshape(-1, permutations.shape[-1]), axis=0)
    ways = dict.fromkeys(SAMPLE_GROUPS, lambda x: _permuted(x, permutations))
    ways |= dict.fromkeys(DATA_GROUPS, lambda x: _of_all_draws(x, orders))
    result = posterior.copy()
    for name, way in ways.items():
        if name in result.children:
            group = result[name].to_dataset()
            result[name].dataset = group.assign(
                {
                    variable: way(array)
                    for variable, array in group.data_vars.items()
                    if {*COMPONENT_DIMS} & {*array.dims}
                }
            )
    return result


def _permuted(array, permutations):
    """Permute an array draw by draw, along every dimension of components."""
    if not {*SAMPLE_DIMS} <= {*array.dims}:
        return array
    for dim in {*COMPONENT_DIMS} & {*array.dims}:
        inner = [other for other in array.dims if other not in (*SAMPLE_DIMS, dim)]
        ordered = array.transpose(*SAMPLE_DIMS, dim, *inner)
        index = permutations.reshape(*permutations.shape, *(1 for _ in inner))
        values = np.take_along_axis(ordered.values, index, axis=2)
        array = ordered.copy(data=values).transpose(*array.dims)
    return array


def _of_all_draws(array, orders):
    """Permute what has no draws, as known labels, if all draws agree on the result."""
    dims = {*COMPONENT_DIMS} & {*array.dims}
    ways = [array.isel(dict.fromkeys(dims, order)).values for order in orders]
    same = all(np.array_equal(way, ways[0]) for way in ways)
    return array.copy(data=ways[0]) if same else array
