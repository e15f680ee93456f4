"""What the names of components cannot change: the ground on which chains are compared.

Label switching does not touch these quantities. Where chains differ in them, they
differ in the distribution they describe, and no relabelling can mend that.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.blocks import (
    by_row,
    log_likelihoods_of,
    partition_of,
    responsibilities_of,
    total_log_likelihoods,
)
from bayesgmm.kept import allowed_of, weights_of
from bayesgmm.posterior import Draws, sample_stat
from bayesgmm.validation import Table

N_LANDMARKS = 10

N_PAIRED = 200
"""Rows by whose pairs partitions are compared."""

LOG_LIKELIHOOD, AGREEMENT = "log_likelihood", "agreement of partitions"


def invariants(
    draws: Draws, table: Table, posterior: xr.DataTree | None
) -> dict[str, Floats]:
    """Return label-invariant quantities of every draw, each (n_chains, n_draws).

    Parameters
    ----------
    draws : Draws
    table : Table
        The observations.
    posterior : xarray.DataTree, optional
        Their tree. Weights and known labels that it holds of its rows count in the
        log-likelihood.

    Returns
    -------
    dict
        The log-likelihood, where all draws have as many components ``lp``, if there is
        one, and the weights sorted from the largest, the agreement of each partition
        with that of the best draw, and log-densities at landmarks: observations evenly
        spread along the first principal axis.
    """
    X, shape = table.values, (draws.n_chains, draws.n_draws)
    known = {} if posterior is None else _known(posterior, table)
    score = partial(total_log_likelihoods, X, **known)
    values = {LOG_LIKELIHOOD: _by_size(score, draws)}
    if draws.of_one_size:
        lp = None if posterior is None else sample_stat(posterior, "lp")
        if lp is not None and np.isfinite(lp).all():
            values["lp"] = lp
        weights = -np.sort(-draws.weights, axis=1)
        values |= {f"sorted weight {k}": w for k, w in enumerate(weights.T)}
    if draws.noise_weight is not None:
        values["noise weight"] = draws.noise_weight
    best = int(values.get("lp", values[LOG_LIKELIHOOD]).argmax())
    paired = np.ascontiguousarray(X[landmarks(X, N_PAIRED)])
    pivot = partition_of(paired, draws.take([best]))
    values[AGREEMENT] = _by_size(partial(agreement, paired, pivot=pivot), draws)
    rows = landmarks(X, N_LANDMARKS)
    densities = _by_size(partial(_log_densities, X[rows]), draws)
    values |= {
        f"log density at {table.obs_ids[row]}": density
        for row, density in zip(rows, densities, strict=True)
    }
    return {name: value.reshape(shape) for name, value in values.items()}


def _known(posterior: xr.DataTree, table: Table) -> dict[str, Any]:
    """Return what the fit knew of rows; others count once, and may be of any group."""
    weight = np.nan_to_num(weights_of(posterior, table), nan=1.0)
    return {
        "allowed": allowed_of(posterior, table),
        "sample_weight": None if (weight == 1.0).all() else weight,
    }


def _by_size(function: Callable[[Draws], Floats], draws: Draws) -> Floats:
    """Return a function of draws, (..., n_samples), where some have few components.

    They go together by about as many, without the many columns that only the largest
    have.
    """
    if draws.of_one_size:
        return function(draws)
    n_components = draws.n_components - (draws.weights[:, ::-1] > 0).argmax(axis=1)
    bands = np.ceil(np.log2(n_components)).astype(int)
    samples = [np.flatnonzero(bands == band) for band in np.unique(bands)]
    most = [int(n_components[s].max()) for s in samples]
    parts = zip(samples, most, strict=True)
    found = [function(draws.take(s).first(n)) for s, n in parts]
    order = np.argsort(np.concatenate(samples))
    return np.concatenate(found, axis=-1)[..., order]


def _log_densities(X: Floats, draws: Draws) -> Floats:
    """Return log-densities, shape (n_rows, n_samples)."""
    blocks = log_likelihoods_of(X, draws)
    return by_row(((rows, logs.T) for rows, logs in blocks), len(X))


def agreement(X: Floats, draws: Draws, pivot: Ints) -> Floats:
    """Return the expected share of pairs of rows on which draws agree with a pivot.

    They agree on a pair that is together in both or apart in both (Rand's index), and
    the labels of a draw are independent given its parameters.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
    draws : Draws
    pivot : array of int, shape (n_rows,)

    Returns
    -------
    array of shape (n_samples,)
    """
    n = len(X)
    if n < 2:
        return np.ones(draws.n_samples)
    names, numbers = np.unique(pivot, return_inverse=True)
    groups = np.eye(len(names))[numbers]
    crossed = np.zeros((draws.n_samples, len(names), draws.n_shares))
    alone = np.zeros(draws.n_samples)  # each row with itself, which is no pair
    for rows, shares in responsibilities_of(X, draws):
        crossed += groups[rows].T @ shares
        alone += np.einsum("tnk,tnk->t", shares, shares)
    together = (crossed**2).sum(axis=(1, 2)) - alone
    in_draw = (crossed.sum(axis=1) ** 2).sum(axis=1) - alone
    in_pivot = (groups.sum(axis=0) ** 2).sum() - n
    return 1.0 + (2.0 * together - in_draw - in_pivot) / (n * (n - 1))


def landmarks(X: Floats, n: int) -> Ints:
    """Return n rows evenly spread along the first principal axis of the scaled data.

    Missing values are taken for the mean of their column.
    """
    centred = X - np.nanmean(X, axis=0, dtype=np.float64)
    centred[np.isnan(centred)] = 0.0
    spread = centred.std(axis=0)
    scaled = centred / np.where(spread > 0, spread, 1.0)
    axis = np.linalg.eigh(scaled.T @ scaled)[1][:, -1]
    ranks = np.linspace(0, len(X) - 1, n + 2)[1:-1].round().astype(int)
    return np.unique(np.argsort(scaled @ axis, kind="stable")[ranks])


def convergence(values: dict[str, Floats]) -> pd.DataFrame:
    """Return mean, sd, R-hat and effective sample sizes of (n_chains, n_draws) values.

    A single chain is cut into halves, so that R-hat compares its parts. R-hat is NaN
    for a constant or with fewer than four draws, the effective sizes too.

    References
    ----------
    .. [1] A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P.-C. Buerkner (2021),
       *Rank-normalization, folding, and localization: an improved R-hat*, Bayesian
       Analysis 16:667-718.
    """
    rows = {name: _converge(np.asarray(value)) for name, value in values.items()}
    columns = ["mean", "sd", "r_hat", "ess_bulk", "ess_tail"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=float)


def _converge(value: Floats):
    from arviz_stats.base.array import array_stats

    moments = value.mean(), value.std()
    n_chains, n_draws = value.shape
    if np.ptp(value) <= 1e-12 * np.abs(value).max() or n_draws < 4:
        return *moments, np.nan, np.nan, np.nan
    compared = value if n_chains > 1 else cut(value, 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # chains that do not move
        return (
            *moments,
            array_stats.rhat(compared) if compared.shape[1] >= 4 else np.nan,
            array_stats.ess(value, method="bulk"),
            array_stats.ess(value, method="tail", prob=(0.05, 0.95)),
        )


def cut(values: Floats, n: int) -> Floats:
    """Cut each chain into n: (n_chains, n_draws, ...), (n n_chains, n_draws // n, ...).

    The parts of a chain stand together; draws that are left over are left out.
    """
    size = values.shape[1] // n
    return values[:, : n * size].reshape(n * len(values), size, *values.shape[2:])
