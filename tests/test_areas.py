"""Areas of segments: what draws say, and what correlated pixels are worth."""

import warnings

import numpy as np
import pytest
import scenes
from conftest import IMAGES
from scipy.ndimage import gaussian_filter

import bayesgmm as bg
from bayesgmm.correlation import design_effect
from bayesgmm.errors import InputError, UncertaintyWarning

TWO = {
    "weights": [0.6, 0.4],
    "means": [[0.0], [2.0]],
    "covariances": [[[1.0]], [[1.0]]],
}


def field(sd, rng, n=100):
    """Return correlated standard normal numbers (n, n)."""
    if sd == 0:
        return rng.normal(size=(n, n))
    unit = np.zeros((n, n))
    unit[0, 0] = 1.0
    scale = np.sqrt((gaussian_filter(unit, sd, mode="wrap") ** 2).sum())
    return gaussian_filter(rng.normal(size=(n, n)), sd, mode="wrap") / scale


def regions(rng, noise_sd):
    """Return true segments, connected ones, and an image of them."""
    shape = field(6, rng)
    z = shape > np.quantile(shape, 0.6)
    return z, 2.0 * z + field(noise_sd, rng)


def scattered(rng, noise_sd):
    """Return true segments without any pattern, and an image of them."""
    z = rng.random((100, 100)) < 0.4
    return z, 2.0 * z + field(noise_sd, rng)


@pytest.fixture(scope="module")
def posterior():
    return scenes.posterior(n_draws=10, relative=0.003, truth=TWO, names=["x0"])


def quiet(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertaintyWarning)
        return function(*args, **kwargs)


def test_areas_are_sums_of_probabilities(posterior):
    image = np.random.default_rng(0).normal(1.0, 1.5, size=(30, 40))
    image[0, :3] = np.nan
    seen = image[np.isfinite(image)][:, None]
    p = scenes.probabilities(seen, posterior)
    found = bg.area(image, posterior, cell_area=900.0, probability=0.8)
    totals = p.sum(1)
    np.testing.assert_allclose(found["area"], 900 * totals.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found["share"], totals.mean(0) / 1197, rtol=1e-6)
    assert found.attrs["n_pixels"] == 1197
    np.testing.assert_array_equal(found["n_effective"], [1197, 1197])
    sd = np.sqrt(totals.var(0) + (p * (1 - p)).sum(1).mean(0))
    np.testing.assert_allclose(found["area_sd"], 900 * sd, rtol=1e-4)
    share = totals.mean(0) / 1197
    reach = 1.2815516 * sd / (1197 * share * (1 - share))
    for name, sign in (("lower", -1), ("upper", 1)):
        odds = share / (1 - share) * np.exp(sign * reach)
        want = 900 * 1197 * odds / (1 + odds)
        np.testing.assert_allclose(found[f"area_{name}"], want, rtol=1e-5)
        np.testing.assert_allclose(found[f"naive_{name}"], want, rtol=1e-5)


def test_rows_of_tables_have_no_neighbours(posterior):
    rows = np.sort(np.random.default_rng(0).normal(1.0, 1.5, size=(500, 1)), axis=0)
    np.testing.assert_array_equal(bg.area(rows, posterior)["n_effective"], [500, 500])


def test_a_fit_gives_no_interval():
    image = np.random.default_rng(0).normal(1.0, 1.5, size=(30, 40))
    parts = map(np.array, TWO.values())
    fit = bg.MixtureParameters(*parts, covariance_type="full", feature_names=("x0",))
    assert set(bg.area(image, fit)) == {"area", "share", "n_effective"}


def test_equal_pixels_are_counted_each(posterior):
    image = np.random.default_rng(0).normal(1.0, 1.5, size=(40, 40)).round().astype(int)
    p = scenes.probabilities(image.reshape(-1, 1), posterior)
    found = quiet(bg.area, image, posterior)
    np.testing.assert_allclose(found["area"], p.sum(1).mean(0), rtol=1e-6)


def test_a_sum_of_autocorrelations_is_what_theory_has():
    """White noise counts fully; of b x b equal cells a block counts once."""
    rng = np.random.default_rng(0)
    white = [design_effect(rng.normal(size=(64, 64))) for _ in range(40)]
    assert np.median(white) == 1.0
    assert np.mean(white) < 1.1
    blocks = [np.kron(rng.normal(size=(32, 32)), np.ones((4, 4))) for _ in range(10)]
    assert np.mean([design_effect(b) for b in blocks]) == pytest.approx(16, rel=0.1)
    rows = np.repeat(rng.normal(size=3000), 5)
    assert design_effect(rows) == pytest.approx(5, rel=0.15)
    assert design_effect(np.zeros((5, 5))) == 1.0


