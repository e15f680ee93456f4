"""`partition_stability`: groups that come back, and groups that do not."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from synthetic import TWO_GROUPS, joint, observations, perturbed, tree

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.partition_stability import _similarities


@pytest.fixture(scope="module")
def X():
    return observations(TWO_GROUPS, 120, np.random.default_rng(1))


@pytest.fixture(scope="module")
def em(X):
    return bg.GaussianMixture(2, n_init=2, random_state=0).fit(X)


@pytest.fixture(scope="module")
def stability(X, em):
    return bg.partition_stability(em, X, n_refits=4, progress=False)


def test_groups_that_are_there_come_back(stability):
    assert (stability.agreement > 0.9).all()
    assert (stability.groups["similarity"] > 0.9).all()
    assert (stability.groups["dissolved"] == 0).all()
    assert stability.chains is None
    assert "find every group again as a rule." in str(stability)


@pytest.fixture(scope="module")
def blob():
    """One normal distribution, cut into two."""
    X = np.random.default_rng(2).normal(size=(80, 1))
    return bg.GaussianMixture(2, n_init=1, random_state=0).fit(X), X


def test_groups_that_are_not_there_do_not_come_back(blob):
    found = bg.partition_stability(*blob, n_refits=4, progress=False)
    assert found.groups["similarity"].min() < 0.75
    assert found.agreement.mean() < 0.75
    assert "do not find as a rule" in str(found)


def test_same_seed_same_refits(blob):
    one, same, other = (
        bg.partition_stability(*blob, n_refits=2, random_state=seed, progress=False)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one.agreement, same.agreement)
    assert not np.array_equal(one.agreement, other.agreement)


def test_similarity_is_jaccards_to_the_closest_group():
    """Of {0, 1, 2} and {3, 4}; the other has {0, 1} and {2, 3, 4, 5}; 5 is noise."""
    own, other = np.array([0, 0, 0, 1, 1, -1]), np.array([5, 5, 7, 7, 7, 7])
    expected = [2 / 3, 2 / 4, np.nan]
    np.testing.assert_allclose(_similarities(own, other, 3), expected)


def test_rows_are_counted_by_group(X, em, stability):
    counts = np.bincount(em.predict(X))
    np.testing.assert_array_equal(stability.groups["rows"], counts)


def test_chains_are_compared_by_their_own_partitions(X, em):
    rng = np.random.default_rng(3)
    elsewhere = TWO_GROUPS | {"means": [[-2.0, -1.0], [0.0, 1.0]]}
    truths = (TWO_GROUPS, elsewhere)
    posterior = tree(X, [perturbed(t, 20, rng, 1e-4) for t in truths], lp=False)
    found = bg.partition_stability(em, X, posterior, n_refits=1, progress=False)
    labels = [em.predict(X), *(joint(X, **t).argmax(axis=1) for t in truths)]
    expected = [[adjusted_rand_score(a, b) for b in labels] for a in labels]
    np.testing.assert_allclose(found.chains, expected, atol=1e-12)
    assert found.chains.index.tolist() == ["EM", "chain 0", "chain 1"]
    assert expected[1][2] < 0.9
    assert f"Between chains the index is at least {expected[1][2]:.2f}." in str(found)


def test_what_cannot_be_fitted_again_is_refused(X, em):
    with pytest.raises(InputError, match="`em` must be a fitted GaussianMixture"):
        bg.partition_stability(em.parameters_, X)
    with pytest.raises(InputError, match="`em` must be a fitted GaussianMixture"):
        bg.partition_stability(bg.GaussianMixture(2), X)
    with pytest.raises(InputError, match="`n_refits` must be a whole number"):
        bg.partition_stability(em, X, n_refits=0)
