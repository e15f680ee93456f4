"""Units, origins and precision of the data change nothing but the units of a fit."""

import numpy as np
import oracle_families
import pytest
from numpy.testing import assert_allclose
from some_slow import some_slow
from test_em import objective_of

from bayesgmm import GaussianMixture
from bayesgmm.covariances import FAMILIES, covariance_family
from bayesgmm.em import run_em
from bayesgmm.parameters import MixtureParameters

# Models that stay themselves when a feature gets another unit.
FREE_OF_UNITS = some_slow(
    ("EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVV", "VVV"), fast=("VEE", "VVV")
)


def some_data(n=120, seed=1):
    """Return three clear groups, in multiples of 2^-12: exact even beside 2^27."""
    rng = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.3, 0.2], [0.0, 0.8, -0.3], [0.1, 0.0, 0.5]])
    centres = [(1.0, (0, 0, 0)), (0.7, (4, 1, 0)), (1.3, (-1, 5, 2))]
    groups = [s * rng.normal(size=(n // 3, 3)) @ mixing + m for s, m in centres]
    return np.round(np.concatenate(groups) * 2**12) / 2**12


def fit(X, family):
    em = GaussianMixture(3, covariance_type=family.name, n_init=2, random_state=0)
    return em.fit(X)


def assert_same_covariances(got, expected, tolerance=1e-6):
    """Compare in units of the standard deviations."""
    sds = np.sqrt(np.diagonal(expected, axis1=1, axis2=2))
    units = sds[:, :, None] * sds[:, None, :]
    assert_allclose(got / units, expected / units, rtol=0, atol=tolerance)


@pytest.fixture(scope="module", params=some_slow(FAMILIES))
def plain(request):
    """Return a family and its fit of the data as they are."""
    family = covariance_family(request.param)
    return family, fit(some_data(), family)


@pytest.mark.parametrize(
    ("scale", "shift"),
    [
        pytest.param(1.0, 2.0**27, id="shift"),
        pytest.param(1e-8, 0.0, id="small"),
        pytest.param(1e8, 0.0, id="large"),
    ],
)
def test_units_and_origin_change_no_fit(plain, scale, shift):
    assert_same_fit(*plain, np.full(3, scale), shift)


@pytest.mark.parametrize("plain", FREE_OF_UNITS, indirect=True)
@pytest.mark.parametrize(
    "scale",
    [
        pytest.param([1.0, 1e6, 1.0], id="one large"),
        pytest.param([1.0, 1.0, 1e-6], id="one small"),
    ],
)
def test_units_of_one_feature_change_no_fit(plain, scale):
    assert_same_fit(*plain, np.array(scale))


def assert_same_fit(family, expected, scale, shift=0.0):
    """Fit the data in other units, and compare once they are undone."""
    X = some_data()
    em = fit(X * scale + shift, family)
    log_likelihood = em.log_likelihood_ + len(X) * np.log(scale).sum()
    assert log_likelihood == pytest.approx(expected.log_likelihood_, rel=1e-9)
    covariances = em.parameters_.covariances / np.outer(scale, scale)
    assert_same_covariances(covariances, expected.parameters_.covariances)
    sds = X.std(axis=0)
    means = (em.means_ - shift) / scale
    assert_allclose(means / sds, expected.means_ / sds, atol=1e-6)
    assert_allclose(em.weights_, expected.weights_, atol=1e-6)


def test_single_precision_is_that_of_the_data_only(plain):
    family, _ = plain
    X = (some_data() * np.pi).astype(np.float32)
    em, expected = fit(X, family), fit(X.astype(np.float64), family)
    assert em.log_likelihood_ == pytest.approx(expected.log_likelihood_, rel=1e-12)
    assert_same_covariances(
        em.parameters_.covariances, expected.parameters_.covariances, 1e-10
    )


@pytest.mark.parametrize("name", some_slow(FAMILIES))
@pytest.mark.parametrize(
    "scale",
    [
        pytest.param([1.0, 1.0, 1.0], id="as they are"),
        pytest.param([1.0, 1e6, 1.0], id="one large"),
        pytest.param([1e6, 1.0, 1e-6], id="all apart"),
    ],
)
def test_steps_are_those_of_fifty_digits(name, scale):
    family = covariance_family(name)
    X = some_data(45)
    groups = np.split(X * np.array(scale), 3)
    X = np.concatenate(groups)
    start = MixtureParameters(
        np.full(3, 1 / 3),
        np.array([group.mean(axis=0) for group in groups]),
        np.array([np.diag(X.var(axis=0))] * 3),
        family.name,
        ("x0", "x1", "x2"),
    )
    run = run_em(objective_of(X, family.name), start, max_iter=8, tol=0.0)
    log_likelihood, weights, means, covariances = oracle_families.em(
        X, start.weights, start.means, start.covariances, family.mclust_name, 8
    )
    assert run.n_iter == 8
    assert run.log_likelihood == pytest.approx(log_likelihood, rel=1e-9)
    assert_allclose(run.parameters.weights, weights, rtol=1e-7)
    assert_allclose(run.parameters.means, means, rtol=1e-7)
    assert_same_covariances(run.parameters.covariances, covariances)
