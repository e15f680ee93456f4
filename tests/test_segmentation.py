"""Segments of scenes, against probabilities computed draw by draw."""

import numpy as np
import pandas as pd
import pytest
import scenes
import synthetic
import xarray as xr
from conftest import IMAGES

import bayesgmm as bg
from bayesgmm import segmenter
from bayesgmm.errors import InputError

CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # maps are float32
SHAPE = (60, 70)
DRAWN = {"probability_sd", "assignment_entropy", "parameter_entropy"}
POINT = {"label", "probability", "entropy", "margin"}


@pytest.fixture(scope="module")
def scene():
    return scenes.land(SHAPE)


@pytest.fixture(scope="module")
def posterior():
    return scenes.posterior()


@pytest.fixture(scope="module")
def segments(scene, posterior):
    return bg.segment(scene, posterior, "band")


@pytest.fixture(scope="module")
def expected(scene, posterior):
    """Return p (draw, y, x, component)."""
    pixels = scene.values.reshape(3, -1).T.astype(float)
    return scenes.probabilities(pixels, posterior).reshape(40, *SHAPE, 3)


@pytest.fixture(scope="module")
def fitted():
    """Return what is taken for a fit: the truth."""
    return bg.MixtureParameters(
        *(np.array(part) for part in scenes.LAND.values()),
        covariance_type="full",
        feature_names=tuple(scenes.BANDS),
        component_names=("dry land", "water", "town"),
    )


def there(scene):
    return (scene != 0).all("band").values


def test_maps_are_those_of_the_draws(scene, segments, expected):
    seen, mean = there(scene), expected.mean(0)
    entropy = -(mean * np.log(mean)).sum(-1)
    overlap = -(expected * np.log(np.maximum(expected, 1e-300))).sum(-1).mean(0)
    ranked = np.sort(mean, -1)
    for name, value in {
        "entropy": entropy,
        "assignment_entropy": overlap,
        "parameter_entropy": entropy - overlap,
        "margin": ranked[..., -1] - ranked[..., -2],
        "label": mean.argmax(-1),
    }.items():
        np.testing.assert_allclose(segments[name].values[seen], value[seen], **CLOSE)
    for name, value in {"probability": mean, "probability_sd": expected.std(0)}.items():
        got = segments[name].transpose("y", "x", "component").values
        np.testing.assert_allclose(got[seen], value[seen], **CLOSE)


def test_coordinates_attributes_and_gaps_are_kept(scene, segments):
    assert segments["probability"].dims == ("component", "y", "x")
    assert segments["label"].dims == ("y", "x")
    for name in ("y", "x", "lat", "spatial_ref"):
        xr.testing.assert_identical(
            segments[name].reset_coords(drop=True), scene[name].reset_coords(drop=True)
        )
    assert segments.attrs == {"sensor": "made up"}
    assert segments["entropy"].attrs["units"] == "nats"
    assert {each.attrs["grid_mapping"] for each in segments.values()} == {"spatial_ref"}
    missing = ~there(scene)
    assert missing.sum() == 3
    assert (segments["label"].values[missing] == -9999).all()
    for name in (POINT | DRAWN) - {"label"}:
        np.testing.assert_array_equal(
            np.isnan(segments[name].values),
            np.broadcast_to(missing, segments[name].shape),
        )


def test_a_fit_says_what_it_can(scene, fitted):
    found = bg.segment(scene, fitted, "band")
    assert set(found) == POINT
    joint = synthetic.joint(scene.values.reshape(3, -1).T, *scenes.LAND.values())
    joint -= joint.max(1, keepdims=True)
    p = (np.exp(joint) / np.exp(joint).sum(1, keepdims=True)).T.reshape(3, *SHAPE)
    seen = there(scene)
    np.testing.assert_allclose(
        found["probability"].values[:, seen], p[:, seen], **CLOSE
    )
    entropy = -(p * np.log(p)).sum(0)
    np.testing.assert_allclose(found["entropy"].values[seen], entropy[seen], **CLOSE)
    np.testing.assert_array_equal(found["label"].values[seen], p.argmax(0)[seen])


def test_labels_have_their_names_in_files(scene, fitted, tmp_path):
    found = bg.segment(scene, fitted, "band")
    label = found["label"]
    assert label.dtype == np.int16
    np.testing.assert_array_equal(label.attrs["flag_values"], [0, 1, 2])
    assert label.attrs["flag_meanings"] == "dry_land water town"
    assert list(found["component"].values) == ["dry land", "water", "town"]
    found.to_netcdf(tmp_path / "segments.nc")
    with xr.open_dataset(tmp_path / "segments.nc") as read:
        np.testing.assert_array_equal(np.isnan(read["label"]), ~there(scene))
        np.testing.assert_array_equal(read["label"].fillna(-9999), label)


