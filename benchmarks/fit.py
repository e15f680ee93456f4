"""Whole fits against scikit-learn: same start, same rule to stop, same tolerance.

Run `python -m benchmarks.fit`.

Both begin at the same weights, means and precisions (`n_init=1`) and stop where a step
adds less than `tol` to the mean log-likelihood. They run in turns; the first fit of a
case, which for the first case reads the kernels from disk, is told apart.
"""

import argparse
import platform
import time
import warnings
from statistics import median

import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture as Peer

from bayesgmm import GaussianMixture
from bayesgmm.kernels.threads import available_cores
from benchmarks.em_iteration import cpu_name, make

# observations, features, components, spread of the groups' means
CASES = [(100_000, 5, 5, 1.5), (1_000, 4, 3, 1.5)]
TYPES = ["full", "tied", "diag", "spherical"]
# scikit-learn's default, and one that comes near the maximum.
TOLERANCES = [1e-3, 1e-6]


def start_of(X, covariance_type, n_components):
    """Return starting values in scikit-learn's shapes: rows drawn, data's variances."""
    rng = np.random.default_rng(1)
    d, k = X.shape[1], n_components
    precisions = {
        "full": np.tile(np.linalg.inv(np.cov(X.T)), (k, 1, 1)),
        "tied": np.linalg.inv(np.cov(X.T)),
        "diag": np.tile(1 / X.var(axis=0), (k, 1)),
        "spherical": np.full(k, d / X.var(axis=0).sum()),
    }
    return {
        "weights_init": np.full(k, 1 / k),
        "means_init": X[rng.choice(len(X), k, replace=False)],
        "precisions_init": precisions[covariance_type],
    }


def seconds(make_estimator, X):
    """Return how long a fit takes, and the fit."""
    time.sleep(0.1)  # the other side's threads spin for a while after their work
    start = time.perf_counter()
    estimator = make_estimator().fit(X)
    return time.perf_counter() - start, estimator


def compare(X, covariance_type, n_components, tol, rounds):
    """Return seconds of our first fit, medians of both, and both last fits."""
    settings = start_of(X, covariance_type, n_components)
    settings |= {"n_components": n_components, "covariance_type": covariance_type}
    settings |= {"tol": tol, "max_iter": 1000, "n_init": 1, "reg_covar": 0.0}
    first, _ = seconds(lambda: GaussianMixture(**settings), X)
    ours, theirs = [], []
    for _ in range(rounds):
        time_taken, fit = seconds(lambda: GaussianMixture(**settings), X)
        ours.append(time_taken)
        time_taken, peer = seconds(lambda: Peer(**settings), X)
        theirs.append(time_taken)
    return first, median(ours), median(theirs), fit, peer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"{cpu_name()}, {available_cores()} cores; Python {platform.python_version()}, "
        f"NumPy {np.__version__}, scikit-learn {sklearn.__version__}; medians of "
        f"{options.rounds}"
    )
    print(
        "observations features components type      tol    steps  theirs first ms",
        end="",
    )
    print("  ours ms sklearn ms ratio    gap")
    for *shape, spread in CASES:
        X, *_ = make(*shape, spread)
        for covariance_type in TYPES:
            for tol in TOLERANCES:
                first, ours, theirs, fit, peer = compare(
                    X, covariance_type, shape[2], tol, options.rounds
                )
                gap = fit.score(X) - peer.score(X)
                print(
                    "{:12d} {:8d} {:10d}".format(*shape),
                    f"{covariance_type:9s} {tol:.0e}",
                    f"{fit.n_iter_:6d} {peer.n_iter_:7d}",
                    f"{first * 1e3:8.1f} {ours * 1e3:8.1f} {theirs * 1e3:10.1f}",
                    f"{theirs / ours:5.1f} {gap:6.0e}",
                )


if __name__ == "__main__":
    main()
