"""Fits of scikit-learn's become ours, and ours scikit-learn's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import mixture
from sklearn.exceptions import NotFittedError

from bayesgmm import GaussianMixture, InputError, datasets
from bayesgmm.covariances import FAMILIES

THEIRS = ["full", "tied", "diag", "spherical"]


@pytest.fixture(scope="module")
def iris():
    return datasets.load("iris")


@pytest.mark.parametrize("covariance_type", THEIRS)
def test_their_fit_scores_the_same_as_ours(covariance_type, iris):
    theirs = mixture.GaussianMixture(
        3, covariance_type=covariance_type, random_state=0, n_init=2
    ).fit(iris)
    ours = GaussianMixture.from_sklearn(theirs)
    assert_allclose(
        ours.score_samples(iris), theirs.score_samples(iris), rtol=1e-12, atol=1e-12
    )
    assert_allclose(ours.predict_proba(iris), theirs.predict_proba(iris), atol=1e-12)
    assert_array_equal(ours.predict(iris), theirs.predict(iris))
    assert ours.bic(iris) == pytest.approx(theirs.bic(iris), rel=1e-12)
    assert ours.aic(iris) == pytest.approx(theirs.aic(iris), rel=1e-12)
    assert ours.get_params() == ours.get_params() | theirs.get_params()
    for name in ("weights_", "means_", "covariances_"):
        assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert_allclose(ours.precisions_, theirs.precisions_, rtol=1e-9)
    assert_array_equal(ours.feature_names_in_, theirs.feature_names_in_)
    assert (ours.converged_, ours.n_iter_) == (theirs.converged_, theirs.n_iter_)
    assert "3 components" in ours.summary()


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_our_fit_scores_the_same_as_theirs(covariance_type, iris):
    ours = GaussianMixture(
        3, covariance_type=covariance_type, random_state=0, n_init=2
    ).fit(iris)
    theirs = ours.to_sklearn()
    assert type(theirs) is mixture.GaussianMixture
    known = covariance_type in THEIRS
    assert theirs.covariance_type == (covariance_type if known else "full")
    assert_allclose(
        theirs.score_samples(iris), ours.score_samples(iris), rtol=1e-12, atol=1e-12
    )
    assert_allclose(theirs.predict_proba(iris), ours.predict_proba(iris), atol=1e-12)
    assert theirs.lower_bound_ == ours.lower_bound_
    rows, _ = theirs.sample(10)
    assert rows.shape == (10, 4)
    theirs.set_params(warm_start=True).fit(iris)
    assert theirs.score(iris) >= ours.score(iris) - 1e-3


def test_there_and_back_is_the_same(iris):
    ours = GaussianMixture(3, random_state=0).fit(iris.to_numpy())
    back = GaussianMixture.from_sklearn(ours.to_sklearn())
    assert_array_equal(back.score_samples(iris), ours.score_samples(iris))
    assert not hasattr(back, "feature_names_in_")
    assert back.parameters_.feature_names == ("x0", "x1", "x2", "x3")


def test_a_fit_of_theirs_can_be_improved(iris):
    theirs = mixture.GaussianMixture(3, random_state=0).fit(iris)
    ours = GaussianMixture.from_sklearn(theirs)
    ours.set_params(warm_start=True, tol=None, reg_covar=0.0, max_iter=1000).fit(iris)
    assert ours.gradient_norm_ < 1e-7
    assert ours.score(iris) > theirs.score(iris)


def test_settings_they_do_not_know_are_their_defaults(iris):
    ours = GaussianMixture(2, tol=None, n_init=3, random_state=4).fit(iris)
    theirs = ours.to_sklearn()
    assert theirs.tol == mixture.GaussianMixture().tol
    assert (theirs.n_init, theirs.random_state) == (3, 4)


def test_a_mixture_of_theirs_of_float32_is_ours_of_float64(iris):
    theirs = mixture.GaussianMixture(2, random_state=0).fit(iris.astype(np.float32))
    ours = GaussianMixture.from_sklearn(theirs)
    assert ours.means_.dtype == ours.covariances_.dtype == np.float64


def test_other_objects_are_refused(iris):
    bayesian = mixture.BayesianGaussianMixture(n_components=2, random_state=0).fit(iris)
    with pytest.raises(InputError, match=r"got BayesianGaussianMixture. Scores of"):
        GaussianMixture.from_sklearn(bayesian)
    with pytest.raises(InputError, match=r"got dict. Fit one, or use"):
        GaussianMixture.from_sklearn({})
    with pytest.raises(NotFittedError):
        GaussianMixture.from_sklearn(mixture.GaussianMixture())
    with pytest.raises(NotFittedError):
        GaussianMixture().to_sklearn()


# -- from parameters -----------------------------------------


def test_parameters_become_an_estimator(iris):
    em = GaussianMixture(3, random_state=0).fit(iris)
    same = GaussianMixture.from_parameters(em.parameters_)
    assert_array_equal(same.score_samples(iris), em.score_samples(iris))
    assert_array_equal(same.covariances_, em.covariances_)
    assert_array_equal(same.feature_names_in_, iris.columns)
    same.set_params(warm_start=True).fit(iris)
    assert same.log_likelihood_ == pytest.approx(em.log_likelihood_, abs=1e-6)


def test_a_conditional_is_used_like_a_fit(iris):
    em = GaussianMixture(3, random_state=0).fit(iris)
    left = GaussianMixture.from_parameters(em.conditional({"Petal.Width": 1.3}))
    rows, _ = left.sample(20_000, random_state=0)
    inside = left.score_samples(rows) > left.highest_density_level(0.5)
    assert inside.mean() == pytest.approx(0.5, abs=4 * (0.5 / 20_000**0.5 + 0.002))


def test_nothing_else_becomes_an_estimator():
    with pytest.raises(InputError, match="`parameters` must be a fitted Gaussian"):
        GaussianMixture.from_parameters({"weights": [1.0]})
