"""Labels drawn from a posterior, for whatever is computed of rows and labels."""

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_count, check_seed
from bayesgmm.blocks import responsibilities_of
from bayesgmm.dims import CHAIN, DRAW, NOISE, OBSERVATION, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.kept import allowed_of, observations_of
from bayesgmm.posterior import Draws, posterior_group, read_mixtures
from bayesgmm.validation import Table

MOST_LABELS = 2**28
"""Of more rows or draws every second, third, ... draw is taken: a label is a byte."""


def draw_labels(
    posterior: xr.DataTree,
    X: Any = None,
    *,
    n_draws: int | None = None,
    random_seed: int | None = 0,
) -> xr.DataArray:
    """Draw a label for every row in every draw, given the parameters of that draw.

    What is computed of rows and labels, averaged over these draws, knows both that
    components overlap and that their parameters are not known.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture. Labels mean what they mean there: `relabel` it first where
        their names matter. The number of components may vary over draws.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        Old or new observations, by default the data that the posterior holds. Rows of
        the fit, known by their index and values, keep their known labels.
    n_draws : int, optional
        Of each chain, evenly spread. By default all, or as many as 2**28 labels allow.
    random_seed : int or None, default 0
        None takes another one each time.

    Returns
    -------
    xarray.DataArray
        Integers (chain, draw, obs_id): places of components, counted from 0, and -1
        for noise.

    Raises
    ------
    InputError
        If `X` has other features than the posterior, `n_draws` is not from 1 to the
        number of draws, or these are replicates of a jackknife.
    """
    return draw_at_most(MOST_LABELS, posterior, X, n_draws, random_seed)


def draw_at_most(
    most: int, posterior: xr.DataTree, X: Any, n_draws: int | None, random_seed: Any
) -> xr.DataArray:
    """Do what `draw_labels` does, by default with no more than so many labels."""
    draws = read_mixtures(posterior, noisy=True)
    check_spread(draws)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    shape = (draws.n_chains, draws.n_draws, table.n_observations)
    kept = evenly(shape, n_draws, most)
    samples = (np.arange(draws.n_chains)[:, None] * draws.n_draws + kept).ravel()
    allowed = allowed_of(posterior, table)
    seed = check_seed(random_seed)
    labels = _draw(table, draws.take(samples), allowed, seed)
    coords = {OBSERVATION: table.obs_ids}
    held = posterior_group(posterior).coords
    coords |= {CHAIN: held[CHAIN].values} if CHAIN in held else {}
    coords |= {DRAW: held[DRAW].values[kept]} if DRAW in held else {}
    shape = (draws.n_chains, len(kept), table.n_observations)
    return xr.DataArray(
        labels.reshape(shape), coords, (*SAMPLE_DIMS, OBSERVATION), "label"
    )


def check_spread(draws: Draws) -> None:
    """Refuse replicates that lie closer together than estimates do."""
    if draws.stretch != 1.0:
        raise InputError(
            "posterior",
            "be draws that spread as the parameters may",
            "replicates of a jackknife, which lie closer together",
            "Bootstrap with `kind='weighted_likelihood'`, or sample.",
        )


def evenly(shape: tuple[int, ...], n_draws: int | None, most: int) -> Ints:
    """Return the draws of each chain to keep.

    Parameters
    ----------
    shape : tuple of int
        Chains, draws of each, rows.
    n_draws : int, optional
        Of each chain. By default as many as make `most` labels.
    most : int
    """
    n_chains, available, n_rows = shape
    if n_draws is None:
        n_draws = min(available, max(1, most // (n_chains * n_rows)))
    if check_count("n_draws", n_draws) > available:
        raise InputError(
            "n_draws",
            "be at most the number of draws of a chain",
            f"{n_draws} of {available}",
            "Sample more draws, or leave it out to have all.",
        )
    return np.linspace(0, available - 1, n_draws).round().astype(np.intp)


def _draw(table: Table, draws: Draws, allowed, random_seed: int) -> Ints:
    """Return labels (n_samples, n_rows), the same whatever the size of the blocks."""
    rng = np.random.default_rng(random_seed)
    dtype = np.min_scalar_type(-draws.n_shares)
    labels = np.empty((draws.n_samples, table.n_observations), dtype)
    for rows, shares in responsibilities_of(table.values, draws, allowed):
        uniform = rng.random(shares.shape[1::-1]).T
        labels[:, rows] = _invert(shares, uniform)
    if draws.noise is not None:
        labels[labels == draws.n_components] = NOISE
    return labels


def _invert(shares: Floats, uniform: Floats) -> Ints:
    """Return for each row the component in whose part of [0, 1) its number falls."""
    below = np.cumsum(shares, axis=-1)
    # Rounding must not lift a number above the last sum: no component is there.
    reached = np.minimum(uniform * below[..., -1], np.nextafter(below[..., -1], 0.0))
    return (reached[..., None] >= below).sum(-1)
