"""Equal rows put together: the same fit as of the rows one by one."""

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm import compression, fitting
from bayesgmm.clutter import find_clutter
from bayesgmm.compression import Repeated, compress, distinct_rows
from bayesgmm.observations import Complete


def grey(n, seed=0):
    """Return 8-bit grey values of three groups."""
    rng = np.random.default_rng(seed)
    means, sds = np.array([60.0, 110.0, 200.0]), np.array([15.0, 12.0, 20.0])
    z = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return (
        (means[z] + sds[z] * rng.normal(size=n)).round().clip(0, 255).astype(np.uint8)
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64])
def test_distinct_rows_are_those_of_numpy(dtype):
    X = np.random.default_rng(0).integers(0, 4, size=(500, 3)).astype(dtype)
    rows, counts, places = distinct_rows(X)
    np.testing.assert_array_equal(rows[places], X)
    want = np.unique(X, axis=0, return_counts=True)
    order = np.lexsort(rows.T[::-1])
    np.testing.assert_array_equal(rows[order], want[0])
    np.testing.assert_array_equal(counts[order], want[1])
    first = [np.flatnonzero((row == X).all(axis=1))[0] for row in rows]
    assert first == sorted(first)


def test_wide_rows_do_not_overflow():
    X = np.random.default_rng(0).integers(0, 2**60, size=(50, 9))
    X = np.concatenate([X, X[::-1]])
    assert len(distinct_rows(X).rows) == 50


@pytest.mark.parametrize("weighted", [False, True])
def test_same_fit_from_the_same_start(weighted, monkeypatch):
    X = grey(20_000).reshape(-1, 1)
    weight = np.random.default_rng(1).gamma(2.0, size=len(X)) if weighted else None
    means = [[50.0], [100.0], [210.0]]
    fast = bg.GaussianMixture(3, means_init=means).fit(X, sample_weight=weight)
    monkeypatch.setattr(compression, "FEWEST_ROWS", 10**9)
    slow = bg.GaussianMixture(3, means_init=means).fit(X, sample_weight=weight)
    assert fast.log_likelihood_ == pytest.approx(slow.log_likelihood_, rel=1e-10)
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-6)
    for name in ("bic", "icl"):
        assert getattr(fast, name)(X) == pytest.approx(getattr(slow, name)(X), rel=1e-9)


def test_same_optimum_from_starts_of_its_own(monkeypatch):
    X = grey(20_000).reshape(-1, 1)
    fast = bg.GaussianMixture(3, n_init=3, random_state=0).fit(X)
    monkeypatch.setattr(compression, "FEWEST_ROWS", 10**9)
    slow = bg.GaussianMixture(3, n_init=3, random_state=0).fit(X)
    assert fast.log_likelihood_ == pytest.approx(slow.log_likelihood_, rel=1e-10)


def test_a_start_may_differ_among_equal_rows(monkeypatch):
    X = grey(20_000).reshape(-1, 1)
    begin = np.random.default_rng(0).dirichlet(np.ones(3), len(X))
    settings = {"responsibilities_init": begin, "max_iter": 5, "tol": 0.0}
    with pytest.warns(bg.errors.ConvergenceWarning):
        fast = bg.GaussianMixture(3, **settings).fit(X)
    monkeypatch.setattr(compression, "FEWEST_ROWS", 10**9)
    with pytest.warns(bg.errors.ConvergenceWarning):
        slow = bg.GaussianMixture(3, **settings).fit(X)
    np.testing.assert_allclose(fast.means_, slow.means_, rtol=1e-9)


def test_rows_are_put_together_only_where_it_pays():
    few = grey(2**14).reshape(-1, 1).astype(float)
    found = compress(Complete(few))
    assert isinstance(found, Repeated)
    assert found.n_rows == found.n_observations == 2**14
    assert len(found.distinct.X) <= 256
    assert isinstance(compress(Complete(few[:-1])), Complete)
    many = np.random.default_rng(0).normal(size=(2**14, 1))
    assert isinstance(compress(Complete(many)), Complete)


def test_a_collapse_names_all_its_rows():
    X = np.random.default_rng(0).normal(size=(2**14, 1)).round(1)
    X[[5, 70, 900]] = 1e6
    em = bg.GaussianMixture(2, means_init=[[0.0], [1e6]])
    with pytest.warns(bg.errors.CollapseWarning, match=r"3 rows \(5, 70, 900\)"):
        em.fit(X)


def test_a_selection_puts_equal_rows_together(monkeypatch):
    """The same table; small groups of many equal rows are not taken for spurious."""
    X = grey(20_000)
    X[:200] = np.arange(200) % 3
    X, grid = X.reshape(-1, 1), ([1, 2, 4], "all")
    fast = bg.select(X, *grid, random_state=0, progress=False).table
    monkeypatch.setattr(compression, "FEWEST_ROWS", 10**9)
    slow = bg.select(X, *grid, random_state=0, progress=False).table
    assert not fast["spurious"].any()
    values = ["log_likelihood", "bic"]
    np.testing.assert_allclose(fast[values], slow[values], rtol=1e-9)


def test_noise_finds_its_rows_among_all(monkeypatch):
    """Which rows lie thin depends on how many there are."""
    seen = []
    monkeypatch.setattr(
        fitting, "find_clutter", lambda X: seen.append(len(X)) or find_clutter(X)
    )
    X = np.random.default_rng(0).normal(size=(2**14, 1)).round(2)
    X[:50] = np.linspace(-60, 60, 50)[:, None]
    em = bg.GaussianMixture(1, noise=True).fit(X)
    assert seen == [2**14]
    assert em.parameters_.noise.weight == pytest.approx(50 / 2**14, rel=0.1)
