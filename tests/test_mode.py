"""`find_mode`: densities whose mode and curvature are known."""

import numpy as np
import pytest

from bayesgmm.marginal.mode import curvature, find_mode

RNG = np.random.default_rng(3)
ROOT = RNG.standard_normal((4, 4)) + 2 * np.eye(4)
PRECISION = ROOT @ ROOT.T
CENTRE = np.array([3.0, -1.0, 200.0, 0.1])


def normal(x):
    gradient = -PRECISION @ (x - CENTRE)
    return 0.5 * gradient @ (x - CENTRE) + 7.0, gradient


def log_gamma(x):
    """Log of Gamma(4, 1) variables: the mode is log 4, where the curvature is 4."""
    return float((4 * x - np.exp(x)).sum()), 4 - np.exp(x)


def test_normal_density():
    mode = find_mode(normal, CENTRE + 1.0)
    assert mode.found
    assert mode.log_density == pytest.approx(7.0, abs=1e-9)
    np.testing.assert_allclose(mode.centre, CENTRE, atol=1e-5)
    np.testing.assert_allclose(mode.precision, PRECISION, rtol=1e-5)
    covariance = np.linalg.inv(PRECISION)
    np.testing.assert_allclose(mode.root @ mode.root.T, covariance, rtol=1e-5)


def test_log_gamma_density():
    mode = find_mode(log_gamma, np.zeros(2))
    assert mode.found
    np.testing.assert_allclose(mode.centre, np.log(4.0), atol=1e-4)
    np.testing.assert_allclose(mode.precision, 4 * np.eye(2), atol=1e-3)


def test_curvature_anywhere():
    """Of the log-gamma density it is exp(x)."""
    x = np.array([-1.0, 2.0])
    np.testing.assert_allclose(
        curvature(log_gamma, x), np.diag(np.exp(x)), rtol=1e-7, atol=1e-9
    )


def test_a_saddle_is_no_mode():
    """The start has no gradient, so that no climb leaves it."""

    def saddle(x):
        return 0.5 * (x[0] ** 2 - x[1] ** 2), np.array([x[0], -x[1]])

    mode = find_mode(saddle, np.zeros(2))
    assert not mode.found
    assert np.linalg.eigvalsh(mode.precision)[0] > 0


def test_a_slope_without_end_is_no_mode():
    mode = find_mode(lambda x: (float(x.sum()), np.ones(2)), np.zeros(2))
    assert not mode.found
    assert np.isfinite(mode.root).all()
