"""One EM iteration with full covariances against scikit-learn.

Run `python -m benchmarks.em_iteration`.

Ours is the pass, the M-step and the new Cholesky factors; theirs is `_e_step` and
`_m_step` of `GaussianMixture`, which contain the same work. Both start every time from
the same parameters, on all cores, in turns, and medians are compared. The memory is
what the peak of a fresh process grows by during our iteration.
"""

import argparse
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numba
import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture

from bayesgmm.covariances import covariance_family
from bayesgmm.kernels.reduce import one_pass
from bayesgmm.kernels.threads import available_cores
from bayesgmm.quadratics import build_quadratics, invert_cholesky
from bayesgmm.statistics import moments

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

STRETCH = 0.5  # seconds of iterations, at least one


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


def seconds(run):
    """Return the mean seconds of iterations that follow one another, as in a fit."""
    # Threads of BLAS spin for a while after their work: the other side's must be gone.
    time.sleep(0.1)
    start = time.perf_counter()
    n_runs = 0
    while n_runs == 0 or time.perf_counter() - start < STRETCH:
        run()
        n_runs += 1
    return (time.perf_counter() - start) / n_runs


def compare(n_observations, n_features, n_components, spread, rounds):
    """Return median seconds of ours and of the peer, and the gap of the new means."""
    shape = n_observations, n_features, n_components
    X, weights, means, covariances = make(*shape, spread)
    factors = invert_cholesky(covariances)
    quadratics = build_quadratics(weights, means, factors)
    peer = GaussianMixture(n_components, covariance_type="full", reg_covar=0.0)
    iterate_peer(X, peer, weights, means, factors)
    gap = np.abs(iterate(X, quadratics).means - peer.means_).max()
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: iterate(X, quadratics)))
        theirs.append(seconds(lambda: iterate_peer(X, peer, weights, means, factors)))
    return median(ours), median(theirs), gap


def grown_memory():
    """Print the megabytes by which this process grows in one iteration."""
    X, weights, means, covariances = make(*CASES[0][:4])
    quadratics = build_quadratics(weights, means, invert_cholesky(covariances))
    iterate(X[:1000].copy(), quadratics)  # compiled code is not data
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    iterate(X, quadratics)
    print(memory("VmHWM") - before)


def memory(kind):
    """Return megabytes of this process, as Linux counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith(kind)) / 1024


def cpu_name():
    """Return the processor's name, where Linux tells it."""
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line for line in lines if line.startswith("model name")]
        return names[0].split(":")[1].strip()
    except (OSError, IndexError):
        return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", action="store_true", help="measure memory only")
    options = parser.parse_args()
    if options.memory:
        grown_memory()
        return
    print(
        f"{cpu_name()}, {available_cores()} cores; Python {platform.python_version()}, "
        f"NumPy {np.__version__}, Numba {numba.__version__}, "
        f"scikit-learn {sklearn.__version__}; medians of {options.rounds}"
    )
    print("observations features components spread ours ms sklearn ms ratio goal  gap")
    for *shape, goal in CASES:
        ours, theirs, gap = compare(*shape, options.rounds)
        print(
            "{:12d} {:8d} {:10d} {:6.1f}".format(*shape),
            f"{ours * 1e3:7.1f} {theirs * 1e3:10.1f} {theirs / ours:5.1f} {goal:4d}",
            f"{gap:6.0e}",
        )
    command = [sys.executable, "-m", "benchmarks.em_iteration", "--memory"]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(f"memory above the data at {CASES[0][0]} rows: {float(grown):.1f} MB")


if __name__ == "__main__":
    main()
