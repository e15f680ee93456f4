"""Fits of lazy rows are those of the same rows in memory."""

import weakref
from collections import Counter
from threading import RLock

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm import chunk_tree, fitting_chunks
from bayesgmm.chunks import open_chunks
from bayesgmm.errors import ChunkError, InputError

N = 5000
FEATURES = ["length", "width"]


def draw(n=N):
    rng = np.random.default_rng(0)
    z = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    centres = np.array([[0.0, 0.0], [3.0, 1.0], [0.0, 5.0]])[z]
    return 1e3 + centres + rng.normal(size=(n, 2)) * (1 + 0.2 * z[:, None])


X = draw()
GIVEN = {
    "weights_init": [0.3, 0.3, 0.4],
    "means_init": [[1000.0, 1000.0], [1003.0, 1001.0], [1000.0, 1005.0]],
    "precisions_init": np.tile(np.eye(2), (3, 1, 1)),
}


@pytest.fixture
def few_in_sample(monkeypatch):
    monkeypatch.setattr(fitting_chunks, "SAMPLE_ROWS", 1000)


def same(em, other, rtol=1e-10):
    assert em.log_likelihood_ == pytest.approx(other.log_likelihood_, rel=rtol)
    np.testing.assert_allclose(em.means_, other.means_, rtol=rtol)
    np.testing.assert_allclose(em.weights_, other.weights_, rtol=100 * rtol)
    scale = np.abs(other.covariances_).max()
    np.testing.assert_allclose(em.covariances_, other.covariances_, atol=rtol * scale)


@pytest.mark.parametrize("rows", [N, 1000, 777, 64])
def test_chunks_make_no_difference(rows):
    whole = bg.GaussianMixture(3, **GIVEN).fit(X)
    lazy = bg.GaussianMixture(3, **GIVEN).fit(da.from_array(X, chunks=(rows, 1)))
    same(lazy, whole)
    assert lazy.n_iter_ == whole.n_iter_


def test_threads_do_not_change_a_bit():
    lazy, found = da.from_array(X, chunks=(300, 2)), []
    for settings in ({"scheduler": "synchronous"}, {"num_workers": 4}):
        with dask.config.set(**settings):
            found.append(bg.GaussianMixture(3, random_state=0).fit(lazy))
    np.testing.assert_array_equal(found[0].means_, found[1].means_)
    assert found[0].log_likelihood_ == found[1].log_likelihood_


@pytest.mark.usefixtures("few_in_sample")
def test_a_start_from_a_sample_ends_where_a_start_from_all_does():
    whole = bg.GaussianMixture(3, random_state=0).fit(X)
    lazy = bg.GaussianMixture(3, random_state=0).fit(da.from_array(X, chunks=(700, 2)))
    assert lazy.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-12)
    np.testing.assert_allclose(lazy.means_, whole.means_, rtol=1e-6)
    assert lazy.gradient_norm_ < 1e-7


def test_frames_and_labelled_arrays_keep_their_names():
    frame = pd.DataFrame(X, columns=FEATURES)
    arrays = xr.DataArray(X, dims=("row", "feature"), coords={"feature": FEATURES})
    whole = bg.GaussianMixture(3, **GIVEN).fit(frame)
    for lazy in (dd.from_pandas(frame, npartitions=5), arrays.chunk({"row": 999})):
        em = bg.GaussianMixture(3, **GIVEN).fit(lazy)
        same(em, whole)
        assert list(em.feature_names_in_) == FEATURES
        np.testing.assert_array_equal(em.predict(lazy).compute(), em.predict(frame))


@pytest.mark.parametrize("lazy", [True, False])
def test_weights(lazy):
    weight = np.random.default_rng(1).integers(0, 4, size=N)
    whole = bg.GaussianMixture(3, **GIVEN).fit(X, sample_weight=weight)
    given = da.from_array(weight, chunks=1234) if lazy else weight
    em = bg.GaussianMixture(3, **GIVEN)
    same(em.fit(da.from_array(X, chunks=(700, 2)), sample_weight=given), whole)


