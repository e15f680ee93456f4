"""The fast pass against the slow truth, and the laws it obeys."""

import numpy as np
import oracles
import pytest
from numba import njit

from bayesgmm._typing import Quadratics
from bayesgmm.kernels import elementary, reduce
from bayesgmm.kernels.rows import fused
from bayesgmm.quadratics import build_quadratics, invert_cholesky
from bayesgmm.statistics import moments

# Rows around the block of 128, features around the tiles of two and four.
SHAPES = [(1, 1, 1), (129, 1, 3), (300, 2, 3), (128, 3, 2), (127, 4, 2)]
SHAPES += [(257, 5, 4), (131, 6, 3), (140, 12, 3), (150, 10, 4), (130, 40, 2)]
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}


def make(n_observations, n_features, n_components, seed=0, spread=2.0):
    """Draw overlapping groups and quadratics that are not those of the groups."""
    rng = np.random.default_rng([seed, n_observations, n_features, n_components])
    size = (n_components, n_features, 2 * n_features)
    mixing = rng.normal(size=size) / np.sqrt(2 * n_features)
    factors = invert_cholesky(mixing @ np.swapaxes(mixing, 1, 2))
    means = rng.normal(scale=spread, size=(n_components, n_features))
    weights = rng.dirichlet(np.full(n_components, 3.0))
    centres = means[rng.integers(n_components, size=n_observations)]
    X = centres + rng.normal(size=(n_observations, n_features))
    return X, build_quadratics(weights, means, factors), rng


def assert_same(got, expected, **tolerance):
    """Compare (log-likelihood, statistics) with four numbers or arrays."""
    log_likelihood, statistics = got
    for a, b in zip((log_likelihood, *statistics), expected, strict=True):
        scale = max(1.0, np.abs(np.asarray(b, dtype=float)).max())
        limits = TOLERANCE | tolerance
        np.testing.assert_allclose(a / scale, np.asarray(b, float) / scale, **limits)


