"""One EM iteration on rows with gaps against the same rows without.

Run `python -m benchmarks.missing_values`.

An iteration is the pass, the M-step, its gradient and the new Cholesky factors, from
the same parameters, on all cores, in turns; medians are compared. Patterns of missing
columns are drawn for whole rows, so that there are as many as stated, one of them
without gaps.
"""

import argparse
import platform
from functools import partial

import numpy as np

from bayesgmm.covariances import covariance_family
from bayesgmm.incomplete import find_patterns, observe
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import Objective
from benchmarks.em_iteration import make
from benchmarks.machine import cores, cpu_name
from benchmarks.timing import in_turns, seconds

# observations, features, components, patterns
CASES = [
    (100_000, 5, 5, 20),
    (100_000, 10, 5, 20),
    (100_000, 10, 5, 500),
    (10_000, 20, 3, 5000),
]


def with_gaps(X, n_patterns, seed=0):
    """Return rows of which a fifth of the cells are missing, in so many patterns."""
    rng = np.random.default_rng(seed)
    patterns = np.zeros((1, X.shape[1]), dtype=bool)
    while len(patterns) < n_patterns:
        more = rng.random((2 * n_patterns, X.shape[1])) < 0.2
        more = more[~more.all(axis=1)]
        _, first = np.unique(np.r_[patterns, more], axis=0, return_index=True)
        patterns = np.r_[patterns, more][np.sort(first)]
    which = rng.integers(n_patterns, size=len(X))
    which[:n_patterns] = np.arange(n_patterns)
    return np.where(patterns[:n_patterns][which], np.nan, X)


def compare(n_observations, n_features, n_components, n_patterns, rounds):
    """Return median seconds of an iteration without and with gaps."""
    X, weights, means, covariances = make(n_observations, n_features, n_components, 1.5)
    names = tuple(f"x{j}" for j in range(n_features))
    at = MixtureParameters(weights, means, covariances, "full", names)
    gaps = with_gaps(X, n_patterns)
    assert sum(1 for _ in find_patterns(gaps)) == n_patterns
    family = covariance_family("full")
    reference = family.estimate(np.cov(X.T)[None], np.ones(1))[0]
    objectives = [Objective(observe(rows), reference) for rows in (X, gaps)]
    whole, gappy = (partial(objective.step, at) for objective in objectives)
    return in_turns(lambda: seconds(whole), lambda: seconds(gappy), rounds=rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(
        f"{cpu_name()}, {cores()} cores; Python {platform.python_version()}, "
        f"NumPy {np.__version__}; medians of {rounds}"
    )
    print("observations features components patterns complete ms  gaps ms ratio")
    for case in CASES:
        whole, gaps = compare(*case, rounds)
        print(
            "{:12d} {:8d} {:10d} {:8d}".format(*case),
            f"{whole * 1e3:11.1f} {gaps * 1e3:8.1f} {gaps / whole:5.2f}",
        )


if __name__ == "__main__":
    main()
