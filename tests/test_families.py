"""EM with mclust's families ends where mclust does, or where it should have."""

import warnings

import numpy as np
import pytest
from test_em import numbers, objective_of

import bayesgmm as bg
from bayesgmm import GaussianMixture
from bayesgmm.covariances import FAMILIES
from bayesgmm.em import Status, run_em
from bayesgmm.errors import CollapseWarning, InputError
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import GRADIENT_TOLERANCE

NAMES = [name for name in FAMILIES if name.isupper()]
SETS = ["faithful", "iris", "diabetes", "penguins"]


def run_from(X, labels, name):
    """Run EM from the M-step of a partition."""
    groups = [X[labels == k] for k in np.unique(labels)]
    counts = np.array([len(group) for group in groups], dtype=float)
    scatters = np.array(
        [n * np.cov(g.T, bias=True) for g, n in zip(groups, counts, strict=True)]
    )
    start = MixtureParameters(
        counts / len(X),
        np.array([group.mean(axis=0) for group in groups]),
        FAMILIES[name].estimate(scatters, counts),
        name,
        tuple(f"x{j}" for j in range(X.shape[1])),
    )
    return run_em(objective_of(X, name), start, max_iter=5000)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", SETS)
def test_fits_from_mclust_partitions_end_where_mclust_does(data, name, golden):
    X, partitions = numbers(data), golden("mclust_fits.json")[data]["init_labels"]
    fits = [fit for fit in golden("mclust_families.json")[data] if fit["model"] == name]
    assert len(fits) == 5
    for fit in fits:
        run = run_from(X, np.array(list(partitions[str(fit["G"])])).astype(int), name)
        if fit["compare"] == "none":
            assert run.status in (Status.CONVERGED, Status.COLLAPSED)
            continue
        assert run.parameters.n_parameters == fit["df"]
        assert run.status is Status.CONVERGED
        assert run.gradient_norm <= GRADIENT_TOLERANCE
        if fit["compare"] == "equal":
            assert run.log_likelihood == pytest.approx(fit["loglik"], abs=1e-3)
        if "exact" in fit:
            assert run.log_likelihood == pytest.approx(fit["exact"], abs=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_the_estimator_takes_every_family(name):
    X = numbers("iris")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        em = GaussianMixture(3, covariance_type=name, n_init=4, random_state=0).fit(X)
    assert em.converged_
    assert em.covariances_.shape == (3, 4, 4)
    assert np.all(np.diff(em.lower_bounds_) > -1e-12)
    again = FAMILIES[name].estimate(
        150 * em.weights_[:, None, None] * em.covariances_, 150 * em.weights_
    )
    np.testing.assert_allclose(again, em.covariances_, rtol=1e-7, atol=1e-9)


def test_mclusts_name_of_a_family_of_scikit_learn_is_the_same():
    X = numbers("iris")
    settings = {"n_init": 2, "random_state": 0}
    for name, other in [("VVV", "full"), ("VII", "spherical")]:
        a = GaussianMixture(2, covariance_type=name, **settings).fit(X)
        b = GaussianMixture(2, covariance_type=other, **settings).fit(X)
        np.testing.assert_array_equal(a.covariances_, b.covariances_)


def test_mclusts_names_start_a_posterior():
    X = numbers("iris")
    em = GaussianMixture(2, covariance_type="EEE", n_init=2, random_state=0).fit(X)
    assert bg.build_model(X, 2, "EEE", init=em).target.em is not None


def _fit_by_em(X, n_components, name):
    return GaussianMixture(n_components, covariance_type=name).fit(X)


@pytest.mark.parametrize(("name", "same"), [("E", "tied"), ("V", "full")])
def test_mclusts_names_for_one_feature(name, same):
    X = numbers("galaxies")
    assert bg.default_priors(X, 2, name).means.scale.shape == (1,)
    assert bg.build_model(X, 2, name) is not None
    for refuse in (bg.default_priors, bg.build_model, bg.fit, _fit_by_em):
        with pytest.raises(InputError, match=f"2 features; got '{name}'"):
            refuse(numbers("faithful"), 2, name)
    a, b = (
        GaussianMixture(2, covariance_type=each, n_init=1, random_state=0).fit(X)
        for each in (name, same)
    )
    np.testing.assert_array_equal(a.covariances_, b.covariances_)
