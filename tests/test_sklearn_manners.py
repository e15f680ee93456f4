"""Our estimator among scikit-learn's tools: routing, grids, pipelines, frames."""

import pickle

import numpy as np
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bayesgmm import GaussianMixture, datasets
from bayesgmm.covariances import FAMILIES


@pytest.fixture(scope="module")
def faithful():
    return datasets.load("faithful")


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def mixture(**settings):
    return GaussianMixture(2, n_init=2, random_state=0).set_params(**settings)


@pytest.mark.parametrize("make", [pl.from_pandas, lambda frame: frame])
def test_frames_go_in_and_their_names_stay(make, faithful):
    frame = make(faithful)
    em = mixture().fit(frame)
    assert_array_equal(em.feature_names_in_, ["eruptions", "waiting"])
    assert em.parameters_.feature_names == ("eruptions", "waiting")
    assert_array_equal(em.predict(frame), em.predict(faithful.to_numpy()))
    assert_array_equal(em.marginal("waiting").means[:, 0], em.means_[:, 1])
    assert em.sample(3)[0].shape == (3, 2)
    again = pickle.loads(pickle.dumps(em))
    assert_array_equal(again.predict_proba(frame), em.predict_proba(frame))


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_clones_of_every_family_fit_the_same(covariance_type, faithful):
    em = mixture(covariance_type=covariance_type).fit(faithful)
    twin = clone(em)
    assert not hasattr(twin, "parameters_")
    assert_array_equal(twin.fit(faithful).covariances_, em.covariances_)


def test_a_grid_finds_the_best_by_held_out_likelihood(faithful):
    grid = {"n_components": [1, 2], "covariance_type": ["full", "EEI", "spherical"]}
    search = GridSearchCV(mixture(), grid, cv=3).fit(faithful)
    by_hand = {
        (k, t): cross_val_score(
            mixture(n_components=k, covariance_type=t), faithful, cv=3
        ).mean()
        for k in grid["n_components"]
        for t in grid["covariance_type"]
    }
    best = search.best_params_
    assert (best["n_components"], best["covariance_type"]) == max(
        by_hand, key=by_hand.__getitem__
    )
    assert search.best_score_ == pytest.approx(max(by_hand.values()), rel=1e-12)
    assert best["n_components"] == 2


def test_a_pipeline_ends_in_a_mixture(faithful):
    pipeline = make_pipeline(StandardScaler(), mixture()).fit(faithful)
    plain = mixture().fit(faithful)
    assert_array_equal(pipeline.predict(faithful), plain.predict(faithful))
    scale = faithful.std(ddof=0).prod()
    expected = plain.score_samples(faithful) + np.log(scale)
    assert_allclose(pipeline.score_samples(faithful), expected, atol=1e-5)


def test_a_pipeline_of_frames_keeps_names(faithful):
    """`set_output` applies to what transforms; the mixture takes what it gives."""
    columns = ColumnTransformer([("scaled", StandardScaler(), ["waiting"])])
    pipeline = make_pipeline(columns.set_output(transform="pandas"), mixture())
    em = pipeline.fit(faithful)[-1]
    assert_array_equal(em.feature_names_in_, ["scaled__waiting"])
    assert not hasattr(em, "set_output")


def test_weights_go_through_a_pipeline(faithful):
    weight = np.arange(272) % 3
    pipeline = make_pipeline(StandardScaler(), mixture())
    pipeline.fit(faithful, gaussianmixture__sample_weight=weight)
    scaled = StandardScaler().fit_transform(faithful)
    again = mixture().fit(np.repeat(scaled, weight, axis=0))
    assert_allclose(pipeline[-1].means_, again.means_, atol=1e-5)


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_where_they_are_asked_for(faithful):
    weight = np.arange(272) % 3
    asking = mixture().set_fit_request(sample_weight=True)
    pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False))
    pipeline.steps.append(("mixture", asking))
    routed = pipeline.fit(faithful, sample_weight=weight)[-1]
    scaled = StandardScaler().fit_transform(faithful)
    alone = mixture().fit(scaled, sample_weight=weight)
    assert_array_equal(routed.means_, alone.means_)
    assert (routed.means_ != mixture().fit(scaled).means_).any()


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_to_scores_too(faithful):
    weight = 1.0 + np.arange(272) % 3
    asking = mixture().set_fit_request(sample_weight=True)
    asking = asking.set_score_request(sample_weight=True)
    scores = cross_val_score(asking, faithful, cv=2, params={"sample_weight": weight})
    first, second = np.arange(136), np.arange(136, 272)
    em = mixture().fit(faithful.iloc[second], sample_weight=weight[second])
    rows = em.score_samples(faithful.iloc[first])
    assert scores[0] == pytest.approx(np.average(rows, weights=weight[first]))


@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for_are_refused(faithful):
    pipeline = make_pipeline(StandardScaler(), mixture())
    with pytest.raises(ValueError, match=r"sample_weight.*not explicitly set"):
        pipeline.fit(faithful, sample_weight=np.ones(272))
