"""Apply permutations of components to a whole posterior, or take them back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesgmm._typing import Ints
from bayesgmm.dims import COMPONENT, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.posterior import POSTERIOR, RELABELLING, SAMPLE_STATS, posterior_group

SAMPLE_GROUPS = (POSTERIOR, SAMPLE_STATS, "posterior_predictive", "log_likelihood")
"""Groups whose draws are those of the posterior; the prior's are others."""


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


def name_components(posterior: xr.DataTree, names: Sequence[str] | None) -> xr.DataTree:
    """Return the posterior with these names of components; None leaves what it has."""
    if names is None:
        return posterior
    result = posterior.copy()
    for name in (*SAMPLE_GROUPS, RELABELLING):
        group = result[name].to_dataset() if name in result.children else xr.Dataset()
        if COMPONENT in group.dims:
            result[name].dataset = group.assign_coords({COMPONENT: list(names)})
    return result


def unrelabel(posterior: xr.DataTree) -> xr.DataTree:
    """Give every draw the component labels back that the sampler gave it.

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
    return result


def _stored(posterior):
    if RELABELLING not in posterior.children:
        return None
    return posterior[RELABELLING].to_dataset()


def _apply(posterior, permutations):
    """Return a copy in which all draws of all variables are permuted."""
    result = posterior.copy()
    for name in SAMPLE_GROUPS:
        if name in result.children:
            group = result[name].to_dataset()
            result[name].dataset = group.assign(
                {
                    variable: _permuted(array, permutations)
                    for variable, array in group.data_vars.items()
                    if {*SAMPLE_DIMS, COMPONENT} <= {*array.dims}
                }
            )
    return result


def _permuted(array, permutations):
    inner = [dim for dim in array.dims if dim not in (*SAMPLE_DIMS, COMPONENT)]
    ordered = array.transpose(*SAMPLE_DIMS, COMPONENT, *inner)
    index = permutations.reshape(*permutations.shape, *(1 for _ in inner))
    values = np.take_along_axis(ordered.values, index, axis=2)
    return ordered.copy(data=values).transpose(*array.dims)
