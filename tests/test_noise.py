"""Noise: mclust's fits, the box, and what a mixture with noise does."""

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bayesgmm import GaussianMixture, standard_errors
from bayesgmm.clutter import find_clutter
from bayesgmm.covariances import FAMILIES
from bayesgmm.errors import InputError
from bayesgmm.noise import find_box
from bayesgmm.parameters import MixtureParameters

# mclust 6.0.0 in R: Mclust(data, initialization=list(noise=...), prior=NULL), converged
# to a relative change of 1e-12 from the stored partition, 0 for noise.
STORED = "mclust_noise.json"
MODELS = [(g, m) for g in (1, 2, 3, 4) for m in
          ("EII", "VII", "EEI", "VVI", "EEE", "EEV", "VEV", "VVV")]  # fmt: skip


@pytest.fixture(scope="module")
def stored(golden):
    content = golden(STORED)
    fits = {(fit["G"], fit["model"]): fit for fit in content["fits"]}
    return content | {"X": np.array(content["X"]), "fits": fits}


@pytest.fixture(scope="module")
def em(stored):
    return GaussianMixture(2, noise=True, random_state=0).fit(stored["X"])


@pytest.mark.parametrize(("g", "model"), MODELS)
def test_mclusts_fits(g, model, stored):
    X, fit = stored["X"], stored["fits"][g, model]
    labels = np.array(list(map(int, fit["init_labels"])))
    em = GaussianMixture(g, covariance_type=model, noise=True, max_iter=20_000)
    em.set_params(responsibilities_init=np.where(labels == 0, g, labels - 1)).fit(X)
    at = em.parameters_
    assert at.n_parameters == fit["df"]
    assert_allclose(em.log_likelihood_, fit["loglik_tight"], atol=1e-3)
    assert_allclose(em.log_likelihood_, log_density_rows(X, at).sum(), rtol=1e-12)


def log_density_rows(X, at):
    """Return the log density of every row by definition, noise included."""
    total = np.full(len(X), at.noise.weight * np.exp(at.noise.log_density))
    for w, mean, covariance in zip(at.weights, at.means, at.covariances, strict=True):
        total += w * np.exp(
            [oracles.gaussian_log_density(x, mean, covariance) for x in X]
        )
    return np.log(total)


def test_box_is_mclusts(stored):
    box = find_box(stored["X"])
    assert_allclose(np.exp(box.log_density), stored["Vinv"], rtol=1e-12)


def test_box_along_principal_axes_where_that_is_smaller():
    rng = np.random.default_rng(0)
    line = rng.normal(size=(200, 1)) * [1.0, 1.0] + 0.01 * rng.normal(size=(200, 2))
    box = find_box(line)
    assert box.log_density > -np.log(np.prod(np.ptp(line, axis=0))) + 1
    places = (line - box.corner) @ np.linalg.inv(box.edges)
    assert_allclose([places.min(), places.max()], [0.0, 1.0], atol=1e-9)


def test_the_principal_axes_count_weights():
    rng = np.random.default_rng(0)
    line = rng.normal(size=(200, 1)) * [1.0, 1.0] + 0.1 * rng.normal(size=(200, 2))
    weight = 1 + np.arange(200) % 3
    box = find_box(line, sample_weight=weight.astype(float))
    expected = find_box(np.repeat(line, weight, axis=0))
    assert_allclose(box.log_density, expected.log_density, rtol=1e-12)
    assert box.log_density != find_box(line).log_density


def test_a_volume_of_the_user():
    X = np.random.default_rng(0).random((50, 3))
    assert_allclose(np.exp(find_box(X, 8.0).log_density), 1 / 8, rtol=1e-12)
    centre = [box.corner + box.edges.sum(axis=0) / 2
              for box in (find_box(X), find_box(X, 8.0))]  # fmt: skip
    assert_allclose(*centre)


def test_a_fit_finds_its_own_noise(em, stored):
    best = max(f["loglik_tight"] for (g, m), f in stored["fits"].items() if g == 2)
    assert em.log_likelihood_ > best - 1e-3
    assert_allclose(em.parameters_.shares.sum(), 1.0)
    truth = np.array(stored["is_noise"], dtype=bool)
    found = em.predict(stored["X"]) == -1
    assert (found == truth).mean() > 0.85


