"""What the missing values of rows may have been: draws from a posterior."""

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_seed
from bayesgmm.blocks import BLOCK_BYTES
from bayesgmm.dims import CHAIN, DRAW, FEATURE, OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.kept import allowed_of, observations_of
from bayesgmm.kernels.reduce import responsibilities_draws
from bayesgmm.patterns import Regression, group_rows, regress, select
from bayesgmm.posterior import Draws, posterior_group, read_mixtures

MISSING = "missing"


def impute(
    posterior: xr.DataTree, X: Any = None, *, random_seed: int | None = None
) -> xr.DataArray:
    """Draw missing values, one set with every draw of the posterior.

    A component is drawn given what was observed of a row (and its label, where that was
    known), then what is missing of it. Over draws these are multiple imputations, in
    which it counts that the parameters are not known either.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture of rows with missing values. Labels need not mean the same in
        all draws.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        Rows with missing values, by default those of the fit.
    random_seed : int, optional
        The same seed gives the same values.

    Returns
    -------
    xarray.DataArray
        Of dimensions ``chain``, ``draw`` and ``missing``, row by row, with coordinates
        ``obs_id`` and ``feature``. Nothing else of that size is kept.

    Raises
    ------
    InputError
        If nothing is missing, or `X` has other features than the posterior.
    """
    group, draws = posterior_group(posterior), read_mixtures(posterior)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    gaps = np.isnan(table.values)
    if not gaps.any():
        raise InputError(
            "X",
            "have missing values",
            "none",
            "Sample the posterior with `missing='fiml'`, and leave `X` out.",
        )
    allowed = allowed_of(posterior, table)
    rng = np.random.default_rng(check_seed(random_seed))
    drawn = _fill(table.values, gaps, draws, allowed, rng)
    rows, columns = np.nonzero(gaps)
    coords = {
        name: group.coords[name] for name in (CHAIN, DRAW) if name in group.coords
    }
    return xr.DataArray(
        drawn.reshape(draws.n_chains, draws.n_draws, -1),
        {
            **coords,
            OBSERVATION: (MISSING, table.obs_ids[rows]),
            FEATURE: (MISSING, np.array(draws.feature_names)[columns]),
        },
        (CHAIN, DRAW, MISSING),
        name="imputation",
    )


def _fill(X, gaps, draws: Draws, allowed, rng) -> Floats:
    """Return values (n_samples, n_missing), pattern by pattern."""
    places = np.cumsum(gaps).reshape(gaps.shape) - 1
    out = np.empty((draws.n_samples, gaps.sum()))
    groups = group_rows(X, allowed, draws.n_components, noisy=False)
    numbers = draws.n_samples * (draws.n_components + draws.n_features**2)
    size = max(1, BLOCK_BYTES // (8 * numbers))
    for group in range(groups.n_complete, len(groups.limits)):
        rows = groups.rows(group)
        observed = ~gaps[rows[0]]
        seen, limits = regress(draws, observed), groups.limits[group]
        for start in range(0, len(rows), size):
            block = rows[start : start + size]
            some = select(X, block, observed)
            cells = places[np.ix_(block, np.flatnonzero(~observed))]
            drawn = _draw(some, draws.means, seen, limits, observed, rng)
            out[:, cells.ravel()] = drawn.reshape(draws.n_samples, -1)
    return out


def _draw(X, means, seen: Regression, limits, observed, rng):
    """Return the missing columns of rows (n_samples, n_rows, n_missing)."""
    quadratics = seen.quadratics._replace(offsets=seen.quadratics.offsets + limits)
    shares = responsibilities_draws(X, quadratics).cumsum(axis=2)
    aims = rng.random(shares.shape[:2])[..., None] * shares[..., -1:]
    labels = np.minimum((shares <= aims).sum(axis=2), shares.shape[2] - 1)
    own = np.arange(len(shares))[:, None], labels
    centred = X - quadratics.means[own]
    onto, spreads = seen.completions[:, :, ~observed], seen.spreads[:, :, ~observed]
    z = rng.standard_normal((*labels.shape, spreads.shape[-1]))
    drawn = (onto[own] @ centred[..., None] + spreads[own] @ z[..., None])[..., 0]
    return means[:, :, ~observed][own] + drawn
