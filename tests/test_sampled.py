"""The pass with drawn labels: against labels drawn row by row in Python."""

import numpy as np
import oracles
import pytest
from scipy import stats

from bayesgmm._typing import Quadratics
from bayesgmm.kernels import sampled
from bayesgmm.kernels.reduce import sampled_moments
from bayesgmm.quadratics import build_quadratics

MASK, NONE = 2**64 - 1, np.empty(0)
KEY = np.uint64(2**63 + 12345)
SHAPES = [(1, 1, 1), (129, 1, 3), (300, 2, 3), (128, 3, 2), (257, 5, 4), (140, 12, 3)]


def hashed(place):
    """Splitmix64 in Python's integers, its highest 52 bits as a number in [0, 1)."""
    bits = (int(KEY) + (place + 1) * 0x9E3779B97F4A7C15) & MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & MASK
    return ((bits ^ (bits >> 31)) >> 12) / 2**52


def make(n, d, k):
    rng = np.random.default_rng([n, d, k])
    means, X = rng.normal(size=(k, d)), rng.normal(size=(n, d))
    factors = np.triu(rng.normal(size=(k, d, d)), 1) * 0.3 + np.eye(d)
    return X, build_quadratics(rng.dirichlet(np.ones(k)), means, factors)


def drawn_labels(X, quadratics, places):
    edges = np.cumsum(oracles.responsibilities(X, quadratics), axis=1)
    return [
        int((hashed(p) > edge).sum()) for p, edge in zip(places, edges, strict=True)
    ]


def expected(X, quadratics, places):
    """Return the log-likelihood and the moments of the labels."""
    one_hot = np.eye(len(quadratics.offsets))[drawn_labels(X, quadratics, places)]
    gaps = X[:, None] - quadratics.means
    return (
        oracles.log_likelihood_rows(X, quadratics).sum(),
        one_hot.sum(0),
        np.einsum("nk,nki->ki", one_hot, gaps),
        np.einsum("nk,nki,nkj->kij", one_hot, gaps, gaps),
    )


def assert_same(got, wanted):
    score, statistics = got
    for a, b in zip((score, *statistics), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_labels_are_those_of_the_hashed_numbers(shape):
    X, quadratics = make(*shape)
    got = sampled_moments(X, NONE, quadratics, KEY)
    assert_same(got, expected(X, quadratics, range(len(X))))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_repeated_row_has_labels_of_its_own(shape):
    """Weight 2 is the row twice, to the same labels; weight 0 is a row not there."""
    X, quadratics = make(*shape)
    repeats = np.arange(len(X)) % 4.0
    repeats[0] = 3.0
    rows = np.repeat(X, repeats.astype(int), axis=0)
    got = sampled_moments(X, repeats, quadratics, KEY)
    assert_same(got, expected(rows, quadratics, range(len(rows))))


@pytest.mark.parametrize("repeated", [False, True])
def test_threads_and_chunks_change_no_bit(repeated, monkeypatch):
    from bayesgmm.kernels import reduce

    X, quadratics = make(5000, 2, 3)
    repeats = np.arange(5000) % 3.0 if repeated else NONE
    monkeypatch.setattr(reduce, "_LARGEST_CHUNK", 1024)
    one, two = (sampled_moments(X, repeats, quadratics, KEY, n) for n in (1, 2))
    assert one[0] == two[0]
    for a, b in zip(one[1], two[1], strict=True):
        np.testing.assert_array_equal(a, b)
    monkeypatch.setattr(reduce, "_LARGEST_CHUNK", 5000)
    whole = sampled_moments(X, repeats, quadratics, KEY)
    np.testing.assert_array_equal(one[1].counts, whole[1].counts)


def test_rows_that_nothing_explains_add_nothing():
    """A component of weight zero is never drawn, and a far row by none is lost."""
    X, quadratics = make(300, 2, 3)
    offsets = quadratics.offsets.copy()
    offsets[1] = -np.inf
    _, drawn = sampled_moments(X, NONE, quadratics._replace(offsets=offsets), KEY)
    assert drawn.counts[1] == 0
    assert drawn.counts.sum() == 300
    score, drawn = sampled_moments(
        X, NONE, Quadratics(np.full(3, -np.inf), *quadratics[1:]), KEY
    )
    assert score == -np.inf
    assert drawn.counts.sum() == 0


def test_far_rows_keep_their_likelihood_and_label():
    X, quadratics = make(200, 2, 2)
    score, drawn = sampled_moments(X + 1e4, NONE, quadratics, KEY)
    assert np.isfinite(score)
    assert drawn.counts.sum() == 200


def test_hashed_numbers_are_uniform_and_uncorrelated():
    """False alarms: 1e-4 each."""
    u = np.array(
        [[sampled.uniform(np.uint64(k), n) for n in range(2000)] for k in range(20)]
    )
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-4
    for a, b in ((u[:, 1:], u[:, :-1]), (u[1:], u[:-1])):  # rows beside, keys beside
        assert stats.pearsonr(a.ravel(), b.ravel()).pvalue > 1e-4
