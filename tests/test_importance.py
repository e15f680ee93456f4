"""Pareto k-hat of ratios whose tail is known."""

import numpy as np
import pytest

from bayesgmm.importance import pareto_k


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_shape_of_a_pareto_tail(shape):
    """Ratios u^-shape; the estimate's standard error is about (1 + k) / sqrt(tail)."""
    uniform = np.random.default_rng(1).random((1, 40_000))
    error = abs(pareto_k(-shape * np.log(uniform)) - shape)
    assert error < 4 * (1 + shape) / np.sqrt(3 * np.sqrt(40_000))


def test_large_densities_of_the_approximation_do_no_harm():
    """It is large ratios that spoil an average: here the smallest have a long tail."""
    exponential = np.random.default_rng(2).standard_exponential(4000)
    assert pareto_k(-5 * exponential) < 0.3


def test_equal_ratios_are_perfect():
    assert pareto_k(np.full(100, -12.3) + 1e-9 * np.arange(100)) == -np.inf


@pytest.mark.parametrize("bad", [[0.0, np.nan, 1.0], [0.0, 1.0], np.arange(24.0)])
def test_what_cannot_be_told_is_nan(bad):
    assert np.isnan(pareto_k(bad))
