"""Rows with gaps: the likelihood of what was observed, row by row, is the truth."""

from dataclasses import replace

import numpy as np
import oracles
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import minimize

from bayesgmm import GaussianMixture
from bayesgmm.covariances import FAMILIES
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning, InputError
from bayesgmm.incomplete import Pattern, Scattered, observe
from bayesgmm.kernels.reduce import one_pass
from bayesgmm.observations import Complete
from bayesgmm.parameters import MixtureParameters


def groups(n=120, seed=0, shift=3.0):
    """Return two groups in three features, correlated within."""
    rng = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.6, -0.3], [0.0, 1.0, 0.4], [0.0, 0.0, 0.7]])
    which = rng.random(n) < 0.4
    return rng.normal(size=(n, 3)) @ mixing + shift * which[:, None]


def with_gaps(X, share=0.25, seed=1):
    """Return rows with cells missing at random, but no row without any value."""
    gaps = np.random.default_rng(seed).random(X.shape) < share
    gaps[gaps.all(axis=1), 0] = False
    return np.where(gaps, np.nan, X)


GAPS = with_gaps(groups())


def mixture(covariance_type="full", seed=3):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(2, 3, 6))
    covariances = mixing @ np.swapaxes(mixing, 1, 2) / 6
    return MixtureParameters(
        np.array([0.3, 0.7]),
        rng.normal(size=(2, 3)),
        covariances,
        covariance_type,
        ("x0", "x1", "x2"),
    )


def fiml(X, n_components=2, **settings):
    return GaussianMixture(
        n_components, missing="fiml", n_init=2, random_state=0, **settings
    ).fit(X)


@pytest.mark.parametrize("family", FAMILIES)
class TestFamily:
    def test_fit_is_a_maximum_of_the_observed_likelihood(self, family):
        em = fiml(GAPS, covariance_type=family)
        assert em.converged_
        at = em.parameters_
        best = oracles.observed_log_likelihood_rows(GAPS, at)
        np.testing.assert_allclose(em.score_samples(GAPS), best, atol=1e-10)
        np.testing.assert_allclose(em.log_likelihood_, best.sum(), atol=1e-8)
        for move in members_nearby(at):
            slope = oracles.observed_log_likelihood_rows(GAPS, move(1e-4)).sum()
            slope -= oracles.observed_log_likelihood_rows(GAPS, move(-1e-4)).sum()
            assert abs(slope / 2e-4) < 1e-3

    def test_no_step_goes_down(self, family):
        em = GaussianMixture(2, covariance_type=family, missing="fiml", tol=1e-7)
        em.set_params(n_init=1, random_state=2).fit(GAPS)
        assert em.n_iter_ > 4
        assert np.diff(em.lower_bounds_).min() > -1e-12


def members_nearby(at):
    """Yield curves of mixtures of the family through `at`."""
    rng = np.random.default_rng(5)
    for _ in range(4):
        means = rng.normal(size=at.means.shape)
        tilt = rng.normal(size=at.covariances.shape)
        tilt += np.swapaxes(tilt, 1, 2)
        odds = rng.normal(size=2)

        def move(step, means=means, tilt=tilt, odds=odds):
            weights = at.weights * np.exp(step * odds)
            scatters = at.weights[:, None, None] * (at.covariances + step * tilt)
            covariances = at.family.estimate(scatters, at.weights, near=at.covariances)
            return replace(
                at,
                weights=weights / weights.sum(),
                means=at.means + step * means,
                covariances=covariances,
            )

        yield move


