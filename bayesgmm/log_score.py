"""How well a posterior predicts rows that it has not seen."""

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.blocks import by_row, log_likelihoods_of
from bayesgmm.dims import OBSERVATION
from bayesgmm.kept import observations_of
from bayesgmm.posterior import read_mixtures
from bayesgmm.variational import predictive_log_density, read_variational


def log_score(posterior: xr.DataTree, X: Any) -> xr.Dataset:
    """Score new observations by the log of their posterior predictive density.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture. Labels need not mean the same in all draws.
    X : array-like of shape (n_observations, n_features) or data frame
        Observations that were not used in the fit; for those use `loo`.

    Returns
    -------
    xarray.Dataset
        ``log_density`` (obs_id), its sum ``log_score``, higher is better, and
        ``standard_error``, by how much the sum varies from one set of so many
        observations to another. In nats.

    Raises
    ------
    InputError
        If `X` has other features than the posterior.

    Notes
    -----
    ``log_density[n] = log mean_s p(x_n | draw s)``, marginal over labels. Rows are done
    block by block: memory does not grow with draws x observations. Draws of
    ``method="cavi"`` stand for the distribution that was fitted, whose predictive
    density is known: a mixture of Student's t distributions.
    """
    rows = _log_densities(posterior, X)
    n = rows.sizes[OBSERVATION]
    error = np.sqrt(n) * rows.std(ddof=1) if n > 1 else np.nan
    scores = xr.Dataset(
        {"log_density": rows, "log_score": rows.sum(), "standard_error": error}
    )
    for variable in scores.data_vars.values():
        variable.attrs["units"] = "nats"
    return scores


def predictive_density(posterior: xr.DataTree, X: Any) -> xr.DataArray:
    """Return the posterior predictive density at observations.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture. Labels need not mean the same in all draws.
    X : array-like of shape (n_observations, n_features) or data frame

    Returns
    -------
    xarray.DataArray
        The density of a new observation at each row (obs_id), averaged over draws; of
        ``method="cavi"`` that of all draws there could be, Student's t distributions.

    Raises
    ------
    InputError
        If `X` has other features than the posterior.
    """
    logs = _log_densities(posterior, X)
    return logs.copy(data=np.exp(logs.values)).rename("predictive_density")


def _log_densities(posterior: xr.DataTree, X: Any) -> xr.DataArray:
    draws = read_mixtures(posterior, noisy=True)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    fit = read_variational(posterior)
    if fit is not None:
        rows = predictive_log_density(fit, table.values)
    else:
        blocks = log_likelihoods_of(table.values, draws)
        means = ((rows, log_mean(block, axis=0)) for rows, block in blocks)
        rows = by_row(means, table.n_observations)
    return xr.DataArray(rows, {OBSERVATION: table.obs_ids}, [OBSERVATION])


def log_mean(logs: Floats, axis: int) -> Floats:
    """Return log mean exp along an axis."""
    top = logs.max(axis=axis, keepdims=True)
    return np.log(np.exp(logs - top).mean(axis=axis)) + top.squeeze(axis)
