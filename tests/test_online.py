"""Online EM: the recursion, how near it comes, and the way on to the maximum."""

from copy import copy
from dataclasses import replace

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.base import clone

import bayesgmm as bg
from bayesgmm.covariances import FAMILIES
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning, InputError
from bayesgmm.weight_kinds import weight_kind

CENTRES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 5.2]])


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return CENTRES[z] + rng.normal(size=(n, 2)) * (1 + 0.2 * z[:, None])


def feed(em, X, *sizes):
    """Give rows in mini-batches: of these sizes, the last of them repeated."""
    start = 0
    while start < len(X):
        size, *sizes = sizes if len(sizes) > 1 else [*sizes, *sizes]
        em.partial_fit(X[start : start + size])
        start += size
    return em


def mixture(**settings):
    return bg.GaussianMixture(3, n_init=2, random_state=0, **settings)


def by_hand(batches, at, prior=None):
    """Run the recursion on one feature, with raw moments, from a fit of the first.

    Cappe and Moulines (2009), section 4, by the mini-batch. An average of iterates
    that weighs mini-batch t by t^2 - (t - 1)^2.
    """
    (weights, means, variances), running, averaged = at, 0.0, 0.0
    for t, x in enumerate(batches):
        joint = weights * norm.pdf(x[:, None], means, np.sqrt(variances))
        shares = joint / joint.sum(axis=1, keepdims=True)
        new = np.array([(shares * x[:, None] ** p).mean(axis=0) for p in range(3)])
        rate, keep = (t + 2) ** -0.6 if t else 1.0, (t / (t + 1)) ** 2
        running = (1 - rate) * running + rate * new
        averaged = keep * averaged + (1 - keep) * running
        if t:  # the first rows were fitted
            n = (t + 1) * len(x)
            weights, means, variances = maximum(running, n, prior)
    return (weights, means, variances), maximum(averaged, n, prior)


def maximum(moments, n, prior):
    """Return the M-step; with a prior, Fraley and Raftery (2007), section 3."""
    counts, sums, squares = n * moments
    means = sums / counts
    scatters = squares - counts * means**2
    if prior is None:
        return counts / n, means, scatters / counts
    shrinkage, degrees = prior.shrinkage, prior.degrees_of_freedom
    pull = shrinkage * counts / (shrinkage + counts) * (means - prior.mean) ** 2
    variances = (prior.scale[0, 0] + pull + scatters) / (degrees + counts + 3)
    return counts / n, (sums + shrinkage * prior.mean) / (counts + shrinkage), variances


@pytest.mark.parametrize("believes", [False, True])
def test_it_is_the_recursion_of_its_paper(believes):
    X = draw(2000)[:, :1]
    prior = bg.conjugate_prior(X, 2, shrinkage=5.0, degrees_of_freedom=50.0)
    prior = prior if believes else None
    em = bg.GaussianMixture(2, prior=prior, random_state=0)
    first = clone(em).fit(X[:400])
    at = first.weights_, first.means_[:, 0], first.covariances_[:, 0, 0]
    batches = X[:, 0].reshape(5, 400)
    feed(em, X, 400)
    now, estimate = by_hand(batches, at, prior)
    for found, expected in ((em.online_.parameters, now), (em.parameters_, estimate)):
        np.testing.assert_allclose(found.weights, expected[0], rtol=1e-9)
        np.testing.assert_allclose(found.means[:, 0], expected[1], rtol=1e-9)
        np.testing.assert_allclose(found.covariances[:, 0, 0], expected[2], rtol=1e-8)
    assert em.status_ is Status.ONLINE
    assert not em.converged_
    assert (em.n_iter_, em.n_samples_seen_) == (5, 2000)


@pytest.fixture(scope="module")
def many():
    X = draw(100_000)
    return X, mixture().fit(X), feed(mixture(), X, 5000, 1000)


