"""Random matrices and numbers against SciPy's distributions, false alarms 1e-4 each."""

import numpy as np
import pytest
from scipy import stats

from bayesgmm.kernels import random_matrices as kernels

FALSE_ALARM = 1e-4
SCALE = np.array([[2.0, 0.5, -0.3], [0.5, 1.0, 0.2], [-0.3, 0.2, 3.0]])
ROOT = np.linalg.cholesky(SCALE)
PROJECTIONS = np.array([[1.0, 0, 0], [0, 0, 1.0], [1.0, -2.0, 0.5]])


@pytest.mark.parametrize("shape", [1e-3, 0.3, 1.0, 7.5])
def test_log_gamma(shape):
    rng = np.random.default_rng(1)
    x = np.array([kernels.draw_log_gamma(rng, shape) for _ in range(20_000)])
    assert np.isfinite(x).all()
    assert stats.kstest(x, stats.loggamma(shape).cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("power", "a", "b"),
    [
        (-2.5, 1.0, 0.3),
        (0.0, 2.0, 1e-6),
        (-1.5, 1.0, 40.0),
        (2.5, 0.3, 5.0),
        (0.5, 1.0, 1.0),
        (-30.0, 1.0, 1e-3),
        (-0.5, 1e3, 1e3),
    ],
)
def test_generalized_inverse_gaussian(power, a, b):
    rng = np.random.default_rng(2)
    x = [kernels.draw_inverse_gaussian(rng, power, a, b) for _ in range(20_000)]
    exact = stats.geninvgauss(power, np.sqrt(a * b), scale=np.sqrt(b / a))
    places = np.quantile(x, np.linspace(0, 1, 1001))  # the function is slow
    below = exact.cdf(places)
    p = stats.kstest(x, lambda values: np.interp(values, places, below)).pvalue
    assert p > FALSE_ALARM


@pytest.mark.parametrize("degrees", [2.5, 3.0, 11.0])
def test_wishart(degrees):
    """Quadratic forms are chi-squared; the determinant a product of such."""
    rng = np.random.default_rng(3)
    draws = np.empty((10_000, 3, 3))
    for out in draws:
        kernels.draw_wishart(rng, degrees, ROOT, out)
    inverse = np.linalg.inv(SCALE)
    for v in PROJECTIONS:
        forms = np.einsum("i,tij,j->t", v, draws, v) / (v @ inverse @ v)
        assert stats.kstest(forms, stats.chi2(degrees).cdf).pvalue > FALSE_ALARM
    np.testing.assert_array_equal(draws, np.swapaxes(draws, 1, 2))
    logs = np.linalg.slogdet(draws @ SCALE)[1]
    other = np.log(rng.chisquare(degrees - np.arange(3), (10_000, 3))).sum(1)
    assert stats.ks_2samp(logs, other).pvalue > FALSE_ALARM


@pytest.mark.parametrize("degrees", [2.5, 8.0])
def test_inverse_wishart_and_its_factors(degrees):
    rng = np.random.default_rng(4)
    precisions = np.empty((10_000, 3, 3))
    lower, upper = np.empty((3, 3)), np.empty((3, 3))
    for out in precisions:
        kernels.draw_inverse_wishart(rng, degrees, ROOT, lower, upper)
        out[:] = upper @ upper.T
    np.testing.assert_array_equal(lower, np.tril(lower))
    np.testing.assert_array_equal(upper, np.triu(upper))
    np.testing.assert_allclose(lower @ upper.T, np.eye(3), atol=1e-12)
    for v in PROJECTIONS:
        forms = np.einsum("i,tij,j->t", v, precisions, v)
        forms = forms / (v @ np.linalg.inv(SCALE) @ v)
        assert stats.kstest(forms, stats.chi2(degrees).cdf).pvalue > FALSE_ALARM
    logs = np.linalg.slogdet(precisions @ SCALE)[1]
    other = np.log(rng.chisquare(degrees - np.arange(3), (10_000, 3))).sum(1)
    assert stats.ks_2samp(logs, other).pvalue > FALSE_ALARM