def test_weights_that_say_how_much_rows_count():
    weight = np.random.default_rng(1).gamma(2.0, size=N)
    settings = {"weight_kind": "reliability", **GIVEN}
    whole = bg.GaussianMixture(3, **settings).fit(X, sample_weight=weight)
    lazy = da.from_array(X, chunks=(700, 2))
    em = bg.GaussianMixture(3, **settings).fit(lazy, sample_weight=weight)
    same(em, whole)
    assert em.bic(lazy, weight) == pytest.approx(whole.bic(X, weight), rel=1e-12)


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl", "score"])
def test_criteria(criterion):
    em = bg.GaussianMixture(3, **GIVEN).fit(X)
    lazy = getattr(em, criterion)(da.from_array(X, chunks=(700, 2)))
    assert lazy == pytest.approx(getattr(em, criterion)(X), rel=1e-13)


def test_gaps():
    rng, holes = np.random.default_rng(2), X.copy()
    holes[rng.random(size=holes.shape) < 0.1] = np.nan
    holes = holes[~np.isnan(holes).all(axis=1)]
    settings = {"missing": "fiml", **GIVEN}
    whole = bg.GaussianMixture(3, **settings).fit(holes)
    lazy = bg.GaussianMixture(3, **settings).fit(da.from_array(holes, chunks=(700, 2)))
    same(lazy, whole)


@pytest.mark.parametrize("prior", ["default", None])
@pytest.mark.parametrize("family", ["full", "tied", "VEV"])
def test_priors_and_families(family, prior):
    given = {name: GIVEN[name] for name in ("weights_init", "means_init")}
    settings = {"covariance_type": family, "prior": prior, **given}
    whole = bg.GaussianMixture(3, **settings).fit(X)
    lazy = bg.GaussianMixture(3, **settings).fit(da.from_array(X, chunks=(700, 2)))
    same(lazy, whole, 1e-9)


@pytest.mark.parametrize("ask", ["predict", "predict_proba", "score_samples"])
def test_rows_are_answered_lazily(ask):
    em = bg.GaussianMixture(3, **GIVEN).fit(X)
    lazy = getattr(em, ask)(da.from_array(X, chunks=(700, 2)))
    assert lazy.chunks[0][0] == 700
    np.testing.assert_array_equal(lazy.compute(), getattr(em, ask)(X))


def test_chunks_without_rows_are_left_out():
    """A filter leaves some."""
    order = np.argsort(X[:, 0])
    low, weight = X[order], np.arange(1.0, len(X) + 1)
    lazy, lazy_weight = da.from_array(low, chunks=(50, 2)), da.from_array(weight)
    kept = lazy[:, 0] < np.median(X[:, 0])
    few = lazy[kept].compute_chunk_sizes()
    assert 0 in few.chunks[0]
    rows, counts = low[: len(few)], weight[: len(few)]
    expected = bg.GaussianMixture(2, random_state=0).fit(rows, sample_weight=counts)
    em = bg.GaussianMixture(2, random_state=0)
    same(em.fit(few, sample_weight=lazy_weight[: len(few)]), expected, 1e-6)
    same(em.fit(few, sample_weight=counts), expected, 1e-6)
    np.testing.assert_array_equal(em.predict(few).compute(), expected.predict(rows))


def test_a_missing_value_is_named_with_its_chunk():
    bad = X.copy()
    bad[1234, 1] = np.nan
    with pytest.raises(InputError, match=r"row 234, .* of chunk 1 of 5 \(rows 1000"):
        bg.GaussianMixture(3).fit(da.from_array(bad, chunks=(1000, 2)))


def fail(block, block_info=None):
    if block_info and block_info[0]["chunk-location"][0] == 3:
        raise OSError("the disk is gone")
    return block


def test_a_chunk_that_raises_is_named():
    lazy = da.from_array(X, chunks=(1000, 2)).map_blocks(fail, dtype=float)
    with pytest.raises(ChunkError, match=r"^Chunk 3 of 5 \(rows 3000 to 3999\).*gone"):
        bg.GaussianMixture(3).fit(lazy)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"responsibilities_init": [0]}, "responsibilities")],
)
def test_what_asks_for_rows_is_refused(settings, name):
    with pytest.raises(InputError, match=name):
        bg.GaussianMixture(3, **settings).fit(da.from_array(X, chunks=(1000, 2)))


def test_features_are_those_of_the_fit():
    em = bg.GaussianMixture(3, **GIVEN).fit(X)
    with pytest.raises(InputError, match="2 features"):
        em.predict(da.from_array(X[:, :1], chunks=(1000, 1)))


