"""Scenes in Dask arrays: computed when asked for, and the same as in memory."""

import numpy as np
import pytest
import scenes
import xarray as xr

import bayesgmm as bg
from bayesgmm import segmenter

READ = []


def read(block):
    READ.append(block.shape)
    return block


@pytest.fixture(scope="module")
def posterior():
    return scenes.posterior(n_draws=5)


@pytest.fixture(scope="module")
def scene():
    return scenes.land((40, 50))


@pytest.fixture
def lazy(scene):
    import dask.array

    READ.clear()
    chunked = scene.chunk({"band": 1, "y": 16, "x": 25})
    return chunked.copy(data=dask.array.map_blocks(read, chunked.data, dtype="uint8"))


@pytest.fixture(autouse=True)
def in_turn():
    """Compute without threads, so that READ is in order."""
    import dask

    with dask.config.set(scheduler="synchronous"):
        yield


def test_segments_are_lazy_and_the_same(scene, lazy, posterior):
    found = bg.segment(lazy, posterior, "band")
    assert READ in ([], [(0, 0, 0)])  # Dask may try a function on nothing
    assert found["label"].data.numblocks == (3, 2)
    assert found["probability"].dims == ("component", "y", "x")
    READ.clear()
    part = found["label"].isel(y=slice(0, 16), x=slice(0, 25)).compute()
    assert READ == [(1, 16, 25)] * 3
    whole = bg.segment(scene, posterior, "band")
    assert (part == whole["label"].isel(y=slice(0, 16), x=slice(0, 25))).all()
    computed = found.compute()
    xr.testing.assert_allclose(computed, whole, rtol=1e-6)
    assert computed["label"].identical(whole["label"])


def test_chunks_show_no_bars_of_their_own(lazy, posterior, monkeypatch):
    shown = []
    monkeypatch.setattr(segmenter, "MANY_BLOCKS", 0)
    monkeypatch.setattr(
        segmenter, "track", lambda *told: iter(shown.append(told) or ())
    )
    bg.segment(lazy, posterior, "band")["label"].compute()
    assert {show for *_, show in shown} == {False}


def test_smoothing_is_lazy_and_the_same(scene, lazy, posterior):
    eager = bg.smooth(bg.segment(scene, posterior, "band"), ("y", "x"), 1.5)
    READ.clear()
    found = bg.smooth(bg.segment(lazy, posterior, "band"), ("y", "x"), 1.5)
    assert READ in ([], [(0, 0, 0)])
    xr.testing.assert_allclose(found.compute(), eager, rtol=1e-5)


def test_areas_read_every_chunk_once(scene, lazy, posterior, monkeypatch):
    want = bg.area(scene, posterior, "band")
    monkeypatch.setattr(segmenter, "BLOCK_ROWS", 100)
    xr.testing.assert_allclose(bg.area(lazy, posterior, "band"), want)
    assert sum(np.prod(shape) for shape in READ) == scene.size


def test_a_plain_dask_array_is_lazy_too(scene, posterior):
    import dask.array

    image = dask.array.from_array(np.moveaxis(scene.values, 0, -1), chunks=(20, 50, 3))
    found = bg.segment(image, posterior, nodata=0)
    assert found["label"].chunks is not None
    want = bg.segment(scene, posterior, "band")["label"]
    np.testing.assert_array_equal(found["label"].compute(), want)