def test_one_pass_comes_within_standard_errors(many):
    """Of 18 numbers none is off by three; that of the first rows alone are."""
    X, whole, em = many
    errors = bg.standard_errors(whole, X)

    def off(em):
        em = em.align_to(whole)
        pairs = [
            (em.weights_ - whole.weights_, errors["weights"]),
            (em.means_ - whole.means_, errors["means"]),
            (em.covariances_ - whole.covariances_, errors["covariances"]),
        ]
        return max(np.abs(gap / error.values).max() for gap, error in pairs)

    assert off(em) < 3
    assert off(mixture().fit(X[:5000])) > 4


@pytest.mark.parametrize("lazy", [False, True])
def test_the_finish_is_exact_and_shorter(many, lazy):
    X, whole, em = many
    rows = da.from_array(X, chunks=(30_000, 2)) if lazy else X
    start = mixture().fit(X[:1000]).parameters_
    begin = bg.GaussianMixture.from_parameters(start)
    afar = begin.set_params(warm_start=True).fit(rows)
    end = copy(em).set_params(warm_start=True)
    end.fit(rows)
    assert end.converged_
    assert not hasattr(end, "online_")
    assert end.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-12)
    end_means = end.align_to(whole).means_
    np.testing.assert_allclose(end_means, whole.means_, rtol=1e-6, atol=1e-6)
    assert end.n_iter_ < afar.n_iter_


SMALL = draw(600, seed=2)
HOLES = SMALL.copy()
HOLES[np.random.default_rng(5).random(600) < 0.2, 1] = np.nan
OFTEN = np.random.default_rng(1).integers(0, 4, size=600)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_maximum_of_rows_that_come_again_stays(family):
    em = mixture(covariance_type=family).fit(SMALL)
    same(feed(mixture(covariance_type=family), np.tile(SMALL, (3, 1)), 600), em)


@pytest.mark.parametrize(
    ("rows", "weight", "settings"),
    [
        (HOLES, None, {"missing": "fiml"}),
        (SMALL, OFTEN, {}),
        (SMALL, OFTEN, {"weight_kind": "reliability"}),
        (SMALL, None, {"reg_covar": 0.3}),
        (SMALL, None, {"fixed_weights": "equal"}),
    ],
    ids=["gaps", "weights", "reliability", "ridge", "held"],
)
def test_so_it_does_with_all_settings(rows, weight, settings):
    whole, em = mixture(**settings).fit(rows, sample_weight=weight), mixture(**settings)
    for _ in range(3):
        em.partial_fit(rows, sample_weight=weight)
    same(em, whole)


def same(em, whole):
    np.testing.assert_allclose(em.weights_, whole.weights_, rtol=1e-5)
    np.testing.assert_allclose(em.means_, whole.means_, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        em.covariances_, whole.covariances_, rtol=1e-4, atol=1e-5
    )
    assert em.online_.estimate.covariance_type == whole.parameters_.covariance_type


def test_a_row_of_weight_two_is_the_row_twice():
    X = draw(1800)
    weight = np.random.default_rng(4).integers(1, 3, size=600)
    weighted, twice = mixture(prior="default"), mixture(prior="default")
    for some in (X[:600], X[600:1200], X[1200:]):
        begin = {"weights_init": [0.5, 0.3, 0.2], "means_init": CENTRES}
        weighted.set_params(**begin).partial_fit(some, sample_weight=weight)
        twice.set_params(**begin).partial_fit(np.repeat(some, weight, axis=0))
    np.testing.assert_allclose(weighted.means_, twice.means_, rtol=1e-6, atol=1e-6)
    assert weighted.n_samples_seen_ == 1800
    assert weighted.online_.n_observations == pytest.approx(3 * weight.sum())


def test_weights_that_say_how_much_rows_count_have_no_scale():
    X, found = draw(1200), []
    weight = np.random.default_rng(1).gamma(2.0, size=1200)
    for scale in (1.0, 7.0):
        em = mixture(prior="default", weight_kind="reliability")
        for rows in (slice(0, 800), slice(800, 1200)):
            em.partial_fit(X[rows], sample_weight=scale * weight[rows])
        found.append(em)
    np.testing.assert_allclose(found[0].means_, found[1].means_, rtol=1e-8, atol=1e-9)
    n = weight_kind("reliability").effective_n(weight)
    assert found[1].online_.n_observations == pytest.approx(n)


