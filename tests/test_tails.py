"""Distribution function, densest regions and anomaly scores."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import dblquad
from scipy.optimize import brentq
from scipy.special import owens_t
from scipy.stats import chi2, norm

from bayesgmm import GaussianMixture, InputError, MixtureParameters, datasets
from bayesgmm.tails import cdf, density_level, density_tail, draw_rows

# Standard errors that `density_tail` states; tests allow four of them.
ABSOLUTE, RELATIVE = 0.002, 0.04


def mixture(weights, means, covariances, covariance_type="full"):
    means = np.array(means, dtype=float)
    names = tuple(f"x{j}" for j in range(means.shape[1]))
    arrays = np.array(weights), means, np.array(covariances, dtype=float)
    return MixtureParameters(*arrays, covariance_type, names)


def repeated(n_components, n_features):
    """Return equal components under unequal weights: all of them one normal."""
    weights = np.geomspace(1, 1e-3, n_components)
    return mixture(
        weights / weights.sum(),
        np.zeros((n_components, n_features)),
        np.tile(np.eye(n_features), (n_components, 1, 1)),
    )


LINE = mixture([0.25, 0.75], [[-1.0], [2.0]], [[[1.0]], [[0.25]]])
PLANE = mixture(
    [0.4, 0.6], [[0, 0], [1, 2]], [[[1, 0.8], [0.8, 2]], [[2, -1], [-1, 1]]]
)


# -- distribution function -----------------------------------------


def test_one_feature_is_exact():
    x = np.array([-3.0, -1.0, 0.5, 2.0, 9.0])
    expected = 0.25 * norm.cdf(x + 1) + 0.75 * norm.cdf((x - 2) / 0.5)
    assert_allclose(cdf(LINE, x[:, None]), expected, rtol=1e-13)


def test_independent_features_multiply():
    balls = mixture([1.0], [[1.0, -1.0, 0.0]], [4 * np.eye(3)], "spherical")
    x = np.array([[0.0, 1.0, 2.0]])
    assert_allclose(cdf(balls, x), norm.cdf([-0.5, 1.0, 1.0]).prod(), rtol=1e-13)


def test_two_features_are_integrated():
    x = np.array([0.5, 1.0])

    def density(b, a):
        total = 0.0
        for w, m, c in zip(PLANE.weights, PLANE.means, PLANE.covariances, strict=True):
            z = np.array([a, b]) - m
            power = z @ np.linalg.solve(c, z) / 2
            total += w * np.exp(-power) / (2 * np.pi * np.sqrt(np.linalg.det(c)))
        return total

    expected, _ = dblquad(density, -12, x[0], -12, x[1], epsabs=1e-8)
    assert_allclose(cdf(PLANE, x[None]), expected, atol=1e-7)


def test_three_features_are_integrated_whatever_their_units():
    """Sheppard: 1/8 + (sum of arcsines of correlations) / (4 pi) below the mean."""
    r = np.array([[1, 0.5, -0.3], [0.5, 1, 0.2], [-0.3, 0.2, 1]])
    expected = 1 / 8 + np.arcsin([0.5, -0.3, 0.2]).sum() / (4 * np.pi)
    units = np.array([1e-8, 1.0, 1e8])
    one = mixture([1.0], [[3.0, 2.0, 1.0]], [r * np.outer(units, units)])
    assert_allclose(cdf(one, one.means), expected, atol=2e-5)


def test_far_out_it_is_zero_and_one():
    far = np.array([[-1e9, 0.0], [1e9, 1e9]])
    assert_array_equal(cdf(PLANE, far), [0.0, 1.0])


def test_equal_values_of_two_features():
    """P(Y1 <= h, Y2 <= h) by Owen's function."""
    h, r = -3.0, 0.6
    one = mixture([1.0], [[0.0, 0.0]], [[[1, r], [r, 1]]])
    expected = norm.cdf(h) - 2 * owens_t(h, np.sqrt((1 - r) / (1 + r)))
    assert_allclose(cdf(one, np.array([[h, h]])), expected, rtol=1e-6)


# -- densest regions and anomaly scores -----------------------------------------


@pytest.mark.parametrize("d", [1, 3])
def test_one_component_is_a_chi_square(d):
    one = mixture([1.0], np.zeros((1, d)), 4.0 * np.eye(d)[None])
    radius2 = np.array([0.0, 1.0, 9.0, 400.0])
    log_density = -0.5 * (radius2 + d * np.log(2 * np.pi * 4.0))
    tail = density_tail(one, log_density)
    assert_allclose(tail, chi2.sf(radius2, d), rtol=1e-10)
    level = density_level(one, 0.9)
    peak = -0.5 * d * np.log(2 * np.pi * 4.0)
    assert level == pytest.approx(peak - chi2.ppf(0.9, d) / 2, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 5, 20, 64])
def test_drawn_tails_have_the_errors_they_state(d):
    """Down to 1e-16, on a mixture that is one normal under five unequal weights."""
    p = 10.0 ** -np.array([0.02, 0.1, 0.3, 1, 2, 4, 8, 12, 16])
    peak = -0.5 * d * np.log(2 * np.pi)
    tail = density_tail(repeated(5, d), peak - chi2.isf(p, d) / 2)
    error = np.where(p > 0.1, ABSOLUTE, RELATIVE * p)
    assert (np.abs(tail - p) < 4 * error).all()


