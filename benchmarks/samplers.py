"""Effective draws per second: our Gibbs and NUTS, Stan and NumPyro, the same posterior.

Run `python -m benchmarks.samplers --peers-python PYTHON`, an interpreter that has
pystan 3 and numpyro; without it only our own samplers run.

2,000 rows, 2 features, 3 components, full covariances, and a prior that all can do:
symmetric Dirichlet weights, normal means given covariances, inverse-Wishart
covariances. Peers are written as their manuals write mixtures: labels summed out, row
by row in Stan, vectorised in NumPyro. All begin at the EM estimate, so that nobody
needs to find the groups; components are ordered by their first mean afterwards. Two
chains on two cores, warm-up included, compilation told apart. Wall time depends on what
else runs; processor seconds of all chains do less.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import arviz_stats as az
import numpy as np

import bayesgmm as bg
from bayesgmm.gibbs import gibbs
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.quantities import name_draws
from bayesgmm.marginal.run import METHODS
from bayesgmm.sampled import Settings
from bayesgmm.target import make_target
from benchmarks.posterior import make

N_OBSERVATIONS, N_COMPONENTS, CHAINS = 2000, 3, 2
GOALS = {"stan": 50, "numpyro": 10}


def timed(run):
    """Return what `run` returns, wall seconds and processor seconds of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, time.perf_counter() - wall, time.process_time() - cpu


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
    print(f"  nuts: {sampled.stats['n_steps'].mean():.1f} gradients a draw")
    posterior = name_draws(flat, sampled).groups["posterior"]
    return posterior["weights"], posterior["means"], wall, cpu, compiled


def run_peer(python, name, X, em, priors, draws, tune):
    """Do the same for a peer, in a process of its own Python."""
    with tempfile.TemporaryDirectory() as folder:
        told, found = Path(folder, "told.npz"), Path(folder, "found.npz")
        np.savez(
            told,
            X=X,
            weights=em.weights_,
            means=em.means_,
            covariances=em.covariances_,
            concentration=priors.weights.concentration,
            location=priors.means.location,
            shrinkage=priors.means.shrinkage,
            degrees=priors.covariances.degrees_of_freedom,
            scale=priors.covariances.scale,
            plan=[draws, tune, CHAINS],
        )
        script = Path(__file__).with_name("peers.py")
        done = subprocess.run(
            # -P, because the `select` beside the script is not the library.
            [python, "-P", script, name, told, found],
            capture_output=True,
            text=True,
            cwd=folder,
            env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        )
        if not found.exists():
            print(f"  {name} is not there: {done.stderr.strip()[-400:]}")
            return None
        with np.load(found) as arrays:
            return *(arrays[k] for k in ("weights", "means")), *arrays["seconds"]


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


def tell(name, weights, means, wall, cpu, compiled):
    """Print a line, return effective draws per second of the processor."""
    ess = effective_draws(weights, means)
    n_chains, n_draws = weights.shape[:2]
    mean = in_order(weights, means)[0].mean((0, 1))
    print(
        f"{name:8s} {n_chains} x {n_draws:6d}  ESS min {ess.min():6.0f} median "
        f"{np.median(ess):6.0f}  wall {wall:7.2f} s, cpu {cpu:7.2f} s, compile "
        f"{compiled:5.1f} s  min ESS/wall {ess.min() / wall:8.1f}, /cpu "
        f"{ess.min() / cpu:8.1f}  mean weights {mean.round(4)}"
    )
    return np.array([ess.min() / wall, np.median(ess) / wall, ess.min() / cpu])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", help="interpreter with pystan and numpyro")
    parser.add_argument("--peers", nargs="*", default=["numpyro", "stan"])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--peer-draws", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    X = make(N_OBSERVATIONS)
    em = bg.GaussianMixture(N_COMPONENTS, random_state=0).fit(X)
    priors = bg.default_priors(X, N_COMPONENTS, kind="conjugate")
    draws, rates = options.draws, {}
    for _ in range(options.rounds):
        runs = {
            "gibbs": lambda: run_gibbs(X, em, priors, 10 * draws, draws),
            "nuts": lambda: run_nuts(X, em, priors, draws, draws // 2),
        }
        for name in options.peers if options.peers_python else []:
            runs[name] = lambda name=name: run_peer(
                options.peers_python, name, X, em, priors, *2 * [options.peer_draws]
            )
        for name, run in runs.items():
            found = run()
            if found is not None:
                rates.setdefault(name, []).append(tell(name, *found))
    rates = {name: np.median(each, axis=0) for name, each in rates.items()}
    for peer, goal in GOALS.items():
        for own in ("gibbs", "nuts"):
            if peer in rates:
                ratio = rates[own] / rates[peer]
                print(
                    f"{own:6s} / {peer:8s} min ESS/wall {ratio[0]:7.1f}, median ESS/"
                    f"wall {ratio[1]:7.1f}, min ESS/cpu {ratio[2]:7.1f}, goal {goal}"
                )


if __name__ == "__main__":
    main()