def test_blocks_and_equal_pixels_change_nothing(
    scene, posterior, segments, monkeypatch
):
    monkeypatch.setattr(segmenter, "BLOCK_ROWS", 400)
    xr.testing.assert_identical(bg.segment(scene, posterior, "band"), segments)
    monkeypatch.setattr(segmenter, "MANY_DRAWS", 10**9)
    xr.testing.assert_allclose(bg.segment(scene, posterior, "band"), segments)
    grey = (scene.isel(band=[0]) // 8).drop_vars("band")
    pixels = {name: scenes.LAND[name] for name in scenes.LAND}
    pixels["means"] = np.array(pixels["means"])[:, :1] / 8
    pixels["covariances"] = np.array(pixels["covariances"])[:, :1, :1] / 64
    one = scenes.posterior(truth=pixels, names=["x0"])
    slow = bg.segment(grey, one, "band")
    monkeypatch.setattr(segmenter, "MANY_DRAWS", 1)
    xr.testing.assert_allclose(bg.segment(grey, one, "band"), slow)


def test_a_bar_for_many_blocks(scene, fitted, monkeypatch):
    bars = []

    def track(items, total, _, show):
        for number, item in enumerate(items):
            bars.append((number, total, show))
            yield item

    monkeypatch.setattr(segmenter, "track", track)
    for many, shown in ((10, False), (3, True)):
        monkeypatch.setattr(segmenter, "MANY_BLOCKS", many)
        bg.segment(scene, fitted, "band")
        assert bars == [(n, 4, shown) for n in range(4)]
        bars.clear()
    bg.segment(scene, fitted, "band", progress=False)
    assert bars[-1] == (3, 4, False)


def test_data_of_every_kind(scene, fitted):
    want = bg.segment(scene, fitted, "band")
    image = np.moveaxis(scene.values, 0, -1)
    holes = image.astype(np.float32)
    holes[~there(scene)] = np.nan
    masked = np.ma.masked_equal(scene.values, 0)
    frame = pd.DataFrame(holes.reshape(-1, 3), columns=scenes.BANDS)
    variables = scene.to_dataset("band")
    variables["green"].attrs["nodata"] = 0
    found = {
        "image": bg.segment(image, fitted, nodata=0),
        "floats": bg.segment(holes, fitted),
        "bands first": bg.segment(scene.values, fitted, 0, nodata=[0, 0, 0]),
        "masked": bg.segment(masked, fitted, 0),
        "dataset": bg.segment(variables, fitted),
        "frame": bg.segment(frame, fitted),
        "table": bg.segment(holes.reshape(-1, 3), fitted),
    }
    for name in POINT:
        wanted = want[name].transpose("y", "x", ...).values
        for kind, each in found.items():
            got = each[name].transpose(..., *("component",) * (name == "probability"))
            got = got.values.reshape(wanted.shape)
            np.testing.assert_array_equal(got, wanted, err_msg=f"{kind}: {name}")
    assert found["image"]["probability"].dims == ("y", "x", "component")
    assert found["frame"]["label"].dims == ("obs_id",)
    xr.testing.assert_identical(found["dataset"].y, want.y)


def test_one_feature_needs_no_dimension():
    truth = {
        "weights": [0.5, 0.5],
        "means": [[0.0], [4.0]],
        "covariances": [[[1.0]]] * 2,
    }
    tree = scenes.posterior(truth=truth, names=["x0"])
    image = np.array([[0.0, 4.0, np.inf], [5.0, -1.0, 1.0]])
    label = [[0, 1, -9999], [1, 0, 0]]
    assert bg.segment(image, tree)["label"].values.tolist() == label
    assert bg.segment(image[..., None], tree)["label"].values.tolist() == label
    named = xr.DataArray(image, dims=("lat", "lon"))
    assert bg.segment(named, tree)["label"].dims == ("lat", "lon")
    for rows in (image[0], image[0].tolist(), pd.Series(image[0])):
        assert bg.segment(rows, tree)["label"].dims == ("obs_id",)
    assert bg.segment(image[:, :1], tree)["label"].dims == ("obs_id",)


def test_a_phantom_whose_pixels_are_known():
    """A made-up scan of four tissues; limits from its exact posterior.

    Under the parameters that it was made with the mean entropy is 0.1049. Fits by EM of
    other scans of the same tissues have 0.106 on average, with a standard deviation of
    0.0056; this one has 0.0952, and its log-likelihood is 5.4 above the truth's. Mean
    entropies of draws of the posterior are 0.0964 +- 0.0047. The limit is 1.8 standard
    deviations wide: 7 of 100 other scans were outside.
    """
    held = np.load(IMAGES / "phantom.npz")
    image, truth = held["image"], held["labels"]
    em = bg.GaussianMixture(4, n_init=2, random_state=0).fit(image.reshape(-1, 1))
    assert em.log_likelihood_ > -42215.714  # at the parameters it was made with
    found = bg.segment(image, em)
    named = em.means_.ravel().argsort().argsort()
    assert (named[found["label"].values] != truth).mean() <= 0.0386 + 0.006
    assert float(found["entropy"].mean()) == pytest.approx(0.105, abs=0.01)
    smoothed = bg.smooth(found, ("y", "x"), 1.0)
    assert (named[smoothed["label"].values] != truth).mean() < 0.01


def test_noise_is_minus_one():
    X = np.random.default_rng(0).normal(size=(300, 2))
    X[:20] = np.random.default_rng(1).uniform(-30, 30, size=(20, 2))
    em = bg.GaussianMixture(1, noise=True, random_state=0).fit(X)
    found = bg.segment(X, em)
    np.testing.assert_array_equal(found["label"], em.predict(X))
    np.testing.assert_allclose(found["probability"], em.predict_proba(X), **CLOSE)
    np.testing.assert_array_equal(found["label"].attrs["flag_values"], [0, -1])
    assert found["label"].attrs["flag_meanings"] == "group_0 noise"
    smoothed = bg.smooth(found, "obs_id", 0.1)
    np.testing.assert_array_equal(smoothed["label"], found["label"])


def test_last_years_posterior_segments_this_years_scene(posterior, tmp_path):
    named = posterior.copy()
    names = {"component": ["dry land", "water", "town"]}
    named["posterior"] = named["posterior"].to_dataset().assign_coords(names)
    named.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    this_year = scenes.land((20, 30), seed=5)
    with xr.open_datatree(tmp_path / "posterior.nc") as last_year:
        found = bg.segment(this_year, last_year, "band")
    assert found["label"].attrs["flag_meanings"] == "dry_land water town"
    xr.testing.assert_identical(found, bg.segment(this_year, named, "band"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: (s, "bands"),
            r"`feature_dim` must name the dimension .* 'bands'. Did",
        ),
        (lambda s: (s, None), r"`feature_dim` must name the dimension .* got None."),
        (lambda s: (s.isel(band=[0, 1]), "band"), r"`data` must have the 3 features"),
        (
            lambda s: (s.isel(band=[1, 0, 2]), "band"),
            r"`data` must have the columns of",
        ),
        (
            lambda s: (s.astype(complex), "band"),
            r"`data` must be real numbers; got values",
        ),
        (
            lambda s: (s.isel(x=[]), "band"),
            r"`data` must have values, and a dimension beside",
        ),
        (
            lambda s: (s.rename(y="component"), "band"),
            r"`data` must have no dimension or coordinate called 'compon",
        ),
        (
            lambda s: (s.assign_coords(label=("x", s.x.values)), "band"),
            r"`data` must have no dimension or coordinate called 'label'",
        ),
        (
            lambda s: (s[:, 0, 0], "band"),
            r"`data` must have values, and a dimension beside",
        ),
        (lambda s: (s.values, 3), r"`feature_dim` must be the number of an axis"),
        (lambda s: (s.values[None, None], 2), r"`data` must have two to four axes"),
        (lambda _: (pd.DataFrame({"a": ["b"]}), None), r"`data` must have numeric col"),
    ],
)
def test_refusals(change, message, scene, posterior):
    data, feature_dim = change(scene)
    with pytest.raises(InputError, match=message):
        bg.segment(data, posterior, feature_dim)


