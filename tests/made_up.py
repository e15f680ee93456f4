"""A made-up analysis: draws around a mixture that is written down here."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import synthetic
import xarray as xr
from scipy.stats import wishart

from bayesgmm import datasets
from bayesgmm.column_information import column_information
from bayesgmm.compare import compare
from bayesgmm.em import Status
from bayesgmm.estimator import GaussianMixture
from bayesgmm.membership import membership
from bayesgmm.parameters import MixtureParameters
from bayesgmm.partition_stability import Stability
from bayesgmm.predictive_check import predictive_check
from bayesgmm.profile import profile
from bayesgmm.validation import check_table
from bayesgmm.verdict import Verdict


def faithful_parameters() -> MixtureParameters:
    """Return a mixture close to the maximum-likelihood fit of Old Faithful."""
    return MixtureParameters(
        weights=np.array([0.356, 0.644]),
        means=np.array([[2.036, 54.48], [4.290, 79.97]]),
        covariances=np.array(
            [[[0.0692, 0.4352], [0.4352, 33.70]], [[0.1700, 0.9406], [0.9406, 36.05]]]
        ),
        covariance_type="full",
        feature_names=("eruptions", "waiting"),
    )


def made_up_posterior(
    parameters: MixtureParameters, n_observations: int, n_draws: int = 100
) -> xr.DataTree:
    """Return two chains, as if each group were fitted alone to its share of rows."""
    rng = np.random.default_rng(1)
    k, d = parameters.means.shape
    shape = (2, n_draws)
    weights = rng.dirichlet(n_observations * parameters.weights, size=shape)
    means = np.empty((*shape, k, d))
    covariances = np.empty((*shape, k, d, d))
    for c in range(k):
        count = n_observations * parameters.weights[c]
        inverse = np.linalg.inv(parameters.covariances[c] * count)
        drawn = wishart(count, inverse).rvs(2 * n_draws, random_state=rng)
        covariances[:, :, c] = np.linalg.inv(np.reshape(drawn, (*shape, d, d)))
        factor = np.linalg.cholesky(covariances[:, :, c] / count)
        noise = factor @ rng.normal(size=(*shape, d, 1))
        means[:, :, c] = parameters.means[c] + noise[..., 0]
    names = list(parameters.feature_names)
    dims = {
        "weights": ("component",),
        "means": ("component", "feature"),
        "covariances": ("component", "feature", "feature_bis"),
    }
    values = {"weights": weights, "means": means, "covariances": covariances}
    group = xr.Dataset(
        {name: (("chain", "draw", *dims[name]), x) for name, x in values.items()},
        coords={
            "chain": [0, 1],
            "draw": np.arange(n_draws),
            "component": np.arange(k),
            "feature": names,
            "feature_bis": names,
        },
    )
    return synthetic.resolved(xr.DataTree.from_dict({"posterior": group}))


def made_up_diagnosis() -> SimpleNamespace:
    """Return what `diagnose` would say about chains that agree."""
    good = {"r_hat": 1.001, "ess_bulk": 1834.0, "ess_tail": 1502.0}
    worse = {"r_hat": 1.013, "ess_bulk": 1203.0, "ess_tail": 977.0}
    return SimpleNamespace(
        verdict=Verdict.CHAINS_AGREE,
        sentence="The chains agree, and no labels switched.",
        invariants=pd.DataFrame([good], index=["log_likelihood"]),
        parameters=pd.DataFrame([good, worse], index=["weights[0]", "weights[1]"]),
        chains=pd.DataFrame(
            {
                "log_likelihood": [-1133.1, -1133.4],
                "solution": [0, 0],
                "switch_rate": [0.0, 0.0],
                "n_divergences": [0, 0],
            }
        ),
        n_divergences=0,
        switch_rate=0.0,
        optima=pd.DataFrame(
            {"log_likelihood": [-1130.26, -1145.0], "gap": [0.0, 14.74]}
        ).assign(spurious=False),
    )


def made_up_stability(parameters: MixtureParameters) -> Stability:
    """Return what `partition_stability` would say, the last group being unsure."""
    n, index = parameters.n_components, pd.Index(parameters.components)
    similarity = np.append(np.full(n - 1, 0.97), 0.61)
    groups = pd.DataFrame(
        {
            "rows": 272 * parameters.weights,
            "similarity": similarity,
            "lower": similarity - 0.02,
            "upper": similarity + 0.02,
            "dissolved": np.append(np.zeros(n - 1), 0.4),
        },
        index,
    )
    names = ["EM", "chain 0", "chain 1"]
    chains = pd.DataFrame([[1, 0.98, 0.99], [0.98, 1, 0.96], [0.99, 0.96, 1]])
    chains = chains.set_axis(names, axis=0).set_axis(names, axis=1)
    return Stability(np.array([0.9, 0.95, 1.0]), groups, chains, 0)


def made_up_analysis(X: pd.DataFrame, parameters: MixtureParameters) -> SimpleNamespace:
    """Return what `fit` would, without fitting."""
    table, posterior = check_table(X), made_up_posterior(parameters, len(X))
    em = GaussianMixture.from_parameters(parameters)
    em.log_likelihood_, em.status_ = -1130.264, Status.CONVERGED
    return SimpleNamespace(
        data=table,
        described=table,
        em=em,
        selection=None,
        priors="weights ~ Dirichlet(1)",
        posterior=posterior,
        diagnosis=made_up_diagnosis(),
        membership=membership(posterior, X),
        comparison=compare(em, posterior, X),
        profile=profile(posterior, X=X, population=True),
        columns=column_information(posterior, X=X),
        check=predictive_check(posterior, X),
        stability=made_up_stability(parameters),
        random_seed=1,
        settings={"n_components": parameters.n_components, "draws": 100},
        versions={"bayesgmm": "0.1.0", "pymc": "6.4.0"},
        seconds={"em": 0.1, "sample": 12.0},
    )


@cache
def faithful_analysis() -> SimpleNamespace:
    """Return a made-up analysis of Old Faithful, which nobody may change."""
    return made_up_analysis(datasets.load("faithful"), faithful_parameters())
