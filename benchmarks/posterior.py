"""The model's gradient and effective draws per second against `pm.Mixture`.

Run `python -m benchmarks.posterior`; most of the time goes into compiling the peer.

The peer is the same model with the same priors written with `pm.Mixture` of
`pm.MvNormal`, in the two ways its documentation shows: one batched distribution, and a
list of them. Both models are compiled by PyMC's default and the gradients are timed in
turns. Effective draws are the smallest bulk ESS over weights and means, components
ordered by their first mean, per second of sampling; compilation is told apart. The
peer starts at EM too, so that it need not find the groups.
"""

import argparse
import platform
import time
from statistics import median

import arviz_stats as az
import numpy as np
import nutpie
import pymc as pm

import bayesgmm as bg
from benchmarks.em_iteration import cpu_name

N_OBSERVATIONS, N_FEATURES, N_COMPONENTS = 10_000, 2, 3
MEANS = np.array([[-2.5, 0.0], [0.0, 2.0], [2.5, -1.0]])


def make(n_observations, seed=0):
    """Draw three overlapping groups."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(N_COMPONENTS, size=n_observations, p=[0.5, 0.3, 0.2])
    return MEANS[labels] + rng.normal(size=(n_observations, N_FEATURES))


def peer(X, priors, batched):
    """Write the model of `build_model` with `pm.Mixture`."""
    k, d = N_COMPONENTS, N_FEATURES
    with pm.Model() as model:
        weights = pm.Dirichlet("weights", np.full(k, priors.weights.concentration))
        means = pm.Normal(
            "means", priors.means.location, priors.means.scale, shape=(k, d)
        )
        sds = pm.LogNormal(
            "sds",
            priors.covariances.sds_log_location,
            priors.covariances.sds_log_scale,
            shape=(k, d),
        )
        factors = pm.LKJCorr(
            "factors", n=d, eta=priors.covariances.correlations_eta, size=k
        )
        lower = sds[:, :, None] * factors
        if batched:
            components = pm.MvNormal.dist(mu=means, chol=lower)
        else:
            components = [
                pm.MvNormal.dist(mu=means[i], chol=lower[i]) for i in range(k)
            ]
        pm.Mixture("x", weights, components, observed=X)
    return model


def compile_gradient(model):
    """Return the log-posterior with gradient, at the initial point, and seconds."""
    start = time.perf_counter()
    function = model.logp_dlogp_function(ravel_inputs=True)
    point = pm.blocking.DictToArrayBijection.map(model.initial_point(0)).data + 0.01
    function(point)
    return lambda: function(point), time.perf_counter() - start


def compare_gradients(models, rounds):
    """Print median milliseconds of one gradient, all models in turns."""
    compiled = {name: compile_gradient(model) for name, model in models.items()}
    seconds = {name: [] for name in models}
    for _ in range(rounds):
        for name, (run, _) in compiled.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    best = median(seconds["bayesgmm"])
    print("gradient                    ms   ratio   compile s")
    for name, (_, compile_seconds) in compiled.items():
        middle = median(seconds[name])
        print(
            f"{name:22s} {middle * 1e3:7.3f} {middle / best:7.1f} "
            f"{compile_seconds:11.1f}"
        )


def effective_draws(tree):
    """Return the smallest bulk ESS of weights and means, components in order."""
    group = tree["posterior"]
    means, weights = group["means"].values, group["weights"].values
    order = np.argsort(means[..., 0], axis=-1)
    means = np.take_along_axis(means, order[..., None], axis=2)
    weights = np.take_along_axis(weights, order, axis=2)
    flat = np.concatenate([weights, means.reshape(*means.shape[:2], -1)], axis=-1)
    ess = [az.base.array_stats.ess(flat[..., i]) for i in range(flat.shape[-1])]
    return float(np.min(ess))


def sample_peer(model, em, draws, chains):
    """Sample by nutpie, at its defaults, from EM without jitter."""
    start = time.perf_counter()
    compiled = nutpie.compile_pymc_model(
        model,
        initial_points={
            "weights": em.weights_,
            "means": em.means_,
            "sds": np.sqrt(np.diagonal(em.covariances_, axis1=1, axis2=2)),
        },
        jitter_rvs=set(),
    )
    compiled_at = time.perf_counter()
    tree = nutpie.sample(
        compiled, draws=draws, chains=chains, cores=2, seed=1, progress_bar=False
    )
    return tree, time.perf_counter() - compiled_at, compiled_at - start


def sample_ours(model, draws, chains):
    start = time.perf_counter()
    tree = bg.sample(
        model, draws=draws, chains=chains, cores=2, random_seed=1, progress=False
    )
    seconds = tree["posterior"].attrs["sampling_time"]
    return tree, seconds, time.perf_counter() - start - seconds


def compare_sampling(models, em, draws, chains):
    """Print effective draws per second of sampling."""
    rows = {}
    for name, model in models.items():
        if name == "bayesgmm":
            tree, seconds, rest = sample_ours(model, draws, chains)
        else:
            tree, seconds, rest = sample_peer(model, em, draws, chains)
        rows[name] = effective_draws(tree), seconds, rest
    ess, seconds, _ = rows["bayesgmm"]
    best = ess / seconds
    head = f"sampling, {chains} x {draws}"
    print(f"{head:22s}      min ESS   seconds   ESS/s   ratio   rest s")
    for name, (ess, seconds, rest) in rows.items():
        rate = ess / seconds
        print(
            f"{name:22s} {ess:12.0f} {seconds:9.1f} {rate:7.2f} {best / rate:7.1f} "
            f"{rest:8.1f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--draws", type=int, default=250)
    parser.add_argument("--chains", type=int, default=2)
    options = parser.parse_args()
    X = make(N_OBSERVATIONS)
    em = bg.GaussianMixture(N_COMPONENTS, random_state=0).fit(X)
    priors = bg.default_priors(X, N_COMPONENTS)
    models = {
        "bayesgmm": bg.build_model(X, N_COMPONENTS, priors=priors, init=em),
        "pm.Mixture, list": peer(X, priors, batched=False),
        "pm.Mixture, batched": peer(X, priors, batched=True),
    }
    print(
        f"{cpu_name()}; Python {platform.python_version()}, PyMC {pm.__version__}, "
        f"nutpie {nutpie.__version__}; {N_OBSERVATIONS} x {N_FEATURES}, "
        f"{N_COMPONENTS} components, full covariances"
    )
    compare_gradients(models, options.rounds)
    compare_sampling(models, em, options.draws, options.chains)


if __name__ == "__main__":
    main()