def test_levels_on_a_line_by_roots():
    """The region of 80% is two intervals; both ends of both have one density."""

    def f(x):
        return 0.25 * norm.pdf(x, -1) + 0.75 * norm.pdf(x, 2, 0.5)

    def F(x):
        return 0.25 * norm.cdf(x, -1) + 0.75 * norm.cdf(x, 2, 0.5)

    level = density_level(LINE, 0.8)
    ends = [brentq(lambda x: f(x) - np.exp(level), *p) for p in INTERVALS]
    inside = F(ends[1]) - F(ends[0]) + F(ends[3]) - F(ends[2])
    assert inside == pytest.approx(0.8, abs=4 * ABSOLUTE)
    assert_allclose(density_tail(LINE, np.array([level])), 0.2, atol=4 * ABSOLUTE)


INTERVALS = [(-6, -1), (-1, 0.3), (0.3, 2), (2, 6)]


def test_rare_wide_components_are_seen():
    """Beyond five widths of the narrow one, all that is left is the rare one."""
    rare = mixture([1 - 1e-4, 1e-4], [[0.0], [0.0]], [[[1.0]], [[1e6]]])
    log_density = np.log(1e-4) + norm.logpdf(2500.0, scale=1e3)
    tail = density_tail(rare, np.array([log_density]))
    assert_allclose(tail, 1e-4 * 2 * norm.sf(2.5), rtol=4 * RELATIVE)


# -- the estimator's methods -----------------------------------------


@pytest.fixture(scope="module")
def faithful():
    return datasets.load("faithful")


@pytest.fixture(scope="module")
def fitted(faithful):
    return GaussianMixture(2, random_state=0).fit(faithful)


def test_scores_of_new_rows_are_uniform(fitted):
    """Kolmogorov's distance of 2,000 scores from uniform; false alarm rate 1e-6."""
    scores = np.sort(fitted.anomaly_score(fitted.sample(2000, random_state=1)[0]))
    steps = np.arange(2001) / 2000
    distance = max((steps[1:] - scores).max(), (scores - steps[:-1]).max())
    assert distance < np.sqrt(np.log(2 / 1e-6) / (2 * 2000))


def test_scores_rank_rows_by_their_density(fitted, faithful):
    scores = fitted.anomaly_score(faithful)
    assert ((scores >= 0) & (scores <= 1)).all()
    order = np.argsort(fitted.score_samples(faithful))
    assert (np.diff(scores[order]) >= 0).all()
    assert fitted.anomaly_score([[20.0, 300.0]]) < 1e-100
    assert_array_equal(scores, fitted.anomaly_score(faithful))


def test_a_level_splits_scores(fitted, faithful):
    level = fitted.highest_density_level(0.9)
    outside = fitted.score_samples(faithful) < level
    assert_array_equal(outside, fitted.anomaly_score(faithful) < 0.1)


@pytest.mark.parametrize("probability", [0, 1, -0.1, "half", np.nan])
def test_a_level_needs_a_probability(fitted, probability):
    with pytest.raises(InputError, match="`probability` must be between 0 and 1"):
        fitted.highest_density_level(probability)


def test_the_distribution_function_counts_rows_below(fitted, faithful):
    x = np.array([[3.0, 70.0], [4.5, 80.0]])
    below = (faithful.to_numpy()[:, None] <= x).all(-1).mean(0)
    assert_allclose(fitted.cdf(x), below, atol=4 * np.sqrt(0.25 / 272))
    assert_array_equal(fitted.cdf(x), fitted.cdf(x))
    assert_allclose(fitted.cdf(x.astype(np.float32)), fitted.cdf(x), rtol=1e-12)


# -- drawing -----------------------------------------


def test_a_seed_of_its_own_gives_the_same_rows(fitted):
    one, again = (fitted.sample(50, random_state=7) for _ in range(2))
    assert_array_equal(one[0], again[0])
    assert_array_equal(one[1], again[1])
    assert (fitted.sample(50, random_state=8)[0] != one[0]).any()
    assert (fitted.sample(50)[0] != one[0]).any()


def test_a_generator_goes_on(fitted):
    generator = np.random.default_rng(0)
    first, second = (fitted.sample(5, random_state=generator)[0] for _ in range(2))
    assert (first != second).all()
    again = fitted.sample(5, random_state=np.random.default_rng(0))[0]
    assert_array_equal(first, again)


def test_drawn_rows_have_the_moments_of_each_component():
    rows, labels = draw_rows(PLANE, 40_000, np.random.default_rng(1))
    for k in range(2):
        own = rows[labels == k]
        se = np.sqrt(np.diag(PLANE.covariances[k]) / len(own))
        assert (np.abs(own.mean(0) - PLANE.means[k]) < 4 * se).all()
        sd = np.sqrt(np.diag(PLANE.covariances[k]))
        gap = (np.cov(own.T) - PLANE.covariances[k]) / np.outer(sd, sd)
        assert np.abs(gap).max() < 4 * np.sqrt(2 / len(own))
