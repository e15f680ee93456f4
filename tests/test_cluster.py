"""Fits on processes and clusters are those of one thread, and survive a worker."""

import os
import pickle
import signal
from contextlib import contextmanager

import dask
import dask.array as da
import numpy as np
import pytest
from apart import apart
from distributed import Client, LocalCluster

import bayesgmm as bg
from bayesgmm import fitting_chunks
from bayesgmm.chunks import open_chunks
from bayesgmm.errors import ChunkError, InputError

N = 3000
DEATHS = 1
"""Workers that a chunk may be lost with before it is given up."""


def draw():
    rng = np.random.default_rng(0)
    z = rng.choice(3, size=N, p=[0.5, 0.3, 0.2])
    centres = np.array([[0.0, 0.0], [3.0, 1.0], [0.0, 5.0]])[z]
    return 1e3 + centres + rng.normal(size=(N, 2)) * (1 + 0.2 * z[:, None])


X = draw()
GIVEN = {
    "weights_init": [0.3, 0.3, 0.4],
    "means_init": [[1000.0, 1000.0], [1003.0, 1001.0], [1000.0, 1005.0]],
    "precisions_init": np.tile(np.eye(2), (3, 1, 1)),
}


@contextmanager
def cluster_of(n_workers):
    settings = {
        "distributed.scheduler.allowed-failures": DEATHS,
        "distributed.comm.retry.count": 0,
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client():
    with cluster_of(2) as client:
        yield client


def lazy(rows=500, act=None, **told):
    array = da.from_array(X, chunks=(rows, 2))
    return array if act is None else array.map_blocks(act, dtype=float, **told)


def fit(array, **settings):
    return bg.GaussianMixture(3, **{**GIVEN, **settings}).fit(array)


def fit_in_one_thread(rows=500, **settings):
    with few_in_sample(), dask.config.set(scheduler="synchronous"):
        return fit(lazy(rows), **settings)


@contextmanager
def few_in_sample():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting_chunks, "SAMPLE_ROWS", 1000)
        yield


def same_bits(em, other):
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        np.testing.assert_array_equal(getattr(em, name), getattr(other, name), name)
    assert em.log_likelihood_ == other.log_likelihood_


def close(em, other, rtol=1e-10):
    assert em.log_likelihood_ == pytest.approx(other.log_likelihood_, rel=rtol)
    np.testing.assert_allclose(em.means_, other.means_, rtol=rtol)
    np.testing.assert_allclose(em.weights_, other.weights_, rtol=rtol)
    scale = np.abs(other.covariances_).max()
    np.testing.assert_allclose(em.covariances_, other.covariances_, atol=rtol * scale)


def at_chunk(block_info, number):
    return block_info and block_info[0]["chunk-location"][0] == number


def die_once(block, flag, block_info=None):
    """Take a worker down the third time that a chunk is read."""
    if at_chunk(block_info, 2) and not os.path.exists(flag):
        with open(flag + ".reads", "a") as reads:
            reads.write("x")
        if os.path.getsize(flag + ".reads") == 3:
            open(flag, "x").close()
            os.kill(os.getpid(), signal.SIGKILL)
    return block


def always_die(block, block_info=None):
    if at_chunk(block_info, 3):
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def fail(block, block_info=None):
    if at_chunk(block_info, 3):
        raise OSError("the disk is gone")
    return block


def test_a_cluster_changes_no_bit(client):  # noqa: ARG001
    one = apart(fit_in_one_thread)
    same_bits(fit(lazy()), one)
    close(one, fit(X))


def test_rows_are_answered_on_a_cluster(client):
    em = fit(X)
    array = lazy().persist()
    assert client.who_has(array)
    np.testing.assert_array_equal(em.predict(array).compute(), em.predict(X))
    assert em.bic(array) == pytest.approx(em.bic(X), rel=1e-12)


def test_a_fit_survives_a_worker(client, tmp_path):
    flag = str(tmp_path / "died")
    workers = set(client.scheduler_info(n_workers=-1)["workers"])
    em = fit(lazy(act=die_once, flag=flag))
    assert os.path.exists(flag)
    assert set(client.scheduler_info(n_workers=-1)["workers"]) != workers
    same_bits(em, apart(fit_in_one_thread))


def test_a_chunk_that_raises_is_named(client):  # noqa: ARG001
    with pytest.raises(ChunkError, match=r"^Chunk 3 of 6 \(rows 1500 to 1999\).*gone"):
        fit(lazy(act=fail))


def test_a_missing_value_is_named_with_its_chunk(client):  # noqa: ARG001
    bad = X.copy()
    bad[1234, 1] = np.nan
    with pytest.raises(InputError, match=r"row 234, .* of chunk 2 of 6 \(rows 1000"):
        fit(da.from_array(bad, chunks=(500, 2)))


@pytest.mark.slow
def test_a_chunk_that_no_worker_survives_is_named():
    named = r"^Chunk 3 of 6 \(rows 1500 to 1999\).*died"
    with cluster_of(2), pytest.raises(ChunkError, match=named):
        fit(lazy(act=always_die))


def die_of(rows, weight):  # noqa: ARG001
    if rows[0, 0] == X[1500, 0]:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_where_workers_die_that_could_read_every_chunk_is_told():
    with cluster_of(2), pytest.raises(ChunkError, match=r"^Chunk \d of 6 .*died"):
        open_chunks(lazy()).sum(die_of, list)


@pytest.mark.parametrize("kind", [InputError, ChunkError])
def test_errors_travel(kind):
    told = {InputError: ("X", "be finite", "NaN", "Look."), ChunkError: ("Chunk 3",)}
    error = kind(*told[kind])
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is kind
    assert str(there) == str(error)
    assert vars(there) == vars(error)


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [1, 2, 4])
def test_workers_and_chunks_make_no_difference(n_workers):
    whole = fit(X)
    drawn = dict.fromkeys(GIVEN) | {"random_state": 0}
    with cluster_of(n_workers), few_in_sample():
        for rows in (N, 500, 333):
            em = fit(lazy(rows))
            same_bits(em, apart(fit_in_one_thread, rows))
            close(em, whole)
        close(fit(lazy(), **drawn), apart(fit_in_one_thread, **drawn))


@pytest.mark.slow
def test_processes_change_no_bit():
    few = {"tol": 1e-3}  # Dask starts processes anew in every step
    one = apart(fit_in_one_thread, **few)
    with dask.config.set(scheduler="processes", num_workers=2):
        same_bits(fit(lazy(), **few), one)
    close(one, fit(X, **few))


@pytest.mark.slow
def test_posteriors_and_what_leads_to_them_are_those_of_one_thread():
    """They see rounding, so short chains and replicates agree to far fewer digits."""
    em = fit(X)
    kept = {"init": em, "random_seed": 1, "chains": 1, "progress": False}

    def found():
        core = bg.coreset(lazy(), em, n_rows=300, random_state=0)
        yield core.sample_weight
        short = {"draws": 3, "tune": 2, **kept}
        yield bg.sample(lazy(), 3, method="gibbs", **short)["posterior"]["means"]
        yield bg.sample(lazy(), 3, method="nuts", **short)["posterior"]["means"]
        again = {"n_replicates": 2, "random_state": 0, "progress": False}
        yield bg.bootstrap(em, lazy(), **again)["posterior"]["means"]
        yield bg.standard_errors(em, lazy())["means"]

    with dask.config.set(scheduler="synchronous"):
        one = list(found())
    with cluster_of(2):
        for there, here in zip(found(), one, strict=True):
            np.testing.assert_allclose(there, here, rtol=1e-6)