def test_moments_are_those_expected_row_by_row():
    at, weight = mixture(), np.linspace(0.5, 2.0, len(GAPS))
    found, statistics = observe(GAPS, weight).expect(at, at.quadratics)
    rows, *expected = oracles.expected_moments(GAPS, at, weight)
    np.testing.assert_allclose(found, rows, rtol=1e-12)
    for ours, theirs in zip(statistics, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_many_rows_of_a_pattern_are_taken_together():
    X, at = np.tile(GAPS, (20, 1)), mixture()
    few, _ = observe(GAPS).expect(at, at.quadratics)
    many, statistics = observe(X).expect(at, at.quadratics)
    kinds = {type(group) for group in observe(X).groups}
    assert kinds == {Complete, Pattern, Scattered}
    assert {type(group) for group in observe(GAPS).groups} == {Scattered}
    np.testing.assert_allclose(many, 20 * few, rtol=1e-12)
    _, *expected = oracles.expected_moments(GAPS, at)
    for ours, theirs in zip(statistics, expected, strict=True):
        np.testing.assert_allclose(ours, 20 * theirs, rtol=1e-10, atol=1e-9)


def test_a_pattern_without_gaps_is_the_plain_pass():
    X, at = groups(), mixture()
    pattern = Pattern(Complete(X), np.ones(3, dtype=bool))
    found, statistics = pattern.expect(at, at.quadratics)
    plain, expected = one_pass(X, at.quadratics)
    np.testing.assert_allclose(found, plain, rtol=1e-14)
    for ours, theirs in zip(statistics, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-11)


def test_complete_rows_are_fitted_as_ever():
    X = groups()
    plain = GaussianMixture(2, random_state=0).fit(X)
    other = GaussianMixture(2, missing="fiml", random_state=0).fit(X)
    assert np.array_equal(plain.means_, other.means_)
    assert plain.log_likelihood_ == other.log_likelihood_


def test_one_component_agrees_with_direct_optimisation():
    X = with_gaps(groups(14, seed=7)[:, :2], 0.3)

    def read(flat):
        lower = np.array([[np.exp(flat[2]), 0.0], [flat[3], np.exp(flat[4])]])
        return MixtureParameters(
            np.ones(1), flat[None, :2], (lower @ lower.T)[None], "full", ("a", "b")
        )

    def cost(flat):
        return -oracles.observed_log_likelihood_rows(X, read(flat)).sum()

    direct = minimize(cost, np.zeros(5), method="BFGS", options={"gtol": 1e-7})
    em, found = fiml(X, 1), read(direct.x)
    np.testing.assert_allclose(em.log_likelihood_, -direct.fun, atol=1e-7)
    np.testing.assert_allclose(em.means_, found.means, atol=1e-4)
    np.testing.assert_allclose(em.covariances_, found.covariances, atol=1e-4)


def test_two_components_are_no_worse_than_direct_optimisation():
    X = with_gaps(groups(40, seed=8, shift=4.0)[:, :2], 0.2)
    em = GaussianMixture(2, covariance_type="spherical", missing="fiml", random_state=0)
    em.fit(X)

    def cost(flat):
        share = 1 / (1 + np.exp(-flat[0]))
        at = replace(
            em.parameters_,
            weights=np.array([share, 1 - share]),
            means=flat[1:5].reshape(2, 2),
            covariances=np.exp(flat[5:])[:, None, None] * np.eye(2),
        )
        return -oracles.observed_log_likelihood_rows(X, at).sum()

    start = np.r_[0.0, 4.0, 4.0, 0.0, 0.0, 0.0, 0.0]
    direct = minimize(cost, start, method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(em.log_likelihood_, -direct.fun, atol=1e-6)


class TestSimulation:
    """Standard errors of means are those of complete rows, times two for the gaps."""

    def test_cells_missing_completely_at_random(self):
        X = groups(4000, seed=11, shift=6.0)
        em = fiml(with_gaps(X, 0.3, seed=12))
        order = np.argsort(em.means_[:, 0])
        error = em.means_[order] - np.array([[0.0] * 3, [6.0] * 3])
        sd = np.sqrt([1.0, 1.36, 0.74])
        assert (np.abs(error) < 5 * 2 * sd / np.sqrt(1600)).all()
        np.testing.assert_allclose(em.weights_[order], [0.6, 0.4], atol=0.04)

    def test_missing_depends_on_what_was_observed(self):
        rng = np.random.default_rng(13)
        a = rng.normal(size=4000)
        b = 0.8 * a + 0.6 * rng.normal(size=4000)
        X = np.c_[a, np.where(a > 0, np.nan, b)]
        se = 2 / np.sqrt(4000)
        assert abs(fiml(X, 1).means_[0, 1]) < 4 * se
        whole = X[~np.isnan(X).any(axis=1)]
        assert GaussianMixture(1).fit(whole).means_[0, 1] < -20 * se


def test_weight_two_is_the_row_twice_and_weight_zero_the_row_absent():
    weight = np.arange(len(GAPS)) % 3
    twice = np.repeat(GAPS, weight, axis=0)
    start = {"means_init": [[0.0] * 3, [3.0] * 3]}
    a = GaussianMixture(2, missing="fiml", **start).fit(GAPS, sample_weight=weight)
    b = GaussianMixture(2, missing="fiml", **start).fit(twice)
    np.testing.assert_allclose(a.log_likelihood_, b.log_likelihood_, rtol=1e-11)
    np.testing.assert_allclose(a.means_, b.means_, atol=1e-5)
    np.testing.assert_allclose(a.bic(GAPS, weight), b.bic(twice), rtol=1e-11)
    np.testing.assert_allclose(a.icl(GAPS, weight), b.icl(twice), rtol=1e-6)


def test_a_row_without_weight_may_be_empty():
    X = np.r_[GAPS, np.full((1, 3), np.nan)]
    weight = np.r_[np.ones(len(GAPS)), 0.0]
    em = GaussianMixture(2, missing="fiml", random_state=0)
    found = em.fit(X, sample_weight=weight).log_likelihood_
    np.testing.assert_allclose(found, em.fit(GAPS).log_likelihood_, rtol=1e-12)


WHOLE = np.where(np.isnan(GAPS), np.nan, np.round(4 * GAPS))


def as_nullable(X):
    return pd.DataFrame(X, columns=["a", "b", "c"]).astype("Int64")


def as_polars(X):
    columns = [[None if v != v else int(v) for v in x] for x in X.T.tolist()]
    return pl.DataFrame(dict(zip("abc", columns, strict=True)))


def as_masked(X):
    return np.ma.masked_array(np.nan_to_num(X, nan=-99.0), np.isnan(X))


@pytest.mark.parametrize(
    "make", [pd.DataFrame, as_nullable, as_polars, as_masked, np.float32]
)
def test_missing_values_of_every_kind(make):
    em, other = fiml(WHOLE), fiml(make(WHOLE))
    np.testing.assert_allclose(other.log_likelihood_, em.log_likelihood_, rtol=1e-12)
    assert np.array_equal(other.predict(make(WHOLE)), em.predict(WHOLE))


def test_results_of_rows_come_in_the_order_of_the_rows():
    em, order = fiml(GAPS), np.random.default_rng(0).permutation(len(GAPS))
    assert np.array_equal(em.predict(GAPS)[order], em.predict(GAPS[order]))
    np.testing.assert_allclose(
        em.predict_proba(GAPS), oracles.observed_responsibilities(GAPS, em.parameters_)
    )


def test_a_row_of_which_nothing_was_observed():
    em, nothing = fiml(GAPS), np.full((2, 3), np.nan)
    np.testing.assert_allclose(em.predict_proba(nothing), np.tile(em.weights_, (2, 1)))
    np.testing.assert_allclose(em.score_samples(nothing), 0.0, atol=1e-15)
    assert em.predict(nothing).tolist() == [0, 0]
    np.testing.assert_allclose(em.impute(nothing)[0], em.weights_ @ em.means_)


def test_units_do_not_matter():
    factor, shift = np.array([1e-6, 1.0, 1e6]), np.array([1e3, -50.0, 0.0])
    em, other = fiml(GAPS), fiml((GAPS + shift) * factor)
    jacobian = (~np.isnan(GAPS) * np.log(factor)).sum()
    np.testing.assert_allclose(
        other.log_likelihood_ + jacobian, em.log_likelihood_, rtol=1e-9
    )
    np.testing.assert_allclose(other.means_ / factor - shift, em.means_, atol=1e-5)


class TestImpute:
    def test_is_regression_for_one_component(self):
        em = fiml(GAPS, 1)
        mean, covariance = em.means_[0], em.covariances_[0]
        row = np.array([[1.0, np.nan, -2.0]])
        seen = [0, 2]
        slope = covariance[1, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
        expected = mean[1] + slope @ (row[0, seen] - mean[seen])
        np.testing.assert_allclose(em.impute(row), [[1.0, expected, -2.0]])

    def test_is_the_mean_over_components(self):
        em = fiml(GAPS)
        expected = oracles.expected_rows(GAPS, em.parameters_)
        np.testing.assert_allclose(em.impute(GAPS), expected, rtol=1e-9, atol=1e-9)

    def test_draws_have_the_mean_and_spread_they_should(self):
        em = fiml(GAPS)
        row = np.array([[1.5, np.nan, np.nan]])
        rows = np.repeat(row, 20_000, axis=0)
        draws = em.impute(rows, n_draws=1, random_state=1)[0]
        _, _, sums, outer = oracles.expected_moments(row, em.parameters_)
        shares = oracles.observed_responsibilities(row, em.parameters_)[0]
        mean = em.impute(row)[0]
        assert (draws[:, 0] == 1.5).all()
        sd = draws.std(axis=0)[1:]
        assert (np.abs(draws.mean(axis=0) - mean)[1:] < 5 * sd / np.sqrt(20_000)).all()
        second = sum(
            o + np.outer(s, m) + np.outer(m, s) + r * np.outer(m, m)
            for o, s, m, r in zip(outer, sums, em.means_, shares, strict=True)
        )
        found = np.cov(draws.T, bias=True)
        expected = second - np.outer(mean, mean)
        np.testing.assert_allclose(found, expected, atol=0.05 * expected.max())

    def test_a_seed_fixes_the_draws(self):
        em = fiml(GAPS)
        a, b = (em.impute(GAPS, n_draws=2, random_state=3) for _ in range(2))
        assert a.shape == (2, *GAPS.shape)
        assert np.array_equal(a, b)
        assert not np.array_equal(a[0], a[1])

    def test_needs_no_special_fit(self):
        em = GaussianMixture(2, random_state=0).fit(groups())
        assert np.isfinite(em.impute(GAPS)).all()


def test_dependent_columns_are_told_with_gaps_too():
    X = with_gaps(np.c_[groups(), groups() @ [1.0, 1.0, 0.0]], 0.1)
    with pytest.warns(CollapseWarning, match="4 columns span 3 dimensions"):
        em = fiml(X)
    assert em.status_ is Status.SINGULAR
    assert np.isfinite(em.means_).all()
    assert fiml(X, covariance_type="diag").converged_
    assert fiml(X, reg_covar=0.1).converged_


def column_missing():
    X = GAPS.copy()
    X[:, 1] = np.nan
    return X


def row_missing():
    X = GAPS.copy()
    X[17] = np.nan
    return X


def infinite():
    X = GAPS.copy()
    X[17, 1] = np.inf
    return X


REFUSED = {
    "column": (column_missing(), "`X` must have an observed value in every column; got "
        "only missing ones in column 'x1'. Drop this column."),
    "row": (row_missing(), "`X` must have an observed value in every row to be fitted "
        "to; got only missing ones in 1 row, the first row 17. Drop rows that tell "
        "nothing."),
    "inf": (infinite(), "`X` must be finite; got 1 non-finite values (inf), the first "
        "at row 17, column 'x1'. Drop or impute these rows."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_tells_nothing_is_refused(name):
    X, message = REFUSED[name]
    with pytest.raises(InputError) as caught:
        fiml(X)
    assert str(caught.value) == message


def test_settings_are_checked():
    with pytest.raises(InputError, match="`missing` must be a known name; got 'drop'"):
        GaussianMixture(1, missing="drop").fit(GAPS)


def test_prior_and_gaps_go_together():
    em = fiml(GAPS, prior="default")
    assert em.converged_
    assert em.log_likelihood_ <= fiml(GAPS).log_likelihood_
