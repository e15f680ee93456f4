"""Splits and merges: moments are kept, and poor optima are left."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bayesgmm import GaussianMixture, datasets
from bayesgmm.candidates import splits
from bayesgmm.covariances import FAMILIES
from bayesgmm.em import Status, run_em
from bayesgmm.fitting import build_objective
from bayesgmm.kernels.reduce import log_likelihood_rows
from bayesgmm.moves import (
    cuts,
    duplicate,
    merge,
    merge_cost,
    split,
    split_merge_starts,
)
from bayesgmm.parameters import MixtureParameters
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


def test_the_most_promising_split_comes_first():
    em, objective = fitted("faithful", 2, "full")
    starts = [each.start for each in splits(em.parameters_, objective, 3)]
    assert {start.n_components for start in starts} == {3}
    values = [objective.step(start).log_likelihood for start in starts]
    assert values[0] > em.log_likelihood_
    assert values == sorted(values, reverse=True)


def test_a_split_of_one_component_finds_both_groups():
    """The best of many random starts, from the one-component fit alone."""
    one, objective = fitted("faithful", 1, "full")
    best = splits(one.parameters_, objective, 2)[0].start
    run = run_em(objective, best, max_iter=1000)
    assert run.status is Status.CONVERGED
    assert run.log_likelihood == pytest.approx(-1130.26396018, abs=1e-6)


def test_splits_know_no_units():
    em, objective = fitted("iris", 2, "full")
    X = datasets.load("iris").to_numpy() * [1e-6, 1.0, 1e6, 3.0] + 5.0
    moved = GaussianMixture(2, n_init=3, random_state=0)
    there = build_objective(moved, check_table(X), None)
    moved.fit(X)
    a = [objective.step(s).objective for s in cuts(em.parameters_, objective)]
    b = [there.step(s).objective for s in cuts(moved.parameters_, there)]
    assert_allclose(np.subtract(b, b[-1]), np.subtract(a, a[-1]), atol=1e-4)


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_a_merge_keeps_the_moments(covariance_type):
    em, _ = fitted("iris", 3, covariance_type)
    merged = merge(em.parameters_, 0, 2)
    assert merged.n_components == 2
    assert merged.weights[0] == pytest.approx(em.weights_[[0, 2]].sum())
    assert_array_equal(merged.means[1], em.means_[1])
    both = zip(*map(moments_of_mixture, (merged, em.parameters_)), strict=True)
    for mine, theirs in both:
        assert_allclose(mine, theirs, atol=1e-12)


def test_the_cost_of_a_merge_bounds_what_it_loses():
    """Runnalls' bound on the divergence, by quadrature."""
    mixture = MixtureParameters(
        np.array([0.3, 0.5, 0.2]),
        np.array([[0.0], [1.5], [6.0]]),
        np.array([[[1.0]], [[2.0]], [[0.5]]]),
        "full",
        ("x0",),
    )
    x = np.linspace(-15, 20, 200_001)[:, None]
    density = np.exp(log_likelihood_rows(x, mixture.quadratics))
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        after = log_likelihood_rows(x, merge(mixture, i, j).quadratics)
        divergence = np.trapezoid(density * (np.log(density) - after), x[:, 0])
        cost = merge_cost(mixture, i, j)
        assert 0 < divergence < cost < 20 * divergence
    assert merge_cost(duplicate(mixture, 1), 1, 3) == pytest.approx(0, abs=1e-12)


def three_groups(seed=0):
    rng = np.random.default_rng(seed)
    groups = [rng.normal(m, 1.0, size=(100, 2)) for m in (0, 10, 20)]
    return np.concatenate(groups)


def poor_start():
    """Two components share the first group, one covers the other two."""
    return MixtureParameters(
        np.full(3, 1 / 3),
        np.array([[-0.7, -0.7], [0.7, 0.7], [15.0, 15.0]]),
        np.array([np.eye(2), np.eye(2), 26 * np.ones((2, 2)) + np.eye(2)]),
        "full",
        ("x0", "x1"),
    )


def test_moves_leave_a_poor_optimum():
    X = three_groups()
    em = GaussianMixture(3, random_state=0).fit(X)
    objective = build_objective(em, check_table(X), None)
    stuck = run_em(objective, poor_start(), max_iter=1000)
    assert stuck.log_likelihood < em.log_likelihood_ - 100
    first = split_merge_starts(stuck.parameters, objective)[0]
    freed = run_em(objective, first, max_iter=1000)
    assert freed.log_likelihood == pytest.approx(em.log_likelihood_, abs=1e-6)


def test_a_fit_moves_on_unless_it_is_told_where_to_begin():
    X = three_groups()
    settings = {"n_init": 1, "init_params": "random_from_data"}
    ends = {
        moves: [
            GaussianMixture(3, split_merge=moves, random_state=s, **settings).fit(X)
            for s in range(8)
        ]
        for moves in (False, True)
    }
    best = max(em.log_likelihood_ for em in ends[True])
    values = {m: np.array([em.log_likelihood_ for em in ends[m]]) for m in ends}
    assert (values[False] < best - 100).any()
    assert (values[True] > best - 1e-6).all()
    # A move that led higher is a run like the others; one that did not leaves none.
    counts = np.array([len(em.restarts_.runs) for em in ends[True]])
    assert_array_equal(counts > 1, values[False] < best - 1e-6)
    start = poor_start()
    told = GaussianMixture(
        3,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    ).fit(X)
    assert told.log_likelihood_ < best - 100
