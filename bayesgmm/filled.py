"""Draws of unknown sizes made a posterior of one: those of so many groups of rows."""

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.arguments import check_count
from bayesgmm.dims import CHAIN, COMPONENT, DRAW, N_COMPONENTS, N_FILLED, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.kept import DATA_GROUPS
from bayesgmm.posterior import POSTERIOR, SAMPLE_STATS, posterior_group
from bayesgmm.sampled import most_draws


def condition_on_filled(posterior: Any, n_filled: int | None = None) -> xr.DataTree:
    """Return the draws in which so many components have rows, and only these of them.

    What is left has a known number of components, so that `relabel`, `membership` and
    everything else that takes a posterior takes it.

    Parameters
    ----------
    posterior : xarray.DataTree
        From ``sample(..., method="telescoping")``.
    n_filled : int, optional
        By default the number that most draws have.

    Returns
    -------
    xarray.DataTree
        Weights sum to one among the components kept. Chains are cut to the length that
        keeps most draws. Labels are the sampler's: `relabel` resolves them. It is not
        the posterior of a mixture of so many components, some of which may be empty:
        `evidence` refuses it.

    Raises
    ------
    InputError
        If the number of components was not drawn, or no draw has so many with rows.
    """
    group = posterior_group(posterior)
    if N_FILLED not in group:
        raise InputError(
            "posterior",
            f"have the variable `{N_FILLED}`",
            "a posterior of a known number of components",
            "Pass what `sample` returned with `method='telescoping'`.",
        )
    drawn = group[N_FILLED].transpose(*SAMPLE_DIMS).values
    n = check_count("n_filled", _mode(drawn) if n_filled is None else n_filled)
    chains, draws = _matching(drawn, n)
    result = xr.DataTree()
    for name in (POSTERIOR, SAMPLE_STATS):
        some = _take(posterior[name].to_dataset(), chains, draws)
        result[name] = xr.DataTree(_of_size(some, n))
    for name in (name for name in DATA_GROUPS if name in posterior.children):
        result[name] = posterior[name].copy()
    return result


def _mode(drawn) -> int:
    return int(np.bincount(drawn.ravel()).argmax())


def _matching(drawn, n):
    """Return the chains and draws that have `n`, both of shape (chain, draw)."""
    hits = drawn == n
    chains, n_draws = most_draws(hits.sum(axis=1))
    if n_draws == 0:
        raise InputError(
            "n_filled",
            "be a number that draws have",
            f"{n}",
            f"Most have {_mode(drawn)}; the draws hold {np.unique(drawn).tolist()}.",
        )
    draws = np.stack([np.flatnonzero(hits[c])[:n_draws] for c in chains])
    return np.broadcast_to(chains[:, None], draws.shape), draws


def _take(group, chains, draws):
    places = {
        CHAIN: xr.DataArray(chains, dims=SAMPLE_DIMS),
        DRAW: xr.DataArray(draws, dims=SAMPLE_DIMS),
    }
    some = group.isel(places).drop_vars(SAMPLE_DIMS, errors="ignore")
    n_chains, n_draws = draws.shape
    return some.assign_coords({CHAIN: range(n_chains), DRAW: range(n_draws)})


def _of_size(group, n):
    """Keep the first components, those with rows."""
    group = group.drop_vars((N_FILLED, N_COMPONENTS), errors="ignore")
    if COMPONENT not in group.dims:
        return group
    group = group.isel({COMPONENT: slice(0, n)})
    shares = group["weights"] / group["weights"].sum(COMPONENT)
    return group.assign(weights=shares).assign_attrs({N_FILLED: n})
