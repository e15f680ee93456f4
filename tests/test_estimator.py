"""`GaussianMixture` as scikit-learn users know it."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from bayesgmm import GaussianMixture, InputError, MixtureParameters, datasets
from bayesgmm.errors import ConvergenceWarning

TYPES = ["full", "tied", "diag", "spherical"]
CASES = [
    (data, k, t) for data, ks in (("faithful", (2, 3, 4)), ("iris", (2, 3, 4)))
    for k in ks for t in TYPES
]  # fmt: skip


@pytest.fixture(scope="module")
def faithful():
    return datasets.load("faithful")


@pytest.fixture(scope="module")
def fitted(faithful):
    return GaussianMixture(2, random_state=0).fit(faithful)


def density(em, X):
    """Return weight times density by SciPy, shape (n_samples, n_components)."""
    p = em.parameters_
    return np.transpose(
        [
            w * multivariate_normal(m, c).pdf(X)
            for w, m, c in zip(p.weights, p.means, p.covariances, strict=True)
        ]
    )


# -- scikit-learn's own fits -----------------------------------------


@pytest.mark.parametrize(("data", "k", "covariance_type"), CASES)
def test_scikit_learns_fits_are_reproduced(data, k, covariance_type, golden):
    [fit] = [
        f
        for f in golden("sklearn_fits.json")["fits"]
        if (f["dataset"], f["K"], f["covariance_type"]) == (data, k, covariance_type)
    ]
    X, init = datasets.load(data).to_numpy(), fit["init"]
    start = {f"{name}_init": init[name] for name in ("weights", "means", "precisions")}
    settings = {"n_components": k, "covariance_type": covariance_type, **start}
    check_default(GaussianMixture(**settings, **fit["default"]["settings"]), fit, X)
    tight = GaussianMixture(**settings, max_iter=5000).fit(X)
    assert tight.log_likelihood_ == pytest.approx(fit["tight"]["loglik"], abs=1e-5)
    sd = X.std(axis=0)
    assert_allclose(tight.means_ / sd, fit["tight"]["means"] / sd, atol=1e-4)
    assert_allclose(tight.weights_, fit["tight"]["weights"], atol=1e-4)


def check_default(em, fit, X):
    truth = fit["default"]
    em.fit(X)
    assert em.converged_ is truth["converged"] is True
    assert em.n_iter_ == truth["n_iter"]
    assert em.lower_bound_ == pytest.approx(truth["lower_bound"], rel=1e-9)
    assert em.lower_bounds_[-1] == em.lower_bound_
    assert len(em.lower_bounds_) == em.n_iter_
    assert em.score(X) == pytest.approx(truth["score"], rel=1e-9)
    assert em.log_likelihood_ == pytest.approx(truth["loglik"], rel=1e-9)
    assert em.aic(X) == pytest.approx(truth["aic"], rel=1e-9)
    assert em.bic(X) == pytest.approx(truth["bic"], rel=1e-9)
    assert_allclose(em.weights_, truth["weights"], atol=1e-6)
    assert_allclose(em.means_, truth["means"], atol=1e-6)
    assert_allclose(em.covariances_, truth["covariances"], atol=1e-6)
    labels = np.array(list(truth["labels"])).astype(int) - 1
    assert_array_equal(em.predict(X), labels)


# -- attributes -----------------------------------------


@pytest.mark.parametrize(
    ("covariance_type", "shape"),
    [("full", (3, 2, 2)), ("tied", (2, 2)), ("diag", (3, 2)), ("spherical", (3,))],
)
def test_attributes_have_scikit_learns_shapes(covariance_type, shape, faithful):
    em = GaussianMixture(3, covariance_type=covariance_type, n_init=2, random_state=0)
    em.fit(faithful)
    for name in ("covariances_", "precisions_", "precisions_cholesky_"):
        assert getattr(em, name).shape == shape
    if covariance_type in ("full", "tied"):
        assert_allclose(em.precisions_, np.linalg.inv(em.covariances_), rtol=1e-8)
        upper = em.precisions_cholesky_
        assert_array_equal(upper, np.triu(upper))
        assert_allclose(upper @ np.swapaxes(upper, -1, -2), em.precisions_, rtol=1e-10)
    else:
        assert_allclose(em.precisions_, 1 / em.covariances_, rtol=1e-12)
        assert_allclose(em.precisions_cholesky_, em.precisions_**0.5, rtol=1e-12)
    assert em.weights_.sum() == pytest.approx(1.0, abs=1e-14)


def test_a_fit_tells_what_it_is(fitted, faithful):
    assert isinstance(fitted.parameters_, MixtureParameters)
    assert fitted.parameters_.feature_names == ("eruptions", "waiting")
    assert_array_equal(fitted.feature_names_in_, ["eruptions", "waiting"])
    assert fitted.n_features_in_ == 2
    assert fitted.status_.value == "The fit converged: use it."
    assert fitted.lower_bound_ == pytest.approx(fitted.score(faithful), rel=1e-12)
    assert fitted.log_likelihood_ == pytest.approx(272 * fitted.lower_bound_)
    summary = fitted.summary()
    assert "2 components, full covariances" in summary
    assert "log-likelihood -1130.2640" in summary
    assert "10 starts: 1 distinct optima" in summary
    assert "mean waiting" in summary
    assert repr(fitted) == "GaussianMixture(n_components=2, random_state=0)"


def test_unnamed_data_leave_no_names(fitted, faithful):
    em = clone(fitted).fit(faithful)
    assert hasattr(em, "feature_names_in_")
    em.fit(faithful.to_numpy())
    assert not hasattr(em, "feature_names_in_")
    assert em.parameters_.feature_names == ("x0", "x1")


@pytest.mark.parametrize(
    "convert",
    [
        pd.DataFrame.to_numpy,
        pl.from_pandas,
        lambda frame: frame.to_numpy().tolist(),
        lambda frame: np.asfortranarray(frame.to_numpy()),
        lambda frame: frame.set_axis([0, 1], axis=1),
        lambda frame: frame.set_axis([3, 1], axis=1),
    ],
    ids=["numpy", "polars", "lists", "fortran", "numbered", "numbered otherwise"],
)
def test_every_container_gives_the_same_fit(convert, faithful, fitted):
    X = convert(faithful)
    em = GaussianMixture(2, random_state=0).fit(X)
    assert_array_equal(em.covariances_, fitted.covariances_)
    assert_array_equal(em.predict(X), fitted.predict(faithful))


def test_float32_data_are_summed_in_float64(faithful):
    single = faithful.to_numpy(dtype=np.float32)
    a = GaussianMixture(2, random_state=0).fit(single)
    b = GaussianMixture(2, random_state=0).fit(single.astype(np.float64))
    assert a.means_.dtype == np.float64
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, rel=1e-9)


# -- using a fit -----------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
def test_scores_and_labels_by_definition(covariance_type, faithful):
    em = GaussianMixture(3, covariance_type=covariance_type, n_init=1, random_state=0)
    labels = em.fit_predict(faithful)
    joint = density(em, faithful)
    rows = np.log(joint.sum(1))
    assert_allclose(em.score_samples(faithful), rows, rtol=1e-10)
    assert em.score(faithful) == pytest.approx(rows.mean(), rel=1e-10)
    shares = joint / joint.sum(1, keepdims=True)
    assert_allclose(em.predict_proba(faithful), shares, atol=1e-10)
    assert_array_equal(em.predict(faithful), shares.argmax(1))
    assert_array_equal(labels, shares.argmax(1))


def test_criteria_by_definition(fitted, faithful):
    joint = density(fitted, faithful)
    total, surest = np.log(joint.sum(1)).sum(), (joint.max(1) / joint.sum(1))
    assert fitted.aic(faithful) == pytest.approx(-2 * total + 2 * 11)
    assert fitted.bic(faithful) == pytest.approx(-2 * total + 11 * np.log(272))
    icl = -2 * total + 11 * np.log(272) - 2 * np.log(surest).sum()
    assert fitted.icl(faithful) == pytest.approx(icl)


def test_score_takes_weights(fitted, faithful):
    weight = np.arange(272.0)
    rows = np.log(density(fitted, faithful).sum(1))
    expected = (weight * rows).sum() / weight.sum()
    assert fitted.score(faithful, sample_weight=weight) == pytest.approx(expected)


def test_samples_have_the_moments_of_the_fit(fitted):
    em = clone(fitted).set_params(random_state=5)
    em.parameters_ = fitted.parameters_
    n = 40_000
    X, labels = em.sample(n)
    assert X.shape == (n, 2)
    for k, weight in enumerate(fitted.weights_):
        rows, covariance = X[labels == k], fitted.covariances_[k]
        assert abs(len(rows) / n - weight) < 4 * np.sqrt(weight * (1 - weight) / n)
        se = np.sqrt(np.diag(covariance) / len(rows))
        assert (np.abs(rows.mean(0) - fitted.means_[k]) < 4 * se).all()
        sd = np.sqrt(np.diag(covariance))
        gap = (np.cov(rows.T) - covariance) / np.outer(sd, sd)
        assert np.abs(gap).max() < 4 * np.sqrt(2 / len(rows))


def test_samples_are_the_same_for_the_same_seed(fitted):
    a, b = fitted.sample(20), fitted.sample(20)
    assert_array_equal(a[0], b[0])
    assert_array_equal(a[1], b[1])


def test_a_fit_survives_pickle_and_clone_forgets_it(fitted, faithful):
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict_proba(faithful), fitted.predict_proba(faithful))
    assert not hasattr(clone(fitted), "parameters_")


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "score", "score_samples", "bic", "icl"]
)
def test_an_unfitted_estimator_says_so(method, faithful):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(GaussianMixture(2), method)(faithful)


# -- settings of the fit -----------------------------------------


def test_warm_start_goes_on_from_the_last_fit(faithful):
    em = GaussianMixture(3, max_iter=4, n_init=1, random_state=0, warm_start=True)
    with pytest.warns(ConvergenceWarning):
        first = em.fit(faithful).log_likelihood_
    with pytest.warns(ConvergenceWarning):
        second = em.fit(faithful).log_likelihood_
    assert second > first
    em.set_params(max_iter=1000).fit(faithful)
    assert em.converged_
    assert em.log_likelihood_ > second


def test_warm_start_refuses_another_shape(faithful):
    em = GaussianMixture(2, n_init=1, warm_start=True).fit(faithful)
    with pytest.raises(
        InputError, match="`warm_start` must continue a fit of the same"
    ):
        em.set_params(n_components=3).fit(faithful)


def test_max_iter_zero_keeps_the_start(faithful):
    means = [[2.0, 50.0], [4.0, 80.0]]
    em = GaussianMixture(2, max_iter=0, means_init=means).fit(faithful)
    assert_array_equal(em.means_, means)
    assert em.n_iter_ == 0
    assert not em.converged_


def test_given_means_fix_the_order_and_leave_one_start(faithful):
    means = [[2.0, 50.0], [4.0, 80.0]]
    em = GaussianMixture(2, means_init=means).fit(faithful)
    assert len(em.restarts_.runs) == 1
    assert em.weights_[0] < em.weights_[1]
    assert_allclose(em.means_[:, 1], [54.48, 79.97], atol=0.01)


def test_one_component_is_the_sample_mean_and_covariance(faithful):
    em = GaussianMixture().fit(faithful)
    assert_allclose(em.means_[0], faithful.mean())
    assert_allclose(em.covariances_[0], np.cov(faithful.T, bias=True))
    assert em.n_iter_ == 1
    assert len(em.restarts_.runs) == 1


def test_verbose_prints_runs_and_steps(faithful, capsys):
    settings = {"n_init": 2, "random_state": 0}
    GaussianMixture(2, verbose=1, **settings).fit(faithful)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Start 0: converged after")
    GaussianMixture(2, verbose=2, verbose_interval=1, **settings).fit(faithful)
    assert "  step 1: log-likelihood -" in capsys.readouterr().out
    GaussianMixture(2, **settings).fit(faithful)
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_pass():
    check_estimator(GaussianMixture())
