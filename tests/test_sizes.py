"""p(K | partition) against the formula in gamma functions, and against enumeration."""

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

from bayesgmm.kernels.sizes import (
    SizesPrior,
    SizesSpace,
    draw_size,
    fill_base,
    fill_probabilities,
)
from bayesgmm.kernels.sticks import Hyperprior

KNOWN = Hyperprior(1.0, 0.0, 0.0, 0.0, 0.0)


def computed(log_prior, dynamic, e, counts):
    sizes = np.arange(1.0, len(log_prior) + 1)
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(sizes))])
    prior = SizesPrior(
        log_prior, dynamic, KNOWN, log_factorials, sizes, np.log(sizes), 1 / sizes
    )
    space = SizesSpace(*np.empty((3, len(sizes))))
    fill_base(prior, e, sum(counts), space.base)
    fill_probabilities(prior, e, np.array(counts, float), len(counts), space)
    return space.probability


def log_partition(k, dynamic, e, counts):
    """Return log p(partition | k): labelled partitions, times the ways to label."""
    g, n, filled = (e / k if dynamic else e), sum(counts), len(counts)
    if filled > k:
        return -np.inf
    ways = gammaln(k + 1) - gammaln(k - filled + 1)
    each = gammaln(np.array(counts) + g) - gammaln(g)
    return ways + gammaln(g * k) - gammaln(n + g * k) + each.sum()


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("e", [1e-3, 0.7, 1.0, 12.0, 3e3])
@pytest.mark.parametrize(
    "counts", [[1], [5], [3, 1, 1], [33, 34], [40, 2, 900], [1] * 20, [100_000, 7]]
)
def test_is_the_formula(dynamic, e, counts):
    log_prior = -0.3 * np.arange(1.0, 51)
    each = [log_partition(k, dynamic, e, counts) for k in range(1, 51)]
    expected = log_prior + each
    got = computed(log_prior, dynamic, e, counts)
    np.testing.assert_allclose(got, np.exp(expected - logsumexp(expected)), atol=1e-9)
    assert got.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("dynamic", [False, True])
def test_formula_sums_to_one_over_partitions(dynamic):
    """Of four rows: 1 partition into one, 4 + 3 into two, 6 into three, 1 into four."""
    shapes = {(4,): 1, (3, 1): 4, (2, 2): 3, (2, 1, 1): 6, (1, 1, 1, 1): 1}
    for k in (1, 2, 3, 5):
        total = sum(
            ways * np.exp(log_partition(k, dynamic, 0.8, shape))
            for shape, ways in shapes.items()
        )
        assert total == pytest.approx(1.0)


def test_sizes_without_probability_are_never_drawn():
    rng = np.random.default_rng(0)
    p = np.array([0.0, 0.3, 0.0, 0.7, 0.0])
    drawn = np.bincount([draw_size(rng, p) for _ in range(4000)], minlength=6)
    assert set(np.flatnonzero(drawn)) == {2, 4}
    assert abs(drawn[2] / 4000 - 0.3) < 4 * np.sqrt(0.21 / 4000)
