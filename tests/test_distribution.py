"""`MvNormalMixture` against `pm.Mixture` of `pm.MvNormal`, and its random draws."""

from functools import cache

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import stats

import bayesgmm as bg

FAST = "FAST_COMPILE"
N, K = 40, 3


def factors(rng, covariance_type, d):
    """Return random Cholesky factors of a family's covariances."""
    if covariance_type == "spherical":
        return rng.uniform(0.5, 2, K)[:, None, None] * np.eye(d)
    if covariance_type == "diag":
        return rng.uniform(0.5, 2, (K, d))[:, :, None] * np.eye(d)
    n = 1 if covariance_type == "tied" else K
    lower = np.tril(rng.normal(size=(n, d, d)), -1) + rng.uniform(0.5, 2, (n, 1, d)) * (
        np.eye(d)
    )
    return np.broadcast_to(lower, (K, d, d)).copy()


def problem(seed, covariance_type, d):
    rng = np.random.default_rng(seed)
    values = (
        rng.dirichlet(np.ones(K)),
        rng.normal(size=(K, d)),
        factors(rng, covariance_type, d),
    )
    return 2 * rng.normal(size=(N, d)), rng.uniform(0, 3, N), values


def symbols(d):
    shapes = ((K,), (K, d), (K, d, d))
    return [pt.tensor(dtype="float64", shape=shape) for shape in shapes]


def ours(X, w, mu, lower, sample_weight=None):
    mixture = bg.MvNormalMixture.dist(
        w, mu, lower, sample_weight, shape=(N, mu.type.shape[1])
    )
    return pm.logp(mixture, X)


def theirs(X, w, mu, lower):
    components = [pm.MvNormal.dist(mu=mu[k], chol=lower[k]) for k in range(K)]
    return pm.logp(pm.Mixture.dist(w, components, shape=(N, mu.type.shape[1])), X)


@cache
def compiled(likelihood, d, mode=FAST):
    """Compile rows and gradients of ``sum(cotangent * rows)``."""
    X, weight, cotangent, parameters = pt.matrix(), pt.vector(), pt.vector(), symbols(d)
    weights = (weight,) if likelihood is ours else ()
    rows = likelihood(X, *parameters, *weights)
    gradients = pytensor.grad((cotangent * rows).sum(), parameters)
    return pytensor.function(
        [X, *parameters, weight, cotangent],
        [rows, *gradients],
        mode=mode,
        on_unused_input="ignore",
    )


def lower_only(gradients):
    *others, in_cholesky = gradients
    return [*others, np.tril(in_cholesky)]


def assert_close(got, expected):
    for g, e in zip(lower_only(got), lower_only(expected), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-8, atol=1e-8 * np.abs(e).max())


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_pm_mixture_in_value_and_gradient(d, covariance_type, weighted):
    X, weight, values = problem(d, covariance_type, d)
    weight = weight if weighted else np.ones(N)
    rows, *expected = compiled(theirs, d)(X, *values, weight, weight)
    got_rows, *got = compiled(ours, d)(X, *values, weight, np.ones(N))
    np.testing.assert_allclose(got_rows, weight * rows, rtol=1e-10)
    assert_close(got, expected)


@pytest.mark.parametrize(("mode", "d"), [(FAST, 2), (FAST, 5), ("NUMBA", 2)])
def test_gradient_of_any_weighting_of_the_rows(mode, d):
    X, weight, values = problem(7, "full", d)
    cotangent = np.random.default_rng(0).normal(size=N)
    _, *expected = compiled(theirs, d)(X, *values, weight, weight * cotangent)
    _, *got = compiled(ours, d, mode)(X, *values, weight, cotangent)
    assert_close(got, expected)


def test_one_row_is_a_vector():
    X, _, (w, mu, lower) = problem(1, "full", 2)
    mixture = bg.MvNormalMixture.dist(w, mu, lower)
    got = pm.logp(mixture, X[0]).eval(mode=FAST)
    densities = [
        stats.multivariate_normal(mu[k], lower[k] @ lower[k].T).pdf(X[0])
        for k in range(K)
    ]
    assert got.shape == ()
    assert got == pytest.approx(np.log(w @ densities), rel=1e-12)


def test_second_derivatives_are_refused():
    parameters = symbols(2)
    first = pytensor.grad(ours(np.zeros((N, 2)), *parameters).sum(), parameters[1])
    with pytest.raises(NotImplementedError, match="second derivatives"):
        pytensor.grad(first.sum(), parameters[1])


def test_draws_follow_the_mixture():
    """Kolmogorov-Smirnov on six projections; false alarm 1e-6 each."""
    _, _, (w, mu, lower) = problem(3, "full", 3)
    draws = pm.draw(
        bg.MvNormalMixture.dist(w, mu, lower, shape=(20_000, 3)),
        random_seed=5,
        mode=FAST,
    )
    directions = np.vstack([np.eye(3), np.random.default_rng(0).normal(size=(3, 3))])
    for a in directions:
        sds = np.linalg.norm(np.swapaxes(lower, 1, 2) @ a, axis=1)

        def cdf(x, centres=mu @ a, sds=sds):
            return stats.norm.cdf((x[:, None] - centres) / sds) @ w

        assert stats.kstest(draws @ a, cdf).pvalue > 1e-6