@pytest.mark.parametrize("nodata", ["none", [0, 1]])
def test_nodata_is_a_number_a_feature(nodata, scene, posterior):
    with pytest.raises(InputError, match="`nodata` must be a number, or 3 of them"):
        bg.segment(scene, posterior, "band", nodata=nodata)


def test_an_attribute_that_is_no_number_is_refused(scene, fitted):
    want = bg.segment(scene.assign_attrs(_FillValue=0), fitted, "band")
    told = scene.assign_attrs(_FillValue=None, nodata=0)
    found = bg.segment(told, fitted, "band")
    np.testing.assert_array_equal(found["label"], want["label"])
    with pytest.raises(InputError, match="`data` must have a number, or nothing, in"):
        bg.segment(scene.assign_attrs(_FillValue="none"), fitted, "band")


def test_blocks_without_data(fitted, posterior):
    image = np.full((200, 40, 3), np.nan)
    image[-1, -1] = 60.0
    for mixture in (fitted, posterior):
        found = bg.segment(image, mixture)
        assert (found["label"] != -9999).sum() == 1
        assert found["entropy"].notnull().sum() == 1


def test_labels_must_be_resolved(scene, posterior):
    switched = posterior.drop_nodes("relabelling")
    with pytest.raises(InputError, match="`mixture` must have its labels resolved"):
        bg.segment(scene, switched, "band")


def test_a_mixture_is_needed(scene):
    with pytest.raises(InputError, match="`mixture` must be a fitted GaussianMixture"):
        bg.segment(scene, 3, "band")


def test_nodata_too_small_for_the_bits_of_a_scene_is_nowhere(fitted):
    rows = np.zeros((1, 2, 3), np.float32)
    assert (bg.segment(rows, fitted, nodata=1e-300)["label"] != -9999).all()
