"""The model's gradient and effective draws against `pm.Mixture`.

10,000 rows, 2 features, 3 components, full covariances. The peer is the same model with
the same priors written with `pm.Mixture` of `pm.MvNormal`, in the two ways its
documentation shows: one batched distribution, and a list of them. All are compiled by
PyMC's default; gradients are timed in turns, medians. Effective draws are the smallest
bulk ESS over weights and means, components ordered by their first mean, per second of
sampling 2 chains of 250 draws by nutpie, without compilation. All start at EM, so that
nobody needs to find the groups.
"""

from collections.abc import Iterator
from statistics import median

import arviz_stats as az
import numpy as np
import nutpie
import pymc as pm

import bayesgmm as bg
from benchmarks.asking import Setting
from benchmarks.results import Row, by_rate, by_time
from benchmarks.timing import timed

N_OBSERVATIONS, N_FEATURES, N_COMPONENTS = 10_000, 2, 3
QUICK = 200
GOAL, ROUNDS, DRAWS, CHAINS = 30, 50, 250, 2
WAYS = {"list": False, "batched": True}
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
    """Return the log-posterior with gradient, near the initial point."""
    function = model.logp_dlogp_function(ravel_inputs=True)
    point = pm.blocking.DictToArrayBijection.map(model.initial_point(0)).data + 0.01
    function(point)
    return lambda: function(point)


def gradient_seconds(models):
    """Return by name the median seconds of one gradient, all models in turns."""
    compiled = {name: compile_gradient(model) for name, model in models.items()}
    turns = [
        {name: timed(run).wall for name, run in compiled.items()} for _ in range(ROUNDS)
    ]
    return {name: median(turn[name] for turn in turns) for name in models}


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


def sample_peer(model, em, draws):
    """Sample by nutpie, at its defaults, from EM without jitter."""
    sds = np.sqrt(np.diagonal(em.covariances_, axis1=1, axis2=2))
    first = {"weights": em.weights_, "means": em.means_, "sds": sds}
    compiled = nutpie.compile_pymc_model(model, initial_points=first, jitter_rvs=set())
    settings = {"draws": draws, "chains": CHAINS, "cores": 2, "progress_bar": False}
    sampled = timed(lambda: nutpie.sample(compiled, seed=1, **settings))
    return effective_draws(sampled.result), sampled.wall


def sample_ours(model, draws):
    settings = {"draws": draws, "chains": CHAINS, "cores": 2, "progress": False}
    tree = bg.sample(model, random_seed=1, **settings)
    return effective_draws(tree), tree["posterior"].attrs["sampling_time"]


def compare(setting: Setting) -> Iterator[Row]:
    n, draws = (QUICK, 20) if setting.quick else (N_OBSERVATIONS, DRAWS)
    X = make(n)
    em = bg.GaussianMixture(N_COMPONENTS, random_state=0).fit(X)
    priors = bg.default_priors(X, N_COMPONENTS)
    own = bg.build_model(X, N_COMPONENTS, priors=priors, init=em)
    peers = {way: peer(X, priors, batched) for way, batched in WAYS.items()}
    took = gradient_seconds({"": own} | peers)
    for way in peers:
        name = f"{setting.peer}, {way}"
        yield by_time("one gradient", name, took[""], took[way], GOAL)
    ours, seconds = sample_ours(own, draws)
    for way, model in peers.items():
        name = f"{setting.peer}, {way}"
        theirs, their_seconds = sample_peer(model, em, draws)
        yield by_rate(
            "effective draws",
            name,
            ours / seconds,
            theirs / their_seconds,
            "a second",
            GOAL,
            **{
                "smallest ESS": f"{ours:.0f} and {theirs:.0f}",
                "seconds": f"{seconds:.1f} and {their_seconds:.1f}",
            },
        )


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("posterior")