def test_a_small_batch_counts_little():
    """A tenth of the rows is worth about a tenth of the step."""
    X = draw(5000)
    em = feed(mixture(), X[:4000], 1000)
    before = em.online_.running.sums
    steps = []
    for size in (100, 1000):
        other = copy(em)
        other.partial_fit(np.tile(X[4000:4100], (size // 100, 1)))
        steps.append(other.online_.running.sums - before)
    ratio = np.linalg.norm(steps[0]) / np.linalg.norm(steps[1])
    assert 0.08 < ratio < 0.16


def test_a_component_that_loses_its_rows_is_told_and_kept():
    em = feed(mixture(), draw(1500), 500)
    online = em.online_
    lost = online.parameters.means.copy()
    lost[2] += 1e4
    empty = [part.copy() for part in online.running]
    for part in empty:
        part[2] = 0.0
    em.online_ = replace(
        online,
        parameters=replace(online.parameters, means=lost),
        running=type(online.running)(*empty),
    )
    with pytest.warns(CollapseWarning, match=r"Component 2 has no rows .*2000 rows"):
        em.partial_fit(draw(500, seed=1))
    assert em.status_ is Status.COLLAPSED
    assert np.isfinite(em.means_).all()
    np.testing.assert_array_equal(em.online_.parameters.means, lost)
    em.online_ = replace(em.online_, parameters=em.parameters_)
    em.partial_fit(draw(500, seed=2))  # its rows are back, and so is it
    assert em.status_ is Status.ONLINE


def test_it_can_be_saved_and_go_on(tmp_path):
    X = draw(2000)
    em = feed(mixture(), X[:1500], 500)
    read = bg.GaussianMixture.load(em.save(tmp_path / "em.json"))
    for each in (em, read):
        each.partial_fit(X[1500:])
    np.testing.assert_array_equal(em.means_, read.means_)
    assert read.n_samples_seen_ == 2000
    assert "saw each row once" in str(read.status_.value)
    assert "3 components" in read.summary()


def test_components_that_were_renamed_go_on_in_their_places():
    X = draw(2000)
    em = feed(mixture(), X[:1500], 500)
    other = bg.GaussianMixture.from_parameters(em.parameters_.permute([2, 0, 1]))
    turned = em.align_to(other)
    for each in (em, turned):
        each.partial_fit(X[1500:])
    np.testing.assert_allclose(turned.means_, em.means_[[2, 0, 1]], rtol=1e-9)


def test_a_fit_ends_the_series():
    X = draw(1000)
    em = feed(mixture(), X, 500)
    assert not hasattr(em, "log_likelihood_")
    em.fit(X)
    assert not hasattr(em, "n_samples_seen_")
    assert em.log_likelihood_ == mixture().fit(X).log_likelihood_


def test_what_it_cannot_use_is_refused():
    X = draw(1000)
    frame = pd.DataFrame(X, columns=["length", "width"])
    em = mixture().partial_fit(frame)
    for bad, text in (
        (frame[["width", "length"]], r"columns of the fit \(length, width\)"),
        (X[:, :1], "2 features"),
        (da.from_array(X, chunks=(500, 2)), "in memory for `partial_fit`"),
    ):
        with pytest.raises(InputError, match=text):
            em.partial_fit(bad)
    assert em.n_samples_seen_ == 1000
    with pytest.raises(InputError, match="`covariance_type` must stay"):
        em.set_params(covariance_type="tied").partial_fit(frame)
    for name, value in (("noise", True), ("on_collapse", "drop")):
        with pytest.raises(InputError, match=f"`{name}` must be"):
            mixture(**{name: value}).partial_fit(X)


def test_first_rows_must_carry_the_mixture():
    em = mixture()
    with pytest.raises(InputError, match=r"first call of `partial_fit`.*means_init"):
        em.partial_fit(draw(4))
    assert not hasattr(em, "parameters_")
    with pytest.raises(InputError, match="at least 3 rows"):
        em.partial_fit(draw(2))
