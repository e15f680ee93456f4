"""One EM iteration against scikit-learn.

Full covariances; ours is the pass, the M-step and the new Cholesky factors, theirs
`_e_step` and `_m_step` of `GaussianMixture`, which contain the same work. Both start
every time from the same parameters, on all cores, and do iterations one after another
for half a second at a time, in turns, with a pause between; medians of seven. The
groups' means are drawn with the standard deviation in the column "spread", in units of
the groups' own: the closer the groups, the more rows count in several of them. "Gap" is
the most by which new means differ. The memory is what the peak of a fresh process grows
by during one iteration of ours.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.mixture import GaussianMixture

from bayesgmm.covariances import covariance_family
from bayesgmm.kernels.reduce import one_pass
from bayesgmm.quadratics import build_quadratics, invert_cholesky
from bayesgmm.statistics import moments
from benchmarks.asking import Setting
from benchmarks.machine import in_fresh_process, peak, reset_peak, resident
from benchmarks.results import Row, alone, by_time
from benchmarks.timing import in_turns, seconds

# observations, features, components; standard deviation of the groups' means in units
# of the groups' own; how many times faster than scikit-learn to be
CASES = [
    (1_000_000, 2, 3, 1.5, 40),
    (300_000, 10, 10, 1.5, 20),
    (50_000, 32, 20, 1.5, 10),
    (20_000, 64, 16, 1.5, 5),
    (50_000, 32, 20, 0.3, 10),
    (20_000, 64, 16, 0.3, 5),
]

QUICK = [(2_000, 2, 3, 1.5, 40)]
ROUNDS = 7


def make(n_observations, n_features, n_components, spread, seed=0):
    """Draw groups, block by block so that little else is in memory."""
    rng = np.random.default_rng(seed)
    means = rng.normal(scale=spread, size=(n_components, n_features))
    X = np.empty((n_observations, n_features))
    for start in range(0, n_observations, 10_000):
        block = X[start : start + 10_000]
        rng.standard_normal(out=block)
        block += means[rng.integers(n_components, size=len(block))]
    mixing = rng.normal(size=(n_components, n_features, 2 * n_features))
    covariances = mixing @ np.swapaxes(mixing, 1, 2) / (2 * n_features)
    weights = np.full(n_components, 1 / n_components)
    return X, weights, means, covariances


def iterate(X, quadratics):
    """Return the quadratics after one EM iteration of ours."""
    _, statistics = one_pass(X, quadratics)
    counts, means, scatters = moments(statistics, quadratics.means)
    covariances = covariance_family("full").estimate(scatters, counts)
    return build_quadratics(counts / counts.sum(), means, invert_cholesky(covariances))


def iterate_peer(X, peer, weights, means, precisions_cholesky):
    """Make one EM iteration of scikit-learn from given parameters."""
    peer.weights_, peer.means_ = weights, means
    peer.precisions_cholesky_ = precisions_cholesky
    _, log_responsibilities = peer._e_step(X)
    peer._m_step(X, log_responsibilities)


def compare_shape(n_observations, n_features, n_components, spread, rounds):
    """Return seconds of ours and of the peer, and the gap of the new means."""
    shape = n_observations, n_features, n_components
    X, weights, means, covariances = make(*shape, spread)
    factors = invert_cholesky(covariances)
    quadratics = build_quadratics(weights, means, factors)
    peer = GaussianMixture(n_components, covariance_type="full", reg_covar=0.0)
    iterate_peer(X, peer, weights, means, factors)
    gap = np.abs(iterate(X, quadratics).means - peer.means_).max()
    ours, theirs = in_turns(
        lambda: seconds(lambda: iterate(X, quadratics)),
        lambda: seconds(lambda: iterate_peer(X, peer, weights, means, factors)),
        rounds=rounds,
    )
    return ours, theirs, gap


def grown_memory(case):
    """Return the megabytes by which this process grows in one iteration."""
    X, weights, means, covariances = make(*case[:4])
    quadratics = build_quadratics(weights, means, invert_cholesky(covariances))
    iterate(X[:1000].copy(), quadratics)  # compiled code is not data
    before = resident()
    reset_peak()
    iterate(X, quadratics)
    return peak() - before


def compare(setting: Setting) -> Iterator[Row]:
    cases = QUICK if setting.quick else CASES
    for n, d, k, spread, goal in cases:
        rounds = 1 if setting.quick else ROUNDS
        ours, theirs, gap = compare_shape(n, d, k, spread, rounds)
        facts = {"spread": spread, "gap": f"{gap:.0e}"}
        yield by_time(describe(n, d, k), setting.peer, ours, theirs, goal, **facts)
    grown = in_fresh_process(grown_memory, cases[0])
    yield alone(f"memory above the data, {cases[0][0]:,} rows", grown, "MB")


def describe(n_observations, n_features, n_components):
    """Return what a table calls data of some shape."""
    return f"{n_observations:,} x {n_features}, {n_components} components"


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("em_iteration")
