"""Chains of the plain Gibbs sampler from starts that decide where they end."""

from functools import cache

import numpy as np
import synthetic

from bayesgmm.diagnose import diagnose

TWO, THREE = synthetic.TWO_GROUPS, synthetic.THREE_GROUPS
ONE = {"weights": [1.0], "means": [[0.0]], "covariances": [[[1.0]]]}
FOUR = {
    "weights": [0.25] * 4,
    "means": [[-6.0], [-3.0], [3.0], [6.0]],
    "covariances": [[[0.5]]] * 4,
}
SEEDS = [0, 1, 2]


def sampled(truth, n, starts, n_components, n_draws, seed, shuffle=False):
    """Sample one chain from each start, a function of the data."""
    rng = np.random.default_rng(seed)
    X = synthetic.observations(truth, n, rng)
    chains = [
        synthetic.gibbs(X, start(X[:, 0], rng), n_components, n_draws, rng)
        for start in starts
    ]
    if shuffle:
        shuffles = [
            synthetic.random_permutations(n_draws, n_components, rng) for _ in chains
        ]
        pairs = zip(chains, shuffles, strict=True)
        chains = [synthetic.switched(chain, shuffle) for chain, shuffle in pairs]
    return synthetic.tree(X, chains)


def cuts(*at):
    return lambda x, _: np.digitize(x, at)


def anywhere(n_components):
    return lambda x, rng: rng.integers(n_components, size=len(x))


@cache
def clean(seed, shuffle=False, n_draws=150):
    return sampled(TWO, 100, [cuts(0.0)] * 3, 2, n_draws, seed, shuffle)


@cache
def two_modes(seed):
    """Three components for four groups: either outer pair can be merged."""
    left, right = cuts(0.0, 4.5), cuts(-4.5, 0.0)
    return sampled(FOUR, 240, [left, right, left, right], 3, 150, seed)


@cache
def judged(seed, shuffle=False):
    """Return what is said of a clean run."""
    return diagnose(clean(seed, shuffle))
