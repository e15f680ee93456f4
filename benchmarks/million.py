"""An exact posterior of a million rows by Gibbs sampling.

Run `python -m benchmarks.million`. 1,000,000 rows, 5 features, 5 overlapping
components, the conjugate default priors. The goal: less than ten minutes on two cores
to an R-hat below 1.01 of quantities that do not depend on labels, and never more than
1 GB of memory beyond the data. Rows are shared by threads, chains take turns. Wall time
depends on what else runs; half the processor seconds is what two free cores need.
"""

import argparse
import time

import arviz_stats as az
import numpy as np

import bayesgmm as bg
from benchmarks.machine import peak

N_FEATURES = N_COMPONENTS = 5


def make(n_observations, seed=0):
    """Draw five groups whose means are 3 standard deviations apart or so."""
    rng = np.random.default_rng(seed)
    weights = np.array([0.3, 0.25, 0.2, 0.15, 0.1])
    means = rng.normal(scale=1.5, size=(N_COMPONENTS, N_FEATURES))
    roots = np.eye(N_FEATURES) + 0.3 * rng.normal(size=(N_COMPONENTS, N_FEATURES, 1))
    labels = rng.choice(N_COMPONENTS, size=n_observations, p=weights)
    X = rng.normal(size=(n_observations, N_FEATURES))
    for k in range(N_COMPONENTS):
        mine = labels == k
        X[mine] = means[k] + X[mine] @ roots[k].T
    return X


def invariants(tree):
    """Return quantities that no order of the components changes, (chain, draw)."""
    posterior = tree["posterior"]
    weights, covariances = posterior["weights"].values, posterior["covariances"].values
    means = posterior["means"].values
    whole = np.einsum("...k,...ki->...i", weights, means)
    return {
        "log likelihood": tree["sample_stats"]["log_likelihood_total"].values,
        "largest weight": weights.max(-1),
        "smallest weight": weights.min(-1),
        "entropy of weights": -(weights * np.log(weights)).sum(-1),
        "first feature's mean": whole[..., 0],
        "spread of means": ((means - whole[..., None, :]) ** 2).sum((-1, -2)),
        "log volumes": np.linalg.slogdet(covariances)[1].sum(-1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=100)
    parser.add_argument("--chains", type=int, default=4)
    options = parser.parse_args()
    small = make(100_000)[:50_000]
    bg.sample(small, 5, method="gibbs", draws=2, tune=2, chains=2, progress=False)
    X = make(options.rows)
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    em = bg.GaussianMixture(N_COMPONENTS, random_state=0).fit(X)
    fitted = time.perf_counter() - wall
    tree = bg.sample(
        X,
        N_COMPONENTS,
        method="gibbs",
        init=em,
        draws=options.draws,
        tune=options.tune,
        chains=options.chains,
        random_seed=1,
        progress=False,
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{options.chains} x {options.draws} draws after {options.tune}: wall "
        f"{wall:.0f} s (EM {fitted:.0f} s), processor {cpu:.0f} s, so {cpu / 2:.0f} s "
        f"on two free cores (goal 600 s)"
    )
    print(
        f"memory beyond the data: {peak() - before:.0f} MB (data {X.nbytes / 1e6:.0f} "
        "MB; goal 1,000 MB)"
    )
    for name, draws in invariants(tree).items():
        r_hat = az.base.array_stats.rhat(draws)
        ess = az.base.array_stats.ess(draws)
        print(f"  {name:22s} R-hat {r_hat:.4f}  bulk ESS {ess:6.0f}")


if __name__ == "__main__":
    main()