def test_tiles_change_little(monkeypatch):
    values = np.kron(np.random.default_rng(0).normal(size=(60, 70)), np.ones((3, 3)))
    whole = design_effect(values)
    monkeypatch.setattr("bayesgmm.correlation.CELLS_A_TILE", 64**2)
    assert design_effect(values) == pytest.approx(whole, rel=0.05)


def covered(posterior, noise_sd, n_scenes, make=regions):
    """Return how often intervals of 90% hold the truth: naive ones, and ours."""
    hits = []
    for seed in range(n_scenes):
        z, image = make(np.random.default_rng([noise_sd, seed]), noise_sd)
        found = quiet(bg.area, image, posterior).isel(component=1)
        hits.append(
            [
                found[f"{name}_lower"] <= z.sum() <= found[f"{name}_upper"]
                for name in ("naive", "area")
            ]
        )
    return np.mean(hits, axis=0)


def test_connected_segments_do_not_widen_intervals(posterior):
    """Noise is independent: of 25 intervals of 90% less than 19 hold 1 time in 100."""
    naive, ours = covered(posterior, 0, 25)
    assert naive >= 19 / 25
    assert abs(ours - naive) <= 0.05


def test_thin_segments_do_not_widen_intervals():
    """The phantom's noise is independent, and its tissues are thin."""
    held = np.load(IMAGES / "phantom.npz")
    truth = {
        "weights": [0.5805, 0.3303, 0.0447, 0.0445],
        "means": [[20.0], [48.0], [76.0], [104.0]],
        "covariances": [[[36.0]], [[81.0]], [[49.0]], [[100.0]]],
    }
    tree = scenes.posterior(n_draws=5, relative=0.002, truth=truth, names=["x0"])
    found = bg.area(held["image"], tree)
    assert (found["n_effective"] > 9000).all()
    counts = np.bincount(held["labels"].ravel())
    assert (abs(found["area"] - counts) < 3 * found["area_sd"]).all()


def test_correlated_noise_widens_intervals(posterior):
    naive, ours = covered(posterior, 3, 25)
    assert naive < 0.5
    assert ours > 0.65


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "noise_sd", "naive", "ours"),
    [
        (regions, 0, 59, 59),
        (regions, 1, 30, 48),
        (regions, 3, 11, 46),
        (regions, 6, 4, 41),
        (scattered, 3, 12, 18),
    ],
)
def test_the_table_of_the_page_on_segmentation(make, noise_sd, naive, ours, posterior):
    """How many of 60 intervals of 90% hold the truth: these, or one more or less."""
    found = 60 * covered(posterior, noise_sd, 60, make)
    np.testing.assert_allclose(found, [naive, ours], atol=1.01)


def test_the_warning_says_why(posterior):
    _, image = regions(np.random.default_rng(0), 3)
    said = r"Pixels are not independent: .* 10000 pixels tell as much .* too narrow"
    with pytest.warns(UncertaintyWarning, match=said):
        found = bg.area(image, posterior)
    assert (found["n_effective"] < 1500).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell_area": 0}, "`cell_area` must be a number above 0; got 0"),
        ({"probability": 1}, "`probability` must be between 0 and 1; got 1"),
        ({"nodata": 1.0}, "`data` must have a pixel that is not missing; got none"),
    ],
)
def test_refusals(settings, message, posterior):
    with pytest.raises(InputError, match=message):
        bg.area(np.ones((3, 3)), posterior, **settings)


def test_an_absent_segment_is_not_perhaps_the_whole_scene():
    """Beyond a mean and sqrt(19) standard deviations are at most 5%: Cantelli."""
    truth = TWO | {"means": [[0.0], [9.0]]}
    posterior = scenes.posterior(n_draws=10, relative=0.003, truth=truth, names=["x0"])
    image = np.random.default_rng(0).normal(-2.0, 1.0, size=(50, 60))
    found = quiet(bg.area, image, posterior)
    farthest = found["area"] + np.sqrt(19) * found["area_sd"]
    assert found["area"][1] < 1e-4
    assert (found["area_upper"] <= farthest * (1 + 1e-9)).all()
    assert (found["area_lower"] <= found["area"]).all()
    assert (found["area"] <= found["area_upper"]).all()


def test_few_pixels_cannot_tell_whether_they_are_independent(posterior):
    image = np.random.default_rng(0).normal(1.0, 1.5, size=(4, 5))
    with pytest.warns(UncertaintyWarning, match=r"cannot be told: only \d+ of 20 have"):
        bg.area(image, posterior)
