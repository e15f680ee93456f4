"""Components merged to clusters: each pair the best one, by the entropy itself."""

from itertools import combinations

import numpy as np
import pytest
from scipy.special import xlogy
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm.errors import InputError


def crosses_and_a_ball(n=300, seed=5):
    """Return a ball, and one cluster that is no Gaussian: two bars that cross."""
    rng = np.random.default_rng(seed)
    long, short = rng.normal(0, 4, n), rng.normal(0, 0.5, n)
    bars = np.vstack([np.c_[long, short], np.c_[short[::-1], long[::-1]]])
    ball = rng.normal([25.0, 25.0], 1.0, (n, 2))
    return np.vstack([bars, ball]), np.repeat([0, 0, 1], n)


def memberships(em, X):
    p = em.parameters_
    joint = np.column_stack(
        [
            w * multivariate_normal(m, c).pdf(X)
            for w, m, c in zip(p.weights, p.means, p.covariances, strict=True)
        ]
    )
    return joint / joint.sum(axis=1, keepdims=True)


def entropy(shares):
    return -xlogy(shares, shares).sum()


def merge(shares, i, j):
    rest = [k for k in range(shares.shape[1]) if k not in (i, j)]
    return np.column_stack([shares[:, rest], shares[:, i] + shares[:, j]])


@pytest.fixture(scope="module")
def faithful():
    X = bg.datasets.load("faithful")
    return bg.GaussianMixture(5, n_init=2, random_state=1).fit(X), X


def test_every_merge_leaves_the_least_entropy(faithful):
    em, X = faithful
    combination = bg.merge_components(em, X)
    shares = memberships(em, X)
    expected = [entropy(shares)]
    while shares.shape[1] > 1:
        pairs = combinations(range(shares.shape[1]), 2)
        shares = min((merge(shares, *pair) for pair in pairs), key=entropy)
        expected.append(entropy(shares))
    table = combination.table
    np.testing.assert_allclose(table["entropy"], expected, rtol=1e-9, atol=1e-9)
    assert table["n_clusters"].tolist() == [5, 4, 3, 2, 1]


def test_bars_that_cross_become_one_cluster():
    X, known = crosses_and_a_ball()
    em = bg.GaussianMixture(3, n_init=5, random_state=0).fit(X)
    combination = bg.merge_components(em, X)
    found = combination.predict(X, 2)
    assert max((found == known).mean(), (found != known).mean()) == 1.0
    assert combination.n_clusters is None
    assert sorted(map(len, combination.groups[2])) == [1, 2]
    assert combination.table["n_merged"].tolist() == [600, 900, 0]


def test_memberships_add_up(faithful):
    em, X = faithful
    combination = bg.merge_components(em, X)
    shares = em.predict_proba(X)
    pooled = combination.predict_proba(X, 3)
    for place, group in enumerate(combination.groups[3]):
        np.testing.assert_allclose(pooled[:, place], shares[:, list(group)].sum(axis=1))
    assert sorted(k for group in combination.groups[3] for k in group) == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_elbow_is_where_the_lines_meet(faithful):
    """Entropies typed here: flat up to three clusters, steep beyond."""
    from bayesgmm.combine import _elbow

    combination = bg.merge_components(*faithful)
    table = combination.table.assign(entropy=[80.0, 42.0, 5.0, 2.5, 0.0])
    assert _elbow(table) == 3


def test_weight_two_is_the_row_twice(faithful):
    em, X = faithful
    twice = bg.merge_components(em, np.vstack([X, X[:50]]))
    weight = np.where(np.arange(len(X)) < 50, 2.0, 1.0)
    once = bg.merge_components(em, X, sample_weight=weight)
    np.testing.assert_allclose(once.table["entropy"], twice.table["entropy"])
    assert (once.table["n_merged"] == twice.table["n_merged"]).all()


def test_says_what_it_did_and_refuses_what_is_not_there(faithful):
    combination = bg.merge_components(*faithful)
    assert "elbow" in str(combination)
    with pytest.raises(InputError, match="n_clusters"):
        combination.predict(faithful[1], 6)
    with pytest.raises(InputError):
        bg.merge_components(faithful[0], [[1.0]])


def test_plot_shows_the_entropies(faithful):
    from matplotlib.figure import Figure

    combination = bg.merge_components(*faithful)
    ax = Figure().add_subplot()
    combination.plot(ax=ax)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), combination.table["entropy"])
