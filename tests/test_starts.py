"""Ways to begin: what each makes, and where EM goes from what the user gives."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bayesgmm import GaussianMixture, InputError, datasets
from bayesgmm.covariances import FAMILIES
from bayesgmm.kernels.reduce import log_joint, responsibilities
from bayesgmm.starts import INIT_PARAMS, temper

BY_CHANCE = [name for name, way in INIT_PARAMS.items() if way.by_chance]


def numbers(name):
    return datasets.load(name).to_numpy(dtype=float)


def fit(X, n_components=3, **settings):
    settings = {"random_state": 0, "n_init": 1, "split_merge": False, **settings}
    return GaussianMixture(n_components, **settings).fit(X)


# -- ways --------------------------------------------------------------------------


@pytest.mark.parametrize("init_params", INIT_PARAMS)
def test_every_way_leads_to_a_fit(init_params):
    em = fit(numbers("faithful"), 2, init_params=init_params)
    assert em.converged_
    assert em.log_likelihood_ == pytest.approx(-1130.26396018, abs=1e-6)


@pytest.mark.parametrize("init_params", INIT_PARAMS)
def test_a_seed_gives_the_same_bits(init_params):
    X = numbers("iris")
    a, b, c = (
        fit(X, 4, covariance_type="tied", init_params=init_params, random_state=s)
        for s in (1, 1, 2)
    )
    assert_array_equal(a.means_, b.means_)
    if init_params not in BY_CHANCE:
        assert_array_equal(a.means_, c.means_)


@pytest.mark.parametrize("init_params", INIT_PARAMS)
def test_ways_left_to_chance_make_as_many_starts_as_asked(init_params):
    em = fit(numbers("faithful"), 3, init_params=init_params, n_init=3)
    assert len(em.restarts_.runs) == (3 if init_params in BY_CHANCE else 1)


def test_a_row_of_weight_two_is_the_row_twice_for_a_tree():
    X, weight = numbers("iris"), np.tile([1, 2, 3], 50)
    em = GaussianMixture(3, init_params="hierarchical", split_merge=False)
    twice = fit(np.repeat(X, weight, axis=0), init_params="hierarchical")
    assert_allclose(em.fit(X, sample_weight=weight).means_, twice.means_, atol=1e-6)


@pytest.mark.slow
def test_short_runs_beat_single_starts():
    """Of eight seeds each, more reach the best optimum known."""
    X, best = numbers("iris"), []
    for init_params in ("k-means++", "small_em"):
        values = [
            fit(X, 3, init_params=init_params, random_state=s).log_likelihood_
            for s in range(8)
        ]
        best.append(np.sum(np.array(values) > -180.19))
    assert best[1] >= best[0] + 2


@pytest.mark.parametrize("power", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_tempered_responsibilities_are_those_of_the_definition(power, covariance_type):
    X = numbers("iris")
    parameters = fit(X, 3, covariance_type=covariance_type).parameters_
    joint = power * log_joint(X, parameters.quadratics)
    expected = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    tempered = temper(parameters, power)
    assert_allclose(responsibilities(X, tempered.quadratics), expected, atol=1e-9)
    assert tempered.weights.sum() == pytest.approx(1)


# -- what the user gives -----------------------------------------------------------


def some_responsibilities(n, k, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=n)


def m_step(X, shares):
    """Return weights, means and full covariances by definition."""
    counts = shares.sum(axis=0)
    means = shares.T @ X / counts[:, None]
    covariances = [
        sum(r * np.outer(x - m, x - m) for r, x in zip(column, X, strict=True)) / c
        for column, m, c in zip(shares.T, means, counts, strict=True)
    ]
    return counts / counts.sum(), means, np.array(covariances)


def test_em_begins_with_the_m_step_of_responsibilities():
    X = numbers("iris")
    shares = some_responsibilities(150, 3)
    with pytest.warns(UserWarning, match="did not converge"):
        em = fit(X, responsibilities_init=shares, max_iter=1)
    weights, means, covariances = m_step(X, shares)
    begun = fit_from(X, weights, means, covariances)
    assert em.lower_bounds_ == pytest.approx(begun.lower_bounds_, rel=1e-12)
    assert_allclose(em.means_, begun.means_, rtol=1e-9)
    assert_allclose(em.covariances_, begun.covariances_, rtol=1e-7, atol=1e-9)


def fit_from(X, weights, means, covariances):
    em = GaussianMixture(
        len(weights),
        weights_init=weights,
        means_init=means,
        precisions_init=np.linalg.inv(covariances),
        max_iter=1,
    )
    with pytest.warns(UserWarning, match="did not converge"):
        return em.fit(X)


def test_labels_are_responsibilities_of_one_and_zero():
    X = numbers("iris")
    labels = np.repeat([2, 0, 1], 50)
    a = fit(X, responsibilities_init=labels)
    b = fit(X, responsibilities_init=np.eye(3)[labels].tolist())
    assert_array_equal(a.means_, b.means_)
    # Components keep the numbers of the labels, and there is one start, without moves.
    assert_allclose(a.means_[2], X[:50].mean(axis=0), atol=0.05)
    assert len(GaussianMixture(3, responsibilities_init=labels).fit(X).optima_) == 1


@pytest.mark.parametrize("covariance_type", ["full", "VEV", "tied", "EII"])
def test_weights_of_rows_count_in_the_first_m_step(covariance_type):
    X, weight = numbers("iris"), np.tile([0, 2, 1], 50)
    shares = some_responsibilities(150, 3, seed=1)
    settings = {"covariance_type": covariance_type, "n_init": 1}
    weighted = GaussianMixture(3, responsibilities_init=shares, **settings)
    weighted.fit(X, sample_weight=weight)
    repeated = np.repeat(np.arange(150), weight)
    twice = GaussianMixture(3, responsibilities_init=shares[repeated], **settings)
    twice.fit(X[repeated])
    assert weighted.lower_bounds_[0] == pytest.approx(twice.lower_bounds_[0], rel=1e-12)
    assert_allclose(weighted.means_, twice.means_, atol=1e-6)


@pytest.mark.parametrize("name", ["faithful", "iris", "diabetes"])
def test_fits_from_labels_of_mclust_end_where_mclust_does(name, golden):
    content, X = golden("mclust_fits.json")[name], numbers(name)
    for case in content["fits"]:
        if case["compare"] != "equal":
            continue
        labels = np.array(list(content["init_labels"][str(case["G"])])).astype(int)
        em = fit(
            X,
            case["G"],
            covariance_type=case["covariance_type"],
            responsibilities_init=np.unique(labels, return_inverse=True)[1],
            max_iter=5000,
        )
        assert em.log_likelihood_ == pytest.approx(case["loglik"], abs=1e-6)


REFUSED = [
    (np.ones((150, 2)), r"shape \(150, 3\); got shape \(150, 2\)"),
    (np.full((150, 3), 0.5), "rows of sum 1; got smallest 0.5 and sum 1.5 in row 0"),
    (np.tile([1.5, -0.5, 0.0], (150, 1)), "non-negative rows .* smallest -0.5"),
    (np.full((150, 3), np.nan), "finite numbers"),
    (np.repeat([1, 2, 3], 50), "whole numbers 0 to 2.* got labels from 1 to 3"),
    (np.repeat([0, 1], 50), r"got int64 of shape \(100,\)"),
    (np.zeros(150), r"got float64 of shape \(150,\)"),
    (np.repeat([0, 1], 75), "some rows of positive weight; got none for component 2"),
    (np.r_[np.zeros(148, int), 1, 2], "rows without spread for component 1"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_what_is_no_distribution_is_refused(given, message):
    with pytest.raises(InputError, match=message) as error:
        fit(numbers("iris"), responsibilities_init=given)
    assert error.value.argument == "responsibilities_init"
