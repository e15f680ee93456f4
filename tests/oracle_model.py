"""Old Faithful written with PyMC's own `pm.Mixture`: the oracle of the sampling tests.

    python tests/oracle_model.py

runs it for a long time (most of it compilation) and prints the posterior summary that
is kept in `golden/faithful_pm_mixture.json`. Nothing of `bayesgmm` but the data set
and the numbers of the priors is used.
"""

import json

import arviz as az
import numpy as np
import pymc as pm


def build(X, priors, n_components=2):
    """Return the model with the priors of `default_priors`, full covariances."""
    d = X.shape[1]
    with pm.Model() as model:
        weights = pm.Dirichlet(
            "weights", np.full(n_components, priors.weights.concentration)
        )
        means = pm.Normal(
            "means", priors.means.location, priors.means.scale, shape=(n_components, d)
        )
        sds = pm.LogNormal(
            "standard_deviations",
            priors.covariances.sds_log_location,
            priors.covariances.sds_log_scale,
            shape=(n_components, d),
        )
        factor = pm.LKJCorr(
            "factor", n=d, eta=priors.covariances.correlations_eta, size=n_components
        )
        cholesky = sds[:, :, None] * factor
        components = [
            pm.MvNormal.dist(mu=means[k], chol=cholesky[k]) for k in range(n_components)
        ]
        pm.Mixture("x", weights, components, observed=X)
    return model


def summarise(tree):
    """Return means and sds of parameters, components ordered by their first mean."""
    draws = tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
    order = np.argsort(draws["means"].values[:, 0], axis=0)
    take = np.take_along_axis
    columns = {
        "weights": take(draws["weights"].values, order, 0),
        "means": take(draws["means"].values, order[:, None], 0),
        "standard_deviations": take(
            draws["standard_deviations"].values, order[:, None], 0
        ),
        "partial_correlations": take(
            draws["factor"].values[:, 1, :1], order[:, None], 0
        ),
    }
    return {
        name: {"mean": x.mean(-1).tolist(), "sd": x.std(-1).tolist()}
        for name, x in columns.items()
    }


def main():
    import bayesgmm as bg

    X = bg.datasets.load("faithful")
    model = build(X.to_numpy(), bg.default_priors(X, 2))
    start = {"means": np.array([[2.0, 55.0], [4.3, 80.0]])}
    with model:
        tree = pm.sample(
            5000, tune=1500, chains=4, random_seed=1, initvals=start, progressbar=False
        )
    print(az.summary(tree, var_names=["~factor"]))
    print(json.dumps(summarise(tree)))


if __name__ == "__main__":
    main()
