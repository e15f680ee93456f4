"""`diagnose`: from draws to the numbers behind a verdict."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm._typing import Bools, Floats
from bayesgmm.diagnosis import Diagnosis
from bayesgmm.dims import COMPONENT, N_COMPONENTS, N_FILLED, SAMPLE_DIMS
from bayesgmm.invariants import LOG_LIKELIHOOD, convergence, invariants
from bayesgmm.kept import observations_of
from bayesgmm.label_draws import check_spread
from bayesgmm.monte_carlo import effective_size
from bayesgmm.posterior import (
    APPROXIMATE,
    PARETO_K,
    POSTERIOR,
    RELABELLING,
    Draws,
    matching_parameters,
    posterior_group,
    read_draws,
    read_mixtures,
    sample_stat,
)
from bayesgmm.relabel import relabel, unrelabel
from bayesgmm.relabel.permute import find_switched
from bayesgmm.separation import parameters_by_name, separation, traces
from bayesgmm.solutions import (
    find_frozen,
    find_moves,
    find_repeats,
    find_solutions,
)


def diagnose(posterior: xr.DataTree, em: Any = None, X: Any = None) -> Diagnosis:
    """Judge the draws of a mixture.

    What labels cannot change is judged first, then relabelled parameters. Where the
    number of components was drawn there are none of these. Log-likelihoods are those of
    the fit, with its sample weights and known labels; other rows count once.

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
        If a variable of the posterior is missing or not finite, `em` has other
        components or features, there are no data, or these are replicates of a
        jackknife.
    """
    original = read_mixtures(posterior, noisy=True)
    check_spread(original)
    table = observations_of(posterior, original.feature_names, X, gappy=True)
    if not original.of_one_size:
        return _diagnose_sizes(posterior, original, table)
    reference = None if em is None else matching_parameters(em, original)
    if RELABELLING not in posterior.children:
        posterior = relabel(posterior, reference=reference, X=table)
    original = read_draws(unrelabel(posterior), noisy=True)
    draws = read_draws(posterior, noisy=True)
    values = invariants(draws, table, posterior)
    switched, confidence = _relabelling(posterior)
    return Diagnosis(
        invariants=convergence(values),
        unrelabelled=convergence(parameters_by_name(original)),
        parameters=convergence(parameters_by_name(draws)),
        chains=_chains(posterior, values, switched),
        switch_rate=float(switched.mean()),
        confidence=confidence,
        separation=separation(draws),
        approximate=bool(posterior[POSTERIOR].attrs.get(APPROXIMATE, False)),
        pareto_k=float(posterior[POSTERIOR].attrs.get(PARETO_K, np.nan)),
        optima=_with_gaps(getattr(em, "optima_", None)),
        traces=traces(original, draws),
    )


def _diagnose_sizes(posterior, draws: Draws, table) -> Diagnosis:
    values = invariants(draws, table, posterior)
    group, n_draws = posterior_group(posterior), (draws.n_chains, draws.n_draws)
    sizes = {
        name: group[name].transpose(*SAMPLE_DIMS).values
        for name in (N_COMPONENTS, N_FILLED)
    }
    return Diagnosis(
        invariants=convergence(sizes | values),
        unrelabelled=convergence({}),
        parameters=convergence({}),
        chains=_chains(posterior, values, np.zeros(n_draws, dtype=bool)),
        switch_rate=0.0,
        confidence=np.nan,
        separation=np.inf,
    )


def _relabelling(posterior) -> tuple[Bools, float]:
    """Return which draws are not in the commonest order (chain, draw), confidence."""
    group = posterior[RELABELLING].to_dataset()
    permutations = group["permutation"].transpose(*SAMPLE_DIMS, COMPONENT).values
    confidence = group["confidence"].values if "confidence" in group else np.nan
    return find_switched(permutations), float(np.mean(confidence))


def _chains(posterior, values: dict[str, Floats], switched: Bools) -> pd.DataFrame:
    """Tabulate the chains one by one."""
    group = posterior[POSTERIOR]
    index = group.indexes.get("chain", pd.RangeIndex(len(switched)))
    scores = {
        name: values[name].mean(axis=1)
        for name in (LOG_LIKELIHOOD, "lp")
        if name in values
    }
    diverging = sample_stat(posterior, "diverging")
    diverging = np.zeros(switched.shape) if diverging is None else diverging
    columns = {
        **scores,
        "ess": effective_size(values[LOG_LIKELIHOOD][:, None], "bulk"),
        "solution": find_solutions(values),
        "frozen": find_frozen(values),
        "repeats": find_repeats(values),
        "moved": find_moves(values),
        "switch_rate": switched.mean(axis=1),
        "n_divergences": diverging.sum(axis=1).astype(int),
    }
    return pd.DataFrame(columns, index=pd.Index(index, name="chain"))


def _with_gaps(optima: pd.DataFrame | None) -> pd.DataFrame | None:
    """Say how far optima are below the first, which EM gave."""
    if optima is None:
        return None
    scores = optima["log_likelihood"]
    return optima.assign(gap=scores.iloc[:1].max() - scores)
