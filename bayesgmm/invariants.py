"""What the names of components cannot change: the ground on which chains are compared.

Label switching does not touch these quantities. Where chains differ in them, they
differ in the distribution they describe, and no relabelling can mend that.
"""

import numpy as np
import pandas as pd

from bayesgmm._typing import Floats, Ints
from bayesgmm.blocks import by_row, log_likelihoods_of, total_log_likelihoods
from bayesgmm.posterior import Draws
from bayesgmm.validation import Table

N_LANDMARKS = 10

SEPARATION = 4.0
"""Chains at different solutions are at least so many within-chain spreads apart.

In simulations with a Gibbs sampler, genuine modes were 5.7 or more apart, slow chains
of overlapping components 3.3 or less with one exception in 28.
"""

STANDARD_ERRORS = 5.0
"""... and so many standard errors, so that short chains raise no alarm."""

FEWEST_DRAWS = 20
"""Shorter chains say too little about their spread to be told apart."""

FROZEN = 1e-3
"""A chain whose spread is this small beside the others' does not move."""

MAD_TO_SD = 1.4826  # of a normal distribution


def invariants(draws: Draws, table: Table, lp: Floats | None) -> dict[str, Floats]:
    """Return label-invariant quantities of every draw, each (n_chains, n_draws).

    Parameters
    ----------
    draws : Draws
    table : Table
        The observations.
    lp : array of shape (n_chains, n_draws), optional
        Log-posterior of the draws.

    Returns
    -------
    dict
        The log-likelihood, ``lp`` if given, the weights sorted from the largest where
        all draws have as many, and log-densities at landmarks: observations evenly
        spread along the first principal axis.
    """
    X, shape = table.values, (draws.n_chains, draws.n_draws)
    values = {"log_likelihood": total_log_likelihoods(X, draws)}
    if lp is not None and np.isfinite(lp).all():
        values["lp"] = lp
    if draws.of_one_size:
        weights = -np.sort(-draws.weights, axis=1)
        values |= {f"sorted weight {k}": w for k, w in enumerate(weights.T)}
    if draws.noise_weight is not None:
        values["noise weight"] = draws.noise_weight
    rows = landmarks(X)
    blocks = log_likelihoods_of(X[rows], draws)
    densities = by_row(((places, logs.T) for places, logs in blocks), len(rows))
    values |= {
        f"log density at {table.obs_ids[row]}": density
        for row, density in zip(rows, densities, strict=True)
    }
    return {name: value.reshape(shape) for name, value in values.items()}


def landmarks(X: Floats) -> Ints:
    """Return rows evenly spread along the first principal axis of the scaled data.

    Missing values are taken for the mean of their column.
    """
    centred = X - np.nanmean(X, axis=0, dtype=np.float64)
    centred[np.isnan(centred)] = 0.0
    spread = centred.std(axis=0)
    scaled = centred / np.where(spread > 0, spread, 1.0)
    axis = np.linalg.eigh(scaled.T @ scaled)[1][:, -1]
    ranks = np.linspace(0, len(X) - 1, N_LANDMARKS + 2)[1:-1].round().astype(int)
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
    parts = value if n_chains > 1 else halves(value)
    with np.errstate(divide="ignore", invalid="ignore"):  # chains that do not move
        return (
            *moments,
            array_stats.rhat(parts) if parts.shape[1] >= 4 else np.nan,
            array_stats.ess(value, method="bulk"),
            array_stats.ess(value, method="tail", prob=(0.05, 0.95)),
        )


def halves(value: Floats) -> Floats:
    """Cut one chain into two, (1, n_draws) into (2, n_draws // 2)."""
    return value[:, : value.shape[1] // 2 * 2].reshape(2, -1)


def find_solutions(values: dict[str, Floats]) -> Ints:
    """Group chains that describe the same distribution.

    Parameters
    ----------
    values : dict
        Invariants, the log-likelihood first; each (n_chains, n_draws).

    Returns
    -------
    array of int, shape (n_chains,)
        The solution of each chain; 0 is the one with the highest log-likelihood. A
        chain that does not move is a solution of its own.
    """
    stacked = np.stack(list(values.values()), axis=-1)
    if stacked.shape[1] < FEWEST_DRAWS:
        return np.zeros(len(stacked), dtype=np.intp)
    location = np.median(stacked, axis=1)
    deviation = np.abs(stacked - location[:, None])
    spread = MAD_TO_SD * np.median(deviation, axis=1)
    rounding = 1e-9 * np.abs(location).max(axis=0)
    scale = np.maximum(np.median(spread, axis=0), rounding)
    error = np.maximum(spread, scale) / np.sqrt(_chain_sizes(stacked))
    frozen = (spread <= FROZEN * scale).all(axis=1)
    solution, leaders = np.zeros(len(location), dtype=np.intp), []
    for chain in np.argsort(-location[:, 0], kind="stable"):
        apart = np.abs(location[leaders] - location[chain])
        errors = STANDARD_ERRORS * np.hypot(error[leaders], error[chain])
        differ = (apart > np.maximum(SEPARATION * scale, errors)).any(axis=1)
        same = ~differ & (frozen[leaders] == frozen[chain])
        solution[chain] = np.append(same, True).argmax()
        if not same.any():
            leaders.append(chain)
    return solution


def _chain_sizes(stacked: Floats) -> Floats:
    """Return effective numbers of draws of each chain alone, (n_chains, n_values)."""
    from arviz_stats.base.array import array_stats

    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = array_stats.ess(stacked[:, None], chain_axis=1, draw_axis=2)
    return np.clip(np.nan_to_num(sizes, nan=1.0), 1.0, stacked.shape[1])
