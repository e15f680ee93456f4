"""`stack_chains`: weights for chains that found different solutions."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import minimize
from scipy.special import logsumexp

from bayesgmm._typing import Floats, Ints
from bayesgmm.dims import CHAIN, DRAW, SAMPLE_DIMS
from bayesgmm.errors import PosteriorWarning
from bayesgmm.invariants import invariants
from bayesgmm.kept import fitted_observations, fitted_sample_weight
from bayesgmm.loo import loo
from bayesgmm.posterior import read_draws
from bayesgmm.solutions import find_solutions

SEED = 2022


@dataclass(frozen=True, slots=True, eq=False)
class Stacking:
    """Chains weighted by how well they predict together.

    Attributes
    ----------
    weights : pandas.Series
        By chain; they sum to one. Chains of one solution share its weight.
    table : pandas.DataFrame
        By solution, the one of highest log-likelihood first: its ``chains``,
        ``weight``, ``elpd`` (higher is better) and number of rows with a ``bad_k``, for
        which the elpd is not known well.
    elpd : float
        Leave-one-out log score of the weighted chains.
    posterior : xarray.DataTree
        One chain of draws, taken from the chains by their weights.
    """

    weights: pd.Series
    table: pd.DataFrame
    elpd: float
    posterior: xr.DataTree

    def __str__(self) -> str:
        table = self.table.to_string(float_format="{:.4g}".format)
        return f"Stacked chains predict with an elpd of {self.elpd:.1f}\n{table}"


def stack_chains(posterior: xr.DataTree, X: Any = None) -> Stacking:
    """Weight chains that do not mix so that together they predict best.

    Where chains found different solutions that are all genuine, neither their mixture
    with equal weights nor the best one alone is the answer. Stacking [1]_ maximises the
    leave-one-out log score of the weighted predictive density, marginal over labels.
    The weights are not those of the modes in the posterior: they are what predicts.

    Parameters
    ----------
    posterior : xarray.DataTree
        Several chains, for example of ``sample(model, init="dispersed")``.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        The observations of the fit, needed only if the posterior does not hold them.

    Returns
    -------
    Stacking

    Raises
    ------
    InputError
        If `X` is not what was fitted, or a chain has too few draws; see `loo`.

    References
    ----------
    .. [1] Y. Yao, A. Vehtari and A. Gelman (2022), *Stacking for non-mixing Bayesian
       computations: the curse and blessing of multimodal posteriors*, JMLR 23(79).
    """
    draws = read_draws(posterior)
    table = fitted_observations(posterior, draws.feature_names, X)
    values = invariants(draws, table, posterior)
    solution = find_solutions(values)
    results = [_loo_of(posterior, solution == s, table) for s in np.unique(solution)]
    scores = np.stack([np.ravel(result.elpd_i) for result in results])
    rows = fitted_sample_weight(posterior, table.n_observations)
    # A row of weight w counts w times in its elpd.
    scores = np.divide(scores, rows, out=np.zeros_like(scores), where=rows > 0)
    weights = stacking_weights(scores, rows)
    names = pd.Index(posterior["posterior"][CHAIN].values, name=CHAIN)
    mixed = np.asarray(logsumexp(scores, b=weights[:, None], axis=0))
    # Of many rows only some were left out; their sum was corrected for that.
    scale = sum(r.elpd for r in results) / float((rows * scores).sum())
    per_chain = weights[solution] / np.bincount(solution)[solution]
    return Stacking(
        weights=pd.Series(per_chain, index=names, name="weight"),
        table=_tabulate(results, weights, solution, names),
        elpd=float(scale * (rows @ mixed)),
        posterior=_resample(posterior, per_chain),
    )


def stacking_weights(scores: Floats, rows: Floats) -> Floats:
    """Return the weights whose mixture of densities has the highest mean log.

    Parameters
    ----------
    scores : array of shape (n_models, n_rows)
        Log predictive densities.
    rows : array of shape (n_rows,)
        How often each row counts.

    Returns
    -------
    array of shape (n_models,)
        Not negative; they sum to one.
    """
    n_models = len(scores)
    densities = np.exp(scores - scores.max(axis=0))
    share = rows / rows.sum()

    def loss(weights):
        mixed = np.maximum(weights @ densities, np.finfo(float).tiny)
        return -share @ np.log(mixed), -densities @ (share / mixed)

    found = minimize(
        loss,
        np.full(n_models, 1.0 / n_models),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n_models,
        constraints={
            "type": "eq",
            "fun": lambda w: w.sum() - 1.0,
            "jac": np.ones_like,
        },
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    weights = np.clip(found.x, 0.0, None)
    return weights / weights.sum()


def _loo_of(posterior, chains, table):
    """Score the draws of some chains; what is not known well goes into the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        return loo(posterior.isel({CHAIN: np.flatnonzero(chains)}), table)


def _tabulate(results, weights, solution: Ints, names) -> pd.DataFrame:
    rows = [
        {
            "chains": ", ".join(map(str, names[solution == s])),
            "weight": weights[s],
            "elpd": float(result.elpd),
            "bad_k": int((np.ravel(result.pareto_k) > result.good_k).sum()),
        }
        for s, result in enumerate(results)
    ]
    return pd.DataFrame(rows).rename_axis("solution")


def _resample(posterior: xr.DataTree, weights: Floats) -> xr.DataTree:
    """Take draws from the chains in proportion, evenly along each chain."""
    n_chains, n_draws = len(weights), posterior["posterior"].sizes[DRAW]
    rng = np.random.default_rng(SEED)
    # One uniform number for all places: counts differ from their shares by less than 1.
    places = (rng.random() + np.arange(n_draws)) / n_draws * weights.sum()
    chain = np.minimum(np.searchsorted(np.cumsum(weights), places), n_chains - 1)
    draw = np.empty(n_draws, dtype=np.intp)
    for c in range(n_chains):
        here = np.flatnonzero(chain == c)
        draw[here] = np.linspace(0, n_draws - 1, len(here)).round().astype(np.intp)
    order = rng.permutation(n_draws)
    return posterior.map_over_datasets(_take, chain[order], draw[order])


def _take(group: xr.Dataset, chain: Ints, draw: Ints) -> xr.Dataset:
    if not set(SAMPLE_DIMS) <= set(group.dims):
        return group
    places = {
        CHAIN: xr.DataArray(chain, dims=DRAW),
        DRAW: xr.DataArray(draw, dims=DRAW),
    }
    taken = group.isel(places).drop_vars(SAMPLE_DIMS, errors="ignore")
    taken = taken.assign_coords({DRAW: np.arange(len(draw))})
    return taken.expand_dims({CHAIN: [0]})
