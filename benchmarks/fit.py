"""A whole fit against scikit-learn.

Both begin at the same weights, means and precisions (`n_init=1`) and stop where a step
adds less than `tol` to the mean log-likelihood, so they take the same number of steps
and end at the same place: "gap" is what our mean log-likelihood is above theirs. They
run in turns, medians of three. "First" is our first fit of a case; for the very first
one of a process the kernels are read from disk.
"""

import warnings
from collections.abc import Iterator
from itertools import product

import numpy as np
from sklearn.mixture import GaussianMixture as Peer

from bayesgmm import GaussianMixture
from benchmarks.asking import Setting
from benchmarks.em_iteration import describe, make
from benchmarks.results import Row, by_time
from benchmarks.timing import in_turns, timed

TYPES = ["full", "tied", "diag", "spherical"]
LOOSE, TIGHT = 1e-3, 1e-6  # scikit-learn's default, and one near the maximum
# observations, features, components, spread of the groups' means; tolerances
CASES = [((100_000, 5, 5), 1.5, [LOOSE]), ((1_000, 4, 3), 1.5, [LOOSE, TIGHT])]
QUICK = [((500, 2, 2), 1.5, [LOOSE])]
ROUNDS = 3
GOALS = {(100_000, "full", LOOSE): 10}


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


def compare_fits(X, settings, rounds):
    """Return seconds of our first fit, of both by turns, and both last fits."""
    last = {}

    def run(make_estimator):
        last[make_estimator], wall, _ = timed(make_estimator(**settings).fit, X)
        return wall

    first = run(GaussianMixture)
    ours, theirs = in_turns(
        lambda: run(GaussianMixture), lambda: run(Peer), rounds=rounds
    )
    return first, ours, theirs, last[GaussianMixture], last[Peer]


def compare(setting: Setting) -> Iterator[Row]:
    warnings.simplefilter("ignore")
    rounds = 1 if setting.quick else ROUNDS
    for shape, spread, tolerances in QUICK if setting.quick else CASES:
        X, *_ = make(*shape, spread)
        for covariance_type, tol in product(TYPES, tolerances):
            settings = start_of(X, covariance_type, shape[2])
            settings |= {"n_components": shape[2], "covariance_type": covariance_type}
            settings |= {"tol": tol, "max_iter": 1000, "n_init": 1, "reg_covar": 0.0}
            first, ours, theirs, fit, peer = compare_fits(X, settings, rounds)
            yield by_time(
                describe(*shape),
                setting.peer,
                ours,
                theirs,
                GOALS.get((shape[0], covariance_type, tol)),
                type=covariance_type,
                tol=f"{tol:.0e}",
                steps=f"{fit.n_iter_} and {peer.n_iter_}",
                first=f"{first:.2g} s",
                gap=f"{fit.score(X) - peer.score(X):.0e}",
            )


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("fit")
