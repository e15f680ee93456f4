"""Splits: the same moments in halves, and starts of one more component."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bayesgmm import GaussianMixture, datasets
from bayesgmm.covariances import FAMILIES
from bayesgmm.em import Status, run_em
from bayesgmm.fitting import build_objective
from bayesgmm.moves import duplicate, split, split_starts
from bayesgmm.validation import check_table


def fitted(name, n_components, covariance_type, **settings):
    """Return a fit and the objective it maximises."""
    settings = {"n_init": 3, "random_state": 0, **settings}
    em = GaussianMixture(n_components, covariance_type=covariance_type, **settings)
    table = check_table(datasets.load(name))
    return em.fit(table), build_objective(em, table, None)


def moments_of_mixture(parameters):
    mean = parameters.weights @ parameters.means
    second = parameters.covariances + np.einsum(
        "ki,kj->kij", parameters.means - mean, parameters.means - mean
    )
    return mean, np.einsum("k,kij->ij", parameters.weights, second)


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_halves_have_the_moments_of_the_whole(covariance_type):
    em, _ = fitted("iris", 2, covariance_type)
    whole = em.parameters_
    shift = 0.5 * np.linalg.cholesky(whole.covariances[1])[:, 0]
    halves = split(whole, 1, shift)
    assert_allclose(halves.weights, [whole.weights[0], *2 * [whole.weights[1] / 2]])
    assert_allclose(halves.means[1:], whole.means[1] + np.outer([-1, 1], shift))
    for mine, theirs in zip(*map(moments_of_mixture, (halves, whole)), strict=True):
        assert_allclose(mine, theirs, atol=1e-12)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_component_twice_is_the_same_density(covariance_type):
    em, objective = fitted("iris", 2, covariance_type, n_init=1)
    twice = duplicate(em.parameters_, 0)
    assert twice.n_components == 3
    step = objective.step(twice)
    assert step.log_likelihood == pytest.approx(em.log_likelihood_, rel=1e-13)
    # A member of the larger family, so nothing pulls at it.
    assert step.gradient_norm < 1e-6


@pytest.mark.parametrize("covariance_type", ["full", "tied", "spherical", "VEV"])
def test_the_most_promising_split_comes_first(covariance_type):
    em, objective = fitted("faithful", 2, covariance_type)
    starts = list(split_starts(em.parameters_, objective))
    assert {start.n_components for start in starts} == {3}
    values = [objective.step(start).log_likelihood for start in starts]
    assert np.diff(values[:-1]).max() < 1.0  # one more step may change places of equals
    assert values[0] > em.log_likelihood_ + 1.0
    assert values[-1] == pytest.approx(em.log_likelihood_, rel=1e-13)
    assert_array_equal(starts[-1].means[-1], em.means_[0])


def test_a_split_of_one_component_finds_both_groups():
    """The best of many random starts, from the one-component fit alone."""
    one, objective = fitted("faithful", 1, "full")
    best = next(split_starts(one.parameters_, objective))
    run = run_em(objective, best, max_iter=1000)
    assert run.status is Status.CONVERGED
    assert run.log_likelihood == pytest.approx(-1130.26396018, abs=1e-6)


def test_splits_know_no_units():
    em, objective = fitted("iris", 2, "full")
    X = datasets.load("iris").to_numpy() * [1e-6, 1.0, 1e6, 3.0] + 5.0
    moved = GaussianMixture(2, n_init=3, random_state=0)
    there = build_objective(moved, check_table(X), None)
    moved.fit(X)
    a = [objective.step(s).objective for s in split_starts(em.parameters_, objective)]
    b = [there.step(s).objective for s in split_starts(moved.parameters_, there)]
    assert_allclose(np.subtract(b, b[-1]), np.subtract(a, a[-1]), atol=1e-4)
