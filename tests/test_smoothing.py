"""Smoothed probabilities, against sums over neighbours written out."""

import numpy as np
import pytest
import scenes
import xarray as xr

import bayesgmm as bg
from bayesgmm.errors import InputError


@pytest.fixture(scope="module")
def segments():
    return bg.segment(scenes.land((12, 15)), scenes.posterior(), "band")


def average(layer, sd):
    """Return means over the pixels that are there, weighted pair by pair."""
    places = np.argwhere(np.isfinite(layer))
    out = np.full_like(layer, np.nan)
    for place in places:
        lags = places - place
        weights = np.exp(-0.5 * (lags**2).sum(1) / sd**2)
        weights[(np.abs(lags) > int(4 * sd + 0.5)).any(1)] = 0.0
        values = layer[tuple(places.T)]
        out[tuple(place)] = weights @ values / weights.sum()
    return out


def test_probabilities_are_weighted_means_of_what_is_there(segments):
    found = bg.smooth(segments, ("y", "x"), 0.8)
    layers = segments["probability"].values.astype(float)
    want = np.array([average(layer, 0.8) for layer in layers])
    np.testing.assert_allclose(found["probability"], want, rtol=1e-5, atol=1e-6)
    seen = np.isfinite(want[0])
    np.testing.assert_array_equal(found["label"].values[seen], want.argmax(0)[seen])
    entropy = -(want * np.log(np.maximum(want, 1e-300))).sum(0)
    np.testing.assert_allclose(found["entropy"], entropy, rtol=1e-4, atol=1e-5)
    ranked = np.sort(want, axis=0)
    np.testing.assert_allclose(found["margin"], ranked[-1] - ranked[-2], atol=1e-5)
    assert (found["label"].values[~seen] == -9999).all()


def test_what_is_said_of_it(segments):
    found = bg.smooth(segments, ("y", "x"), 2)
    assert set(found) == {"label", "probability", "entropy", "margin"}
    assert found["probability"].dims == segments["probability"].dims
    assert found.attrs["smoothing_sd"] == [2, 2]
    again = bg.smooth(found, "y", 1).attrs
    assert again["smoothing_dims"] == ["y", "x", "y"]
    assert again["smoothing_sd"] == [2, 2, 1]
    assert found.attrs["sensor"] == "made up"
    assert found["label"].identical(segments["label"].copy(data=found["label"]))
    kept = (
        each.coords.to_dataset().drop_attrs(deep=False) for each in (found, segments)
    )
    xr.testing.assert_identical(*kept)


def test_dimensions_not_named_are_not_mixed(segments):
    years = xr.concat(
        [segments, segments.isel(x=slice(None, None, -1)).assign_coords(x=segments.x)],
        "year",
    )
    alone = bg.smooth(segments, ["y", "x"], 1.5)
    both = bg.smooth(years, ["y", "x"], 1.5)
    np.testing.assert_array_equal(
        both["probability"].isel(year=0).transpose(*alone["probability"].dims),
        alone["probability"],
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: (s, ("y", "lon"), 1), r"`dims` must name dimensions .* got 'lon'"),
        (lambda s: (s, (), 1), r"`dims` must name dimensions .* got \(\)"),
        (lambda s: (s, ("y", "component"), 1), r"`dims` must .* got 'component'"),
        (lambda s: (s, "y", 0), r"`sd` must be a number above 0; got 0"),
        (lambda s: (s["label"], "y", 1), r"`segments` must be a Dataset with `label`"),
    ],
)
def test_refusals(change, message, segments):
    with pytest.raises(InputError, match=message):
        bg.smooth(*change(segments))