class Reads:
    """Counts how often each chunk is read, and how many are in memory at a time."""

    def __init__(self):
        self.counts, self.live, self.most = Counter(), 0, 0
        self.lock = RLock()  # arrays may end while a chunk is counted

    def __dask_tokenize__(self):
        return "Reads"

    def __call__(self, block, block_info=None):
        block = block.copy()
        if block_info and "chunk-location" in block_info[0]:  # else a sketch of a block
            with self.lock:
                self.counts[block_info[0]["chunk-location"][0]] += 1
                self.live += 1
                self.most = max(self.most, self.live)
            weakref.finalize(block, self.end)
        return block

    def end(self):
        with self.lock:
            self.live -= 1


def add_sums(parts):
    return sum(parts)


def sum_rows(rows, weight, factor):  # noqa: ARG001
    return factor * rows.sum(axis=0)


@pytest.mark.parametrize("many", [1024, 8])
def test_chunks_are_read_once_and_few_at_a_time(many, monkeypatch):
    monkeypatch.setattr(chunk_tree, "MANY", many)
    reads = Reads()
    lazy = da.from_array(X, chunks=(50, 2)).map_blocks(reads, dtype=float)
    with dask.config.set(scheduler="threads", num_workers=2):
        total = open_chunks(lazy).sum(sum_rows, add_sums, 2.0)
    np.testing.assert_allclose(total, 2 * X.sum(axis=0), rtol=1e-12)
    assert reads.counts == dict.fromkeys(range(100), 1)
    assert reads.live == 0
    assert reads.most <= 4  # of 100: one a thread, and one that is just let go


def test_many_chunks_in_a_task_change_no_bit(monkeypatch):
    lazy, found = da.from_array(X, chunks=(50, 2)), []
    for many in (1024, 8):
        monkeypatch.setattr(chunk_tree, "MANY", many)
        found.append(bg.GaussianMixture(3, **GIVEN).fit(lazy))
    np.testing.assert_array_equal(found[0].covariances_, found[1].covariances_)
    assert found[0].log_likelihood_ == found[1].log_likelihood_


def test_a_chunk_among_many_is_named(monkeypatch):
    monkeypatch.setattr(chunk_tree, "MANY", 2)
    lazy = da.from_array(X, chunks=(100, 2)).map_blocks(fail, dtype=float)
    with pytest.raises(ChunkError, match=r"^Chunk 3 of 50 \(rows 300 to 399\).*gone"):
        bg.GaussianMixture(3).fit(lazy)


@pytest.mark.parametrize("columns", [1, 2])
def test_weights_may_be_made_of_the_rows(columns):
    lazy = (da.from_array(X - 1.0, chunks=(700, columns)) + 1.0).rechunk({1: 2})
    weight = (lazy[:, 0] > 1000) + 1.0
    whole = bg.GaussianMixture(3, **GIVEN).fit(X, sample_weight=(X[:, 0] > 1000) + 1.0)
    same(bg.GaussianMixture(3, **GIVEN).fit(lazy, sample_weight=weight), whole)


@pytest.mark.parametrize("bad", [-5.0, np.nan])
@pytest.mark.parametrize(
    "ask",
    [
        lambda em, X, weight: em.bic(X, weight),
        lambda em, X, weight: em.fit(X, sample_weight=weight),
        lambda em, X, weight: bg.standard_errors(em, X, sample_weight=weight),
        lambda _, X, weight: bg.compress(X, weight),
        lambda _, X, weight: bg.select(X, 1, "EEE", sample_weight=weight),
    ],
)
def test_bad_weights_of_lazy_rows_are_refused_with_their_row(bad, ask):
    em, weight = bg.GaussianMixture(3, **GIVEN).fit(X), np.ones(len(X))
    weight[1500] = bad
    lazy = [da.from_array(each, chunks=700) for each in (X, weight)]
    with pytest.raises(InputError, match=f"got {bad:g} at row 1500"):
        ask(em, *lazy)


def test_lazy_weights_of_zero_are_refused():
    em = bg.GaussianMixture(3, **GIVEN).fit(X)
    with pytest.raises(InputError, match="positive for some row"):
        em.bic(da.from_array(X, chunks=700), da.zeros(len(X), chunks=700))


def test_bad_labels_of_lazy_rows_are_refused_with_their_chunk():
    labels = np.full(len(X), -1)
    labels[1500] = 7
    told = {"labels": da.from_array(labels, chunks=700)}
    with pytest.raises(InputError, match="got 7 at row 100 of chunk 2 of"):
        bg.GaussianMixture(3, **GIVEN).fit(da.from_array(X, chunks=700), **told)