def test_what_rows_are_told(em, stored):
    X = stored["X"]
    shares = em.predict_proba(X)
    assert shares.shape == (len(X), 3)
    assert_allclose(shares.sum(axis=1), 1.0)
    expected = em.parameters_.noise.weight * np.exp(em.parameters_.noise.log_density)
    rows = log_density_rows(X, em.parameters_)
    assert_allclose(shares[:, 2], expected / np.exp(rows), rtol=1e-9)
    assert_allclose(em.score_samples(X), rows, rtol=1e-10)
    labels = shares.argmax(axis=1)
    assert_array_equal(em.predict(X), np.where(labels == 2, -1, labels))
    deviance, n = -2 * rows.sum(), len(X)
    assert_allclose(em.bic(X), deviance + 13 * np.log(n), rtol=1e-12)
    doubt = -2 * np.log(shares.max(axis=1)).sum()
    assert_allclose(em.icl(X), deviance + 13 * np.log(n) + doubt, rtol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_step_goes_down(family, stored):
    em = GaussianMixture(2, covariance_type=family, noise=True, tol=1e-8, n_init=1)
    em.set_params(random_state=1).fit(stored["X"])
    assert np.diff(em.lower_bounds_).min() > -1e-12


def test_draws(em):
    X, labels = em.sample(20_000, random_state=0)
    share = (labels == -1).mean()
    weight = em.parameters_.noise.weight
    assert abs(share - weight) < 5 * np.sqrt(weight * (1 - weight) / 20_000)
    places = (X[labels == -1] - em.parameters_.noise.corner) @ np.linalg.inv(
        em.parameters_.noise.edges
    )
    assert places.min() >= 0
    assert places.max() <= 1
    assert (np.abs(places.mean(axis=0) - 0.5) < 5 / np.sqrt(12 * len(places))).all()


def test_noise_is_written_and_read(em, tmp_path):
    back = MixtureParameters.from_dict(em.parameters_.to_dict())
    assert_array_equal(back.shares, em.parameters_.shares)
    assert back.noise.log_density == em.parameters_.noise.log_density
    path = em.save(tmp_path / "em.json")
    X = em.sample(20, random_state=1)[0]
    assert_array_equal(GaussianMixture.load(path).predict_proba(X), em.predict_proba(X))
    assert "Noise of weight" in em.summary()


def test_noise_is_a_number_beside_numbers_and_a_name_beside_names(em):
    assert em.parameters_.share_names.tolist() == [0, 1, -1]
    named = em.parameters_.rename(["left", "right"])
    assert named.share_names.tolist() == ["left", "right", "noise"]


def test_known_rows_are_no_noise(stored):
    X = stored["X"]
    noisy = np.flatnonzero(stored["is_noise"])[:5]
    labels = np.full(len(X), -1)
    labels[noisy] = 0
    em = GaussianMixture(2, noise=True, random_state=0).fit(X, labels=labels)
    at, rows = em.parameters_, log_density_rows(X, em.parameters_)
    for n in noisy:
        rows[n] = np.log(at.weights[0]) + oracles.gaussian_log_density(
            X[n], at.means[0], at.covariances[0]
        )
    assert_allclose(em.log_likelihood_, rows.sum(), rtol=1e-11)


def test_weight_two_is_the_row_twice(stored):
    X, weight = stored["X"], np.arange(352) % 3
    a = GaussianMixture(2, noise=319.0, random_state=0).fit(X, sample_weight=weight)
    b = GaussianMixture(2, noise=319.0, random_state=0).fit(
        np.repeat(X, weight, axis=0)
    )
    assert_allclose(a.log_likelihood_, b.log_likelihood_, rtol=1e-10)


def test_warm_start_goes_on(stored):
    em = GaussianMixture(2, noise=True, warm_start=True, random_state=0)
    first = em.fit(stored["X"]).log_likelihood_
    assert em.fit(stored["X"]).n_iter_ <= 3
    assert_allclose(em.log_likelihood_, first, rtol=1e-12)


def test_scattered_rows_are_clutter():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(300, 2)), rng.uniform(-8, 8, size=(100, 2))]
    clutter = find_clutter(X)
    assert clutter[300:].mean() > 0.7
    assert clutter[:300].mean() < 0.15


@pytest.mark.parametrize("noise", [False, 0.0, -1.0, np.nan, "yes"])
def test_wrong_noise_is_refused(noise, stored):
    with pytest.raises(InputError, match="`noise` must be None, True or the volume"):
        GaussianMixture(2, noise=noise).fit(stored["X"])


def test_noise_is_refused_where_it_has_no_place(em, stored):
    X = stored["X"]
    for use in (
        lambda: em.cdf(X),
        lambda: em.anomaly_score(X),
        lambda: em.highest_density_level(0.5),
        lambda: em.impute(X),
        lambda: em.marginal([0]),
        lambda: em.to_sklearn(),
        lambda: standard_errors(em, X),
    ):
        with pytest.raises(InputError, match="be a mixture without noise"):
            use()
    gaps = X.copy()
    gaps[0, 0] = np.nan
    with pytest.raises(InputError, match="`noise` must be None for rows with missing"):
        GaussianMixture(2, noise=True, missing="fiml").fit(gaps)
    with pytest.raises(InputError, match="`fixed_weights` must be None for a fit with"):
        GaussianMixture(2, noise=True, fixed_weights="equal").fit(X)
