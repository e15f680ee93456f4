"""Effective draws against Stan and NumPyro.

2,000 rows, 2 features, 3 overlapping components, full covariances, and a prior that all
can do: symmetric Dirichlet weights, normal means given covariances, inverse-Wishart
covariances. Peers are written as their manuals write mixtures: labels summed out, row
by row in Stan, vectorised in NumPyro. All begin at the EM estimate, so that nobody
needs to find the groups. The smallest bulk ESS of weights and means, components ordered
by their first mean, two chains on two cores, warm-up included, compilation told apart.
A peer runs once, right after ours. "Gap" is the most by which mean weights differ.
"""

import time
from collections.abc import Iterator

import arviz_stats as az
import numpy as np

import bayesgmm as bg
from bayesgmm.gibbs import gibbs
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.quantities import name_draws
from bayesgmm.marginal.run import METHODS
from bayesgmm.sampled import Settings
from bayesgmm.target import make_target
from benchmarks.asking import Setting, opened
from benchmarks.posterior import make
from benchmarks.results import Row, by_rate
from benchmarks.timing import timed

N_OBSERVATIONS, N_COMPONENTS, CHAINS = 2000, 3, 2
QUICK = 100
GOALS = {"Stan": 50, "NumPyro": 10}
PEER_DRAWS = {"Stan": 300, "NumPyro": 200}
DRAWS = {"gibbs": (10_000, 1000), "nuts": (1000, 500)}
FEW = (40, 40)


def run_gibbs(X, em, priors, draws, tune):
    """Return draws of weights and means, and wall, processor and compile seconds."""
    target = make_target(X, N_COMPONENTS, priors=priors, init=em)
    begun = time.perf_counter()
    gibbs(target, Settings(10, 10, 1, 1, 0, False))
    compiled = time.perf_counter() - begun
    settings = Settings(draws, tune, CHAINS, CHAINS, 1, False)
    sampled, wall, cpu = timed(lambda: gibbs(target, settings))
    posterior = sampled.groups["posterior"]
    return posterior["weights"], posterior["means"], wall, cpu, compiled


def run_nuts(X, em, priors, draws, tune):
    """Do the same for NUTS."""
    begun = time.perf_counter()
    flat = FlatModel(bg.build_model(X, N_COMPONENTS, priors=priors, init=em))
    log_posterior = flat.log_posterior()
    object.__setattr__(flat, "log_posterior", lambda: log_posterior)
    compiled = time.perf_counter() - begun
    settings = Settings(draws, tune, CHAINS, CHAINS, 1, False)
    sampled, wall, cpu = timed(lambda: METHODS["nuts"](flat, settings))
    posterior = name_draws(flat, sampled).groups["posterior"]
    return posterior["weights"], posterior["means"], wall, cpu, compiled


OURS = {"gibbs": run_gibbs, "nuts": run_nuts}


def tell_peer(X, em, priors):
    """Return what a peer must know."""
    return {
        "X": X,
        "weights": em.weights_,
        "means": em.means_,
        "covariances": em.covariances_,
        "concentration": priors.weights.concentration,
        "location": priors.means.location,
        "shrinkage": priors.means.shrinkage,
        "degrees": priors.covariances.degrees_of_freedom,
        "scale": priors.covariances.scale,
    }


def run_peer(setting, told, draws):
    """Do the same for a peer, in a process of its own Python."""
    with opened(setting.program, setting.peer.lower(), told) as ask:
        found = ask(draws=draws, tune=draws, chains=CHAINS)
    weights, means = (np.array(found[name]) for name in ("weights", "means"))
    return weights, means, *(found[name] for name in ("wall", "cpu", "compiled"))


def in_order(weights, means):
    """Return weights and means of components ordered by their first mean."""
    order = np.argsort(means[..., 0], axis=-1)
    means = np.take_along_axis(means, order[..., None], axis=2)
    return np.take_along_axis(weights, order, axis=2), means


def effective_draws(weights, means):
    """Return the bulk ESS of weights and means, components in order."""
    weights, means = in_order(weights, means)
    flat = np.concatenate([weights, means.reshape(*means.shape[:2], -1)], axis=-1)
    return np.array(
        [az.base.array_stats.ess(flat[..., i]) for i in range(flat.shape[-1])]
    )


def compare(setting: Setting) -> Iterator[Row]:
    X = make(QUICK if setting.quick else N_OBSERVATIONS)
    em = bg.GaussianMixture(N_COMPONENTS, random_state=0).fit(X)
    priors = bg.default_priors(X, N_COMPONENTS, kind="conjugate")
    ours = {
        name: run(X, em, priors, *(FEW if setting.quick else DRAWS[name]))
        for name, run in OURS.items()
    }
    draws = FEW[0] if setting.quick else PEER_DRAWS[setting.peer]
    theirs = run_peer(setting, tell_peer(X, em, priors), draws)
    for name, own in ours.items():
        yield compare_draws(name, own, setting.peer, theirs)


def compare_draws(name, ours, peer, theirs) -> Row:
    """Return the row of one of our samplers and a peer."""
    sides = ours, theirs
    ess = [effective_draws(*side[:2]).min() for side in sides]
    walls, processors, compiled = zip(*(side[2:] for side in sides), strict=True)
    shares = [in_order(*side[:2])[0].mean((0, 1)) for side in sides]
    by_processor = ess[0] / processors[0] / (ess[1] / processors[1])
    return by_rate(
        f"{name}, effective draws",
        peer,
        ess[0] / walls[0],
        ess[1] / walls[1],
        "a second",
        GOALS[peer],
        **{
            "ratio by processor seconds": f"{by_processor:.3g}",
            "smallest ESS": pair(ess),
            "seconds": pair(walls),
            "compiling": pair(compiled),
            "gap": f"{np.abs(shares[0] - shares[1]).max():.0e}",
        },
    )


def pair(values):
    return " and ".join(f"{value:.3g}" for value in values)


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("samplers")
