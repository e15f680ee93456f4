"""Few rows that stand for many: what they say of mixtures is what all rows say."""

from dataclasses import replace
from functools import cache
from importlib import import_module

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from some_slow import some_slow

import bayesgmm as bg
from bayesgmm.calibration import calibrate
from bayesgmm.charts import chart_at
from bayesgmm.chunks import open_chunks
from bayesgmm.coreset_error import Adequacy, CoresetError, score_chunk
from bayesgmm.criteria import log_likelihoods
from bayesgmm.errors import InputError
from bayesgmm.information import gather
from bayesgmm.nearby import draw_nearby, shift_of, variation_at
from bayesgmm.parameters import MixtureParameters
from bayesgmm.stand_ins import stand_ins
from bayesgmm.statistics import Moments

N = 3000


def draw(n=N, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.choice(2, size=n, p=[0.6, 0.4])
    centres = np.array([[0.0, 0.0], [3.0, 1.0]])[z]
    return centres + rng.normal(size=(n, 2)) * (1 + 0.5 * z[:, None])


def mixtures(n=3, seed=1):
    rng = np.random.default_rng(seed)
    return [
        MixtureParameters(
            weights=rng.dirichlet([5, 5]),
            means=np.array([[0.0, 0.0], [3.0, 1.0]]) + 0.3 * rng.normal(size=(2, 2)),
            covariances=np.array([np.eye(2), 2 * np.eye(2) + 0.3]),
            covariance_type="full",
            feature_names=("a", "b"),
        )
        for _ in range(n)
    ]


X = draw()
WEIGHT = np.random.default_rng(2).gamma(2.0, size=N)


def slow_log_likelihood(mixture, X, weight):
    densities = [
        share * multivariate_normal(mean, covariance).pdf(X)
        for share, mean, covariance in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    ]
    return weight @ np.log(np.sum(densities, axis=0))


class Reads:
    """How often each chunk was read."""

    def __init__(self):
        self.seen = []

    def __call__(self, block, block_info=None):
        if block_info:
            self.seen.append(block_info[0]["chunk-location"][0])
        return block


def test_many_mixtures_in_one_pass():
    reads, many = Reads(), mixtures()
    lazy = da.from_array(X, chunks=(700, 2)).map_blocks(reads, dtype=float)
    chunks = open_chunks(lazy, sample_weight=WEIGHT)
    found = log_likelihoods(many, chunks)
    assert sorted(reads.seen) == [0, 1, 2, 3, 4]
    truth = [slow_log_likelihood(each, X, WEIGHT) for each in many]
    np.testing.assert_allclose(found, truth, rtol=1e-12)
    np.testing.assert_allclose(log_likelihoods(many, X, WEIGHT), truth, rtol=1e-12)


MODULE = import_module("bayesgmm.coreset")  # which the function of its name hides
MANY = draw(20_000, seed=3)
STARTS = {"means_init": [[0.0, 0.0], [3.0, 1.0]]}


@cache
def fitted(family="full"):
    return bg.GaussianMixture(2, covariance_type=family, **STARTS).fit(MANY)


@cache
def core_of(n_rows=600, family="full"):
    return bg.coreset(MANY, fitted(family), n_rows, random_state=0)


def step_from(em, X, weight):
    """Return one step of EM, by hand: weights, means, covariances."""
    densities = np.column_stack(
        [
            share * multivariate_normal(mean, covariance).pdf(X)
            for share, mean, covariance in zip(
                em.weights_, em.means_, em.parameters_.covariances, strict=True
            )
        ]
    )
    r = weight[:, None] * densities / densities.sum(axis=1, keepdims=True)
    means = (r.T @ X) / r.sum(axis=0)[:, None]
    covariances = [np.cov(X.T, aweights=each, ddof=0) for each in r.T]
    return r.sum(axis=0), means, np.array(covariances)


def test_stand_ins_have_the_moments_of_their_rows():
    """Of cells with one, two, three and many rows, rows in a line, and no rows."""
    rng = np.random.default_rng(0)
    line = np.arange(7.0)[:, None] * [1.0, 2.0, -1.0] + 5
    groups = [rng.normal(size=(n, 3)) for n in (1, 2, 3, 50)] + [line]
    means = np.array([g.mean(axis=0) for g in groups] + [np.zeros(3)])
    scatters = [(g - m).T @ (g - m) for g, m in zip(groups, means, strict=False)]
    counts = np.array([*map(len, groups), 0.0])
    given = Moments(counts, means, np.array([*scatters, np.zeros((3, 3))]))
    points, weight, cell = stand_ins(given, np.zeros(6))
    assert np.bincount(cell).tolist() == [1, 2, 3, 4, 2]
    for c, group in enumerate(groups):
        own = points[cell == c], weight[cell == c]
        assert own[1].sum() == pytest.approx(len(group), rel=1e-12)
        np.testing.assert_allclose(own[1] @ own[0] / len(group), means[c], atol=1e-12)
        centred = own[0] - means[c]
        np.testing.assert_allclose(
            (own[1][:, None] * centred).T @ centred, scatters[c], atol=1e-10
        )


def test_at_the_fit_likelihood_and_step_are_those_of_all_rows():
    em, core = fitted(), core_of()
    assert len(core.rows) <= 600
    ones = np.ones(len(MANY))
    whole = slow_log_likelihood(em.parameters_, MANY, ones)
    few = slow_log_likelihood(em.parameters_, core.rows, core.sample_weight)
    assert few == pytest.approx(whole, abs=1e-5)
    steps = step_from(em, core.rows, core.sample_weight), step_from(em, MANY, ones)
    for ours, theirs in zip(*steps, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)
    assert (core.sample_weight > 0).all()


def test_the_error_is_what_it_says():
    """Against other mixtures, by another formula; an sd of 30 is known to 13%."""
    em, core, ones = fitted(), core_of(200), np.ones(len(MANY))
    random = np.random.default_rng(7)
    variation = variation_at(em.parameters_, MANY, ones)
    drawn = [em.parameters_, *draw_nearby(em.parameters_, variation, 30, random)]
    off = np.array(
        [
            slow_log_likelihood(each, core.rows, core.sample_weight)
            - slow_log_likelihood(each, MANY, ones)
            for each in drawn
        ]
    )
    assert core.error.at_fit == pytest.approx(off[0], abs=1e-5)
    assert core.error.sd == pytest.approx((off[1:] - off[0]).std(), rel=0.6)
    assert core.error.n_draws == 30
    assert core.error.largest >= core.error.sd


def test_the_error_falls_with_rows_and_is_far_below_that_of_a_sample():
    sds = [core_of(n).error.sd for n in (100, 600, 4000)]
    assert sds[0] > 2 * sds[1] > 4 * sds[2]
    em, random = fitted(), np.random.default_rng(1)
    variation = variation_at(em.parameters_, MANY, np.ones(len(MANY)))
    drawn = [em.parameters_, *draw_nearby(em.parameters_, variation, 30, random)]
    some = random.choice(len(MANY), 600, replace=False)
    weight = np.full(600, len(MANY) / 600)
    off = log_likelihoods(drawn, MANY[some], weight) - log_likelihoods(drawn, MANY)
    assert 100 * sds[1] < (off[1:] - off[0]).std()


def test_mixtures_nearby_vary_as_standard_errors_say():
    em = bg.GaussianMixture(2, **STARTS).fit(X)
    variation = variation_at(em.parameters_, X, np.ones(N))
    drawn = draw_nearby(em.parameters_, variation, 1000, np.random.default_rng(0))
    errors = bg.standard_errors(em, X)
    for name in ("weights", "means", "covariances"):
        found = np.std([getattr(each, name) for each in drawn], axis=0)
        np.testing.assert_allclose(found, errors[name], rtol=0.11)  # 5 sd of an sd


def test_a_shift_is_a_gradient_in_standard_errors():
    moved = replace(fitted().parameters_, means=fitted().means_ + 0.01)
    ones = np.ones(len(MANY))
    variation = variation_at(moved, MANY, ones)
    _, moments = score_chunk(MANY, None, [moved])
    told = gather(moved, chart_at(moved), MANY, ones, ones)
    step = np.linalg.solve(told.observed, told.gradient)
    assert shift_of(moved, variation, moments) == pytest.approx(
        np.sqrt(told.gradient @ step), rel=1e-9
    )


FAMILIES = ["full", "tied", "diag", "spherical", "VEV", "EVE"]


@pytest.mark.parametrize("family", some_slow(FAMILIES, ["full", "VEV"]))
def test_families(family):
    em, core = fitted(family), core_of(600, family)
    assert core.error.sd < 0.1
    assert core.error.adequacy is Adequacy.GOOD
    again = bg.GaussianMixture(2, covariance_type=family, **STARTS)
    again.fit(core.rows, sample_weight=core.sample_weight)
    assert again.log_likelihood_ == pytest.approx(em.log_likelihood_, abs=1e-3)
    errors = bg.standard_errors(em, MANY)["means"].values
    assert (np.abs(again.means_ - em.means_) < 0.01 * errors).all()


@pytest.mark.parametrize("rows", [7000, 20_000])
def test_chunks_make_no_difference(rows):
    lazy = da.from_array(MANY, chunks=(rows, 2))
    core, whole = bg.coreset(lazy, fitted(), 600, random_state=0), core_of()
    np.testing.assert_allclose(core.rows, whole.rows, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(core.sample_weight, whole.sample_weight, rtol=1e-6)
    assert core.error.sd == pytest.approx(whole.error.sd, rel=1e-4)


def test_lazy_rows_are_read_three_times():
    reads = Reads()
    lazy = da.from_array(MANY, chunks=(5000, 2)).map_blocks(reads, dtype=float)
    bg.coreset(lazy, fitted(), 600, random_state=0)
    assert sorted(reads.seen) == sorted([0, 1, 2, 3] * 3)


@pytest.mark.parametrize("kind", ["frequency", "reliability"])
def test_weights(kind, monkeypatch):
    monkeypatch.setattr(MODULE, "SAMPLE_ROWS", 5000)
    weight = np.random.default_rng(5).integers(0, 4, size=len(MANY)).astype(float)
    em = bg.GaussianMixture(2, weight_kind=kind, **STARTS)
    em.fit(MANY, sample_weight=weight)
    core = bg.coreset(MANY, em, 600, sample_weight=weight, random_state=0)
    few = slow_log_likelihood(em.parameters_, core.rows, core.sample_weight)
    assert few == pytest.approx(em.log_likelihood_, rel=1e-10)
    assert core.error.sd < 0.1


def test_it_says_what_it_is():
    core = core_of()
    assert str(core).startswith(
        f"{len(core.rows)} weighted rows for 20,000: approximate"
    )
    assert "30 mixtures" in str(core)
    errors = [CoresetError(0.0, sd, 3 * sd, 30, 0.0) for sd in (0.05, 0.5, 5.0)]
    assert [each.adequacy for each in errors] == list(Adequacy)
    assert "ask for more rows" in str(errors[2])


def test_names_are_kept():
    frame = pd.DataFrame(MANY, columns=["a", "b"])
    em = bg.GaussianMixture(2, **STARTS).fit(frame)
    for given in (frame, dd.from_pandas(frame, npartitions=3)):
        assert list(bg.coreset(given, em, 300, random_state=0).rows) == ["a", "b"]


def test_a_gap_is_named_with_its_chunk(monkeypatch):
    bad = MANY.copy()
    bad[6234, 1] = np.nan
    lazy = da.from_array(bad, chunks=(5000, 2))
    for size in (100_000, 10):  # whether the gap is in the sample or not
        monkeypatch.setattr(MODULE, "SAMPLE_ROWS", size)
        with pytest.raises(InputError, match=r"row 1234, .* chunk 1 of 4"):
            bg.coreset(lazy, fitted(), 600, random_state=0)


@pytest.mark.parametrize(
    ("n_rows", "message"),
    [(20_000, "be below the 20000 rows"), (40, "48 at least"), (0, "n_rows")],
)
def test_numbers_of_rows_that_make_no_sense_are_refused(n_rows, message):
    with pytest.raises(InputError, match=message):
        bg.coreset(MANY, fitted(), n_rows)


def test_noise_and_other_features_are_refused():
    noisy = bg.GaussianMixture(2, noise=True, **STARTS).fit(X)
    with pytest.raises(InputError, match="without noise"):
        bg.coreset(MANY, noisy)
    with pytest.raises(InputError, match="2 features"):
        bg.coreset(MANY[:, :1], fitted(), 600)


def test_weights_are_calibrated_where_that_can_be():
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=(200, 3)), rng.gamma(2.0, size=200)
    found = calibrate(weight, values, weight @ values + [1.0, -2.0, 3.0])
    np.testing.assert_allclose(found @ values, weight @ values + [1.0, -2.0, 3.0])
    assert (found > 0).all()
    assert calibrate(weight, np.abs(values), -np.ones(3)) is None


@pytest.mark.slow
def test_the_posterior_is_that_of_all_rows():
    """Means and standard deviations of draws, in Monte Carlo errors."""
    em, core = fitted(), core_of()
    settings = {"priors": bg.default_priors(MANY, 2), "init": em, "progress": False}
    settings |= {"draws": 500, "tune": 300, "chains": 2, "random_seed": 1}
    ours = bg.sample(core.rows, 2, sample_weight=core.sample_weight, **settings)
    theirs = bg.sample(MANY, 2, **settings)
    for name in ("weights", "means"):
        a, b = (each["posterior"][name] for each in (ours, theirs))
        mean, sd = b.mean(("chain", "draw")), b.std(("chain", "draw"))
        assert (abs(a.mean(("chain", "draw")) - mean) < sd / 4).all()
        np.testing.assert_allclose(a.std(("chain", "draw")), sd, rtol=0.25)
