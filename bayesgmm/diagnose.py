"""A verdict on the draws of a mixture, and the numbers behind it."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.dims import N_COMPONENTS, N_FILLED
from bayesgmm.invariants import convergence, find_solutions, halves, invariants
from bayesgmm.kept import observations_of
from bayesgmm.posterior import (
    APPROXIMATE,
    COMPONENT,
    PARETO_K,
    POSTERIOR,
    RELABELLING,
    SAMPLE_DIMS,
    Draws,
    matching_parameters,
    posterior_group,
    read_draws,
    read_mixtures,
    sample_stat,
)
from bayesgmm.relabel import relabel
from bayesgmm.verdict import Diagnosis

EXTREME = 1 - 1e-12  # beyond it a correlation is 1 to rounding


def diagnose(posterior: xr.DataTree, em: Any = None, X: Any = None) -> Diagnosis:
    """Judge the draws of a mixture.

    What labels cannot change is judged first, then relabelled parameters. Where the
    number of components was drawn there are none of these.

    Parameters
    ----------
    posterior : xarray.DataTree
        Relabelled by `relabel`, or else it is relabelled here to be judged.
    em : GaussianMixture or MixtureParameters, optional
        Gives the optima that its restarts found, and the reference of relabelling.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the data that the posterior holds.

    Returns
    -------
    Diagnosis

    Raises
    ------
    InputError
        If `em` has other components or features, or there are no data.
    """
    original = read_mixtures(posterior, noisy=True)
    table = observations_of(posterior, original.feature_names, X, gappy=True)
    if not original.of_one_size:
        return _diagnose_sizes(posterior, original, table)
    reference = None if em is None else matching_parameters(em, original)
    if RELABELLING not in posterior.children:
        posterior = relabel(posterior, reference=reference, X=table)
    draws = read_draws(posterior, noisy=True)
    values = invariants(draws, table, sample_stat(posterior, "lp"))
    switched, confidence = _relabelling(posterior)
    return Diagnosis(
        invariants=convergence(values),
        parameters=convergence(_flatten(draws)),
        chains=_chains(posterior, values, switched),
        switch_rate=float(switched.mean()),
        confidence=confidence,
        separation=_separation(draws),
        moved=draws.n_chains == 1 and _moved(values),
        approximate=bool(posterior[POSTERIOR].attrs.get(APPROXIMATE, False)),
        pareto_k=float(posterior[POSTERIOR].attrs.get(PARETO_K, np.nan)),
        optima=getattr(em, "optima_", None),
    )


def _diagnose_sizes(posterior, draws: Draws, table) -> Diagnosis:
    values = invariants(draws, table, None)
    group, n_draws = posterior_group(posterior), (draws.n_chains, draws.n_draws)
    sizes = {
        name: group[name].transpose(*SAMPLE_DIMS).values
        for name in (N_COMPONENTS, N_FILLED)
    }
    return Diagnosis(
        invariants=convergence(sizes | values),
        parameters=convergence({}),
        chains=_chains(posterior, values, np.zeros(n_draws)),
        switch_rate=0.0,
        confidence=np.nan,
        separation=np.inf,
        moved=draws.n_chains == 1 and _moved(values),
    )


def _moved(values: dict[str, Floats]) -> bool:
    """Tell whether a single chain went from one solution to another."""
    parts = {name: halves(value) for name, value in values.items()}
    return bool(find_solutions(parts).max() > 0)


def _relabelling(posterior) -> tuple[Floats, float]:
    """Return which draws are not in the commonest order (chain, draw), confidence."""
    group = posterior[RELABELLING].to_dataset()
    permutations = group["permutation"].transpose(*SAMPLE_DIMS, COMPONENT).values
    flat = permutations.reshape(-1, permutations.shape[-1])
    orders, counts = np.unique(flat, axis=0, return_counts=True)
    switched = (permutations != orders[counts.argmax()]).any(axis=-1)
    confidence = group["confidence"].values if "confidence" in group else np.nan
    return switched, float(np.mean(confidence))


def _separation(draws: Draws) -> float:
    """Return the posterior sds between the two components that differ least."""
    variances = np.diagonal(draws.covariances, axis1=-2, axis2=-1)
    i, j = np.triu_indices(draws.n_features, k=1)
    scale = np.sqrt(variances[..., i] * variances[..., j])
    correlations = np.clip(draws.covariances[..., i, j] / scale, -EXTREME, EXTREME)
    features = np.concatenate(
        [draws.means, np.log(variances), np.arctanh(correlations)], axis=-1
    )
    k, l = np.triu_indices(draws.n_components, k=1)  # noqa: E741
    differences = features[:, k] - features[:, l]
    mean, sd = np.abs(differences.mean(axis=0)), differences.std(axis=0)
    constant = np.where(mean > 0, np.inf, 0.0)
    sds = np.divide(mean, sd, out=constant, where=sd > 1e-12 * mean)
    return float(sds.max(axis=-1).min(initial=np.inf))


def _flatten(draws: Draws) -> dict[str, Floats]:
    """Name every weight, mean and covariance, each (n_chains, n_draws)."""
    names, components = draws.feature_names, list(enumerate(draws.components))
    shape = (draws.n_chains, draws.n_draws)
    values = {f"weights[{c}]": draws.weights[:, k] for k, c in components}
    values |= {
        f"means[{c}, {name}]": draws.means[:, k, j]
        for k, c in components
        for j, name in enumerate(names)
    }
    values |= {
        f"covariances[{c}, {names[i]}, {names[j]}]": draws.covariances[:, k, i, j]
        for k, c in components
        for i, j in zip(*np.triu_indices(len(names)), strict=True)
    }
    return {name: value.reshape(shape) for name, value in values.items()}


def _chains(posterior, values, switched) -> pd.DataFrame:
    """Tabulate the chains one by one."""
    group = posterior["posterior"]
    index = group.indexes.get("chain", pd.RangeIndex(len(switched)))
    scores = {
        name: values[name].mean(axis=1)
        for name in ("log_likelihood", "lp")
        if name in values
    }
    diverging = sample_stat(posterior, "diverging")
    diverging = np.zeros(switched.shape) if diverging is None else diverging
    columns = {
        **scores,
        "solution": find_solutions(values),
        "switch_rate": switched.mean(axis=1),
        "n_divergences": diverging.sum(axis=1).astype(int),
    }
    return pd.DataFrame(columns, index=pd.Index(index, name="chain"))