# The truth --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_pass_is_the_definition(shape, dtype, weighted):
    X, quadratics, rng = make(*shape)
    X = X.astype(dtype)
    weight = rng.gamma(1.0, size=len(X)) if weighted else None
    got = reduce.one_pass(X, quadratics, sample_weight=weight)
    assert_same(got, oracles.one_pass(X, quadratics, weight))
    assert isinstance(got[0], float)
    assert all(part.dtype == np.float64 for part in got[1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_kept_of_every_row_is_the_definition(shape, dtype):
    X, quadratics, _ = make(*shape)
    X = X.astype(dtype)
    joint = oracles.log_joint(X, quadratics).astype(float)
    rows = oracles.log_likelihood_rows(X, quadratics).astype(float)
    shares = oracles.responsibilities(X, quadratics).astype(float)
    close = np.testing.assert_allclose
    close(reduce.log_joint(X, quadratics), joint, rtol=1e-12)
    close(reduce.log_likelihood_rows(X, quadratics), rows, rtol=1e-12)
    close(reduce.responsibilities(X, quadratics), shares, **TOLERANCE)
    assert (reduce.labels(X, quadratics) == joint.argmax(1)).all()


@pytest.mark.parametrize("n_features", [2, 3, 6, 12, 33])
@pytest.mark.parametrize("spread", [0.5, 12.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_tiny_components_keep_their_digits(n_features, spread, weighted):
    X, quadratics, rng = make(700, n_features, 12, spread=spread)
    weights = 10.0 ** -np.arange(12)
    offsets = quadratics.offsets + np.log(weights / weights.sum())
    quadratics = quadratics._replace(offsets=offsets)
    weight = 1e-40 * rng.gamma(1.0, size=len(X)) if weighted else None
    got = reduce.one_pass(X, quadratics, sample_weight=weight)
    expected = oracles.one_pass(X, quadratics, weight)
    for a, b in zip(got[1], expected[1:], strict=True):
        for mine, truth in zip(a, np.asarray(b, float), strict=True):
            scale = np.abs(truth).max()
            np.testing.assert_allclose(mine / scale, truth / scale, rtol=0, atol=1e-12)


def test_scores_are_mixture_densities_summed_over_allocations():
    X, quadratics, rng = make(6, 2, 3)
    weights = rng.dirichlet(np.ones(3))
    mixing = rng.normal(size=(3, 2, 4))
    covariances = mixing @ np.swapaxes(mixing, 1, 2)
    quadratics = build_quadratics(
        weights, quadratics.means, invert_cholesky(covariances)
    )
    truth = oracles.log_likelihood_by_enumeration(
        X, weights, quadratics.means, covariances
    )
    assert reduce.one_pass(X, quadratics)[0] == pytest.approx(truth, rel=1e-12)


def stack(shape, n_draws):
    draws = [make(*shape, seed=seed)[1] for seed in range(n_draws)]
    return draws, Quadratics(*(np.stack(part) for part in zip(*draws, strict=True)))


@pytest.mark.parametrize("shape", [(300, 2, 3), (140, 12, 3)], ids=str)
def test_draws_are_one_mixture_after_another(shape):
    X = make(*shape)[0]
    draws, stacked = stack(shape, 18)  # more than are handed to one thread
    scores = [oracles.log_likelihood_rows(X, draw).sum() for draw in draws]
    shares = [oracles.responsibilities(X, draw) for draw in draws]
    got = reduce.log_likelihood_draws(X, stacked)
    np.testing.assert_allclose(got, np.array(scores, float), rtol=1e-12)
    got = reduce.responsibilities_draws(X, stacked)
    np.testing.assert_allclose(got, np.array(shares, float), **TOLERANCE)


def test_draws_are_summed_over_all_chunks():
    X = make(40_000, 2, 3)[0]
    draws, stacked = stack((40_000, 2, 3), 2)
    whole = [reduce.log_likelihood_rows(X, draw).sum() for draw in draws]
    got = reduce.log_likelihood_draws(X, stacked)
    np.testing.assert_allclose(got, whole, rtol=1e-13)


def test_fused_is_callable_from_compiled_code_in_any_layout():
    X, quadratics, rng = make(300, 3, 2)
    weight = rng.gamma(1.0, size=300)

    @njit
    def caller(X, weight, offsets, means, factors):
        return fused(X, weight, offsets, means, factors)[0]

    wide = np.zeros((600, 6))
    wide[::2, ::2] = X
    truth = oracles.log_likelihood_rows(X, quadratics).astype(float)
    for layout in (X, np.asfortranarray(X), wide[::2, ::2]):
        for w in (weight, np.empty(0)):
            expected = truth * (w if len(w) else 1.0)
            got = caller(layout, w, *quadratics)
            np.testing.assert_allclose(got, expected, rtol=1e-12)
    for layout in (np.asfortranarray(X), wide[::2, ::2], np.float32(X)[::-1][::-1]):
        got = reduce.one_pass(layout, quadratics)
        assert_same(got, oracles.one_pass(layout, quadratics))


def test_lower_triangles_are_not_read():
    X, quadratics, _ = make(200, 5, 2)
    dirty = quadratics.precisions_cholesky + np.tril(np.full((5, 5), 7.0), -1)
    got = reduce.one_pass(X, quadratics._replace(precisions_cholesky=dirty))
    assert got[0] == reduce.one_pass(X, quadratics)[0]


# Edges ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 2, 3, 9])
def test_an_empty_component_takes_nothing(n_features):
    X, quadratics, _ = make(300, n_features, 3)
    quadratics.offsets[0] = -np.inf
    got = reduce.one_pass(X, quadratics)
    assert_same(got, oracles.one_pass(X, quadratics))
    assert all((part[0] == 0).all() for part in got[1])
    assert (reduce.log_joint(X, quadratics)[:, 0] == -np.inf).all()
    assert (reduce.responsibilities(X, quadratics)[:, 0] == 0).all()


@pytest.mark.parametrize("n_features", [1, 2, 3, 9])
def test_a_noise_component_has_zero_precision(n_features):
    X, quadratics, _ = make(300, n_features, 3)
    X[7] = 1e3  # only noise explains this row
    quadratics.precisions_cholesky[2] = 0.0
    quadratics.offsets[2] = -6.0
    got = reduce.one_pass(X, quadratics)
    assert_same(got, oracles.one_pass(X, quadratics))
    assert reduce.log_likelihood_rows(X, quadratics)[7] == pytest.approx(-6.0)


@pytest.mark.parametrize("n_features", [2, 6])
def test_rows_without_any_explanation_score_minus_infinity(n_features):
    X, quadratics, _ = make(200, n_features, 2)
    quadratics.offsets[:] = -np.inf
    log_likelihood, statistics = reduce.one_pass(X, quadratics)
    assert log_likelihood == -np.inf
    assert all((part == 0).all() for part in statistics)
    assert (reduce.responsibilities(X, quadratics) == 0).all()
    absent = reduce.one_pass(X, quadratics, sample_weight=np.zeros(len(X)))
    assert absent[0] == 0.0


@pytest.mark.parametrize("n_features", [1, 2, 4, 7])
def test_rows_a_thousand_deviations_away_are_exact(n_features):
    X, quadratics, _ = make(150, n_features, 3)
    X[::5] *= 1e3
    X[3] = -1e6
    got = reduce.one_pass(X, quadratics)
    assert_same(got, oracles.one_pass(X, quadratics))


@pytest.mark.parametrize("n_features", [2, 5])
def test_rows_too_far_to_score_are_impossible_not_nan(n_features):
    X, quadratics, _ = make(150, n_features, 2)
    X[4] = 1e160
    log_likelihood, statistics = reduce.one_pass(X, quadratics)
    rest = reduce.one_pass(np.delete(X, 4, axis=0), quadratics)
    assert log_likelihood == -np.inf
    assert_same((0.0, statistics), (0.0, *rest[1]))


def test_ties_go_to_the_first_component():
    X, quadratics, _ = make(50, 2, 1)
    twice = Quadratics(*(np.concatenate([part, part]) for part in quadratics))
    assert (reduce.labels(X, twice) == 0).all()


# Laws -------------------------------------------------------------------------------

LAWS = pytest.mark.parametrize("shape", [(301, 2, 3), (301, 7, 2)], ids=str)


@LAWS
def test_chunks_add_up(shape):
    X, quadratics, _ = make(*shape)
    (a, left), (b, right) = (
        reduce.one_pass(part, quadratics) for part in (X[:100], X[100:])
    )
    sums = [x + y for x, y in zip(left, right, strict=True)]
    assert_same(reduce.one_pass(X, quadratics), (a + b, *sums))


@LAWS
def test_weight_two_is_the_row_twice_and_weight_zero_is_no_row(shape):
    X, quadratics, rng = make(*shape)
    weight = rng.integers(0, 3, size=len(X)).astype(float)
    score, statistics = reduce.one_pass(np.repeat(X, weight.astype(int), 0), quadratics)
    got = reduce.one_pass(X, quadratics, sample_weight=weight)
    assert_same(got, (score, *statistics))


@LAWS
@pytest.mark.parametrize("shift", [1e6, 1e8])
def test_translation_loses_no_digit(shape, shift):
    X, quadratics, _ = make(*shape)
    # Multiples of 2^-20 survive the shift, so that both data sets are the same.
    X = np.round(X * 2**20) / 2**20
    means = np.round(quadratics.means * 2**20) / 2**20
    near = quadratics._replace(means=means)
    far = quadratics._replace(means=means + shift)
    score, statistics = reduce.one_pass(X, near)
    got = reduce.one_pass(X + shift, far)
    assert_same(got, (score, *statistics))
    expected = moments(statistics, near.means).scatters
    scatters = moments(got[1], far.means).scatters
    np.testing.assert_allclose(scatters, expected, rtol=1e-10, atol=1e-10)


@LAWS
def test_scaling_by_a_power_of_two_is_exact(shape):
    X, quadratics, _ = make(*shape)
    score, (counts, sums, outer_products) = reduce.one_pass(X, quadratics)
    offsets, means, factors = quadratics
    got = reduce.one_pass(8 * X, Quadratics(offsets, 8 * means, factors / 8))
    expected = (score, counts, 8 * sums, 64 * outer_products)
    assert_same(got, expected, rtol=0, atol=0)


@LAWS
def test_rotation_turns_the_statistics(shape):
    X, quadratics, rng = make(*shape)
    offsets, means, factors = quadratics
    turn = np.linalg.qr(rng.normal(size=(shape[1], shape[1])))[0]
    precisions = factors @ np.swapaxes(factors, 1, 2)
    turned = invert_cholesky(turn.T @ np.linalg.inv(precisions) @ turn)
    score, (counts, sums, outer_products) = reduce.one_pass(X, quadratics)
    got = reduce.one_pass(X @ turn, Quadratics(offsets, means @ turn, turned))
    expected = (score, counts, sums @ turn, turn.T @ outer_products @ turn)
    assert_same(got, expected, rtol=1e-10, atol=1e-10)


@LAWS
def test_order_of_components_and_rows_does_not_matter(shape):
    X, quadratics, rng = make(*shape)
    order = rng.permutation(shape[2])
    score, statistics = reduce.one_pass(X, quadratics)
    permuted = Quadratics(*(np.ascontiguousarray(part[order]) for part in quadratics))
    got = reduce.one_pass(rng.permutation(X), permuted)
    assert_same(got, (score, *(part[order] for part in statistics)))


@pytest.mark.parametrize("shape", [(70_001, 2, 3), (9_001, 9, 4)], ids=str)
def test_same_bits_for_any_number_of_threads(shape):
    X, quadratics, rng = make(*shape)
    for weight in (None, rng.gamma(1.0, size=len(X))):
        (first, one), *others = (
            reduce.one_pass(X, quadratics, sample_weight=weight, n_threads=n)
            for n in (1, 2, 3)
        )
        for score, statistics in others:
            assert score == first
            for a, b in zip(one, statistics, strict=True):
                assert (a == b).all()


def test_many_chunks_are_the_truth_too():
    shape = (70_001, 2, 3)
    X, quadratics, _ = make(*shape)
    pick = slice(0, None, 500)
    rows = reduce.log_likelihood_rows(X, quadratics)
    truth = oracles.log_likelihood_rows(X[pick], quadratics).astype(float)
    np.testing.assert_allclose(rows[pick], truth, rtol=1e-12)
    score, statistics = reduce.one_pass(X, quadratics)
    assert score == pytest.approx(rows.sum(), rel=1e-12)
    assert statistics.counts.sum() == pytest.approx(len(X), rel=1e-12)
    shares = reduce.responsibilities(X, quadratics)
    np.testing.assert_allclose(statistics.counts, shares.sum(0), rtol=1e-12)
    assert (reduce.labels(X, quadratics) == shares.argmax(1)).all()


# Fisher's identity ------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 1, 2), (40, 2, 3), (30, 5, 2)], ids=str)
def test_statistics_are_the_gradient(shape):
    X, quadratics, _ = make(*shape)
    _, (counts, sums, outer_products) = reduce.one_pass(X, quadratics)
    factors = quadratics.precisions_cholesky
    gradient = (
        counts,
        np.einsum("kij,klj,kl->ki", factors, factors, sums),
        np.triu(-outer_products @ factors),
    )
    for part, expected in enumerate(gradient):
        slope = central_differences(X, quadratics, part)
        np.testing.assert_allclose(expected, slope, rtol=1e-8, atol=1e-8)


def central_differences(X, quadratics, part, step=1e-5):
    """Differentiate the oracle's log-likelihood in one field of the quadratics."""
    slope = np.zeros(quadratics[part].shape)
    for place in np.ndindex(slope.shape):
        scores = []
        for sign in (1, -1):
            moved = [np.asarray(field, dtype=np.longdouble) for field in quadratics]
            moved[part] = moved[part].copy()
            moved[part][place] += sign * step
            scores.append(oracles.log_likelihood_rows(X, moved).sum())
        slope[place] = (scores[0] - scores[1]) / (2 * step)
    return slope


# Elementary functions ---------------------------------------------------------------


def test_exp_is_accurate_and_flushes_to_zero():
    wide = np.linspace(-708, 0, 20_011)
    near = -np.logspace(-20, 0, 5_003)
    for grid in (wide, near, np.linspace(0, 700, 2_003)):
        got = np.array([elementary.exp(x) for x in grid])
        truth = np.exp(grid.astype(np.longdouble))
        assert np.abs(got / truth - 1).max() < 4e-16
    assert elementary.exp(0.0) == 1.0
    assert elementary.exp(-708.1) == elementary.exp(-1e300) == 0.0
    assert elementary.exp(-np.inf) == elementary.exp(np.nan) == 0.0


def test_log_is_accurate_where_it_is_used():
    grid = np.concatenate([np.linspace(1, 4, 10_007), np.logspace(0, 300, 5_003)])
    grid = np.append(grid, 1 + np.logspace(-15.5, 0, 3_001))
    got = np.array([elementary.log(x) for x in grid])
    truth = np.log(grid.astype(np.longdouble))
    error = np.abs(got - truth) / np.where(truth > 0, truth, 1)
    assert error.max() < 4e-16
    assert elementary.log(1.0) == 0.0
