"""A fit that was stopped goes on where it was, and ends with the same bits."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
from apart import apart
from sklearn.base import clone

from bayesgmm import GaussianMixture, fitting_chunks
from bayesgmm.errors import InputError
from bayesgmm.observations import Complete

N, CHUNK, WATCHED = 1000, 200, 1
"""Rows, rows of a chunk, and a chunk that is read by passes over all of them only."""


def draw():
    rng = np.random.default_rng(0)
    z = rng.choice(3, size=N, p=[0.5, 0.3, 0.2])
    centres = np.array([[0.0, 0.0], [3.0, 1.0], [0.0, 4.0]])[z]
    return centres + rng.normal(size=(N, 2))


X = draw()
FITTED = ("weights_", "means_", "covariances_", "lower_bounds_", "log_likelihood_")
SETTINGS = {"n_init": 2, "random_state": 0}


class Passes:
    """Counts passes over all rows, and does something before one of them."""

    def __init__(self, at=None, what=None):
        self.n, self.at, self.what = 0, at, what

    def __dask_tokenize__(self):
        return "Passes"

    def __call__(self, block, block_info=None):
        if block_info and block_info[0]["chunk-location"][0] == WATCHED:
            self.count()
        return block

    def count(self):
        self.n += 1
        if self.n == self.at:
            self.what()


def interrupt():
    raise KeyboardInterrupt


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def fit_lazy(passes, values=X, **settings):
    """Starts come from few of the rows, so that there are more steps on all."""
    lazy = da.from_array(values, chunks=(CHUNK, 2)).map_blocks(passes, dtype=float)
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(fitting_chunks, "SAMPLE_ROWS", 300)
        return GaussianMixture(3, **{**SETTINGS, **settings}).fit(lazy)


def fit_in_memory(passes, values=X, **settings):
    """Count passes of runs; starts by k-means++ take none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Complete, "expect", counted(passes, Complete.expect))
        return GaussianMixture(3, **{**SETTINGS, **settings}).fit(values)


def counted(passes, expect):
    def count(self, *arguments):
        passes.count()
        return expect(self, *arguments)

    return count


def same(em, other):
    for name in FITTED:
        np.testing.assert_array_equal(getattr(em, name), getattr(other, name), name)
    assert em.n_iter_ == other.n_iter_
    assert em.status_ == other.status_
    assert em.optima_.equals(other.optima_)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.ckpt"


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("fit", [fit_lazy, fit_in_memory])
def test_a_fit_that_was_stopped_goes_on_where_it_was(fit, share, path):
    through, stopped, resumed, again = (Passes() for _ in range(4))
    expected = fit(through, split_merge=False)
    stopped.at, stopped.what = 1 + int(share * through.n), interrupt
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, split_merge=False, checkpoint=path)
    same(fit(resumed, split_merge=False, checkpoint=path), expected)
    # The sample is read with the starts; an interrupt there loses nothing else.
    assert resumed.n == through.n - (stopped.at - 1)
    same(fit(again, split_merge=False, checkpoint=str(path)), expected)
    assert again.n == 0


SCRIPT = "import sys, test_resume as t; t.{fit}(t.Passes(9, t.kill), checkpoint={path})"


def counting(fit, **settings):
    passes = Passes()
    return fit(passes, **settings), passes.n


@pytest.mark.parametrize(
    "fit", [fit_lazy, pytest.param(fit_in_memory, marks=pytest.mark.slow)]
)
def test_a_fit_that_was_killed_goes_on_where_it_was(fit, path):
    script = SCRIPT.format(fit=fit.__name__, path=repr(str(path)))
    folder = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder.parent)])}
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, check=False, cwd=folder, env=environment)
    assert ended.returncode == -signal.SIGKILL
    expected, n_passes = apart(counting, fit)
    resumed, n_missing = apart(counting, fit, checkpoint=path)
    same(resumed, expected)
    assert n_missing == n_passes - 8


@pytest.mark.parametrize("fit", [fit_lazy, fit_in_memory])
def test_what_was_drawn_is_drawn_once(fit, path, tmp_path):
    """A fit without a seed goes on with that of the first try."""
    first = {"init_params": "random", "n_init": 1, "split_merge": False}
    given = {"random_state": np.random.RandomState(5), **first}
    expected = fit(Passes(), checkpoint=tmp_path / "other", **given)
    given = {"random_state": np.random.RandomState(5), **first}
    with pytest.raises(KeyboardInterrupt):
        fit(Passes(4, interrupt), checkpoint=path, **given)
    same(fit(Passes(), checkpoint=path, **first | {"random_state": None}), expected)


@pytest.mark.parametrize("fit", [fit_lazy, fit_in_memory])
def test_more_steps_may_be_allowed(fit, path):
    through, more, settings = Passes(), Passes(), {"n_init": 1, "split_merge": False}
    settings |= {"means_init": X[:3]}
    expected = fit(through, **settings)
    with pytest.warns(match="max_iter"):
        fit(Passes(), max_iter=3, checkpoint=path, **settings)
    same(fit(more, checkpoint=path, **settings), expected)
    assert 0 < more.n < through.n


@pytest.mark.parametrize("fit", [fit_lazy, fit_in_memory])
@pytest.mark.parametrize(
    ("now", "named"),
    [
        ({"tol": 1e-3}, r"tol \(None there, 0\.001 here\)"),
        ({"random_state": None}, r"random_state \(0 there, 'drawn' here\)"),
        ({"values": X[::-1]}, "X "),
        ({"values": X[:-1]}, "X "),
    ],
)
def test_another_fit_is_refused(fit, now, named, path):
    fit(Passes(), max_iter=0, n_init=1, checkpoint=path)
    with pytest.raises(InputError, match=f"differs in .*{named}"):
        fit(Passes(), **{"max_iter": 0, "n_init": 1, "checkpoint": path, **now})


def test_other_chunks_are_refused(path):
    settings = {"max_iter": 0, "n_init": 1, "checkpoint": path}
    fit_lazy(Passes(), **settings)
    with pytest.raises(InputError, match="chunks of X"):
        GaussianMixture(3, random_state=0, **settings).fit(da.from_array(X, chunks=500))


@pytest.mark.parametrize("name", ["sample_weight", "labels"])
def test_other_numbers_of_some_rows_are_refused(name, path):
    """Also of rows whose values are not looked at."""
    rows, settings = da.from_array(X, chunks=CHUNK), {"max_iter": 0, "n_init": 1}
    then, now = np.zeros(N, dtype=int), np.zeros(N, dtype=int)
    then[::2] = now[::2] = 1
    now[N // 4] = 0
    em = GaussianMixture(2, random_state=0, checkpoint=path, **settings)
    em.fit(rows, **{name: then})
    with pytest.raises(InputError, match=f"differs in {name}"):
        em.fit(rows, **{name: now})


HOLES = np.where(np.random.default_rng(2).random((N, 2)) < [0.0, 0.2], np.nan, X)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"values": HOLES, "missing": "fiml"}, marks=pytest.mark.slow),
        {"covariance_type": "spherical", "prior": "default"},
        {
            "covariance_type": "tied",
            "weights_init": np.ones(3) / 3,
            "means_init": X[:3],
        },
    ],
    ids=["gaps", "prior", "given"],
)
def test_all_kinds_of_fits_go_on(settings, path):
    through, resumed = Passes(), Passes()
    expected = fit_lazy(through, **settings)
    with pytest.raises(KeyboardInterrupt):
        fit_lazy(Passes(7, interrupt), checkpoint=path, **settings)
    same(fit_lazy(resumed, checkpoint=path, **settings), expected)
    assert resumed.n == through.n - 6


def test_a_checkpoint_is_a_setting_like_others(path):
    em = GaussianMixture(2, checkpoint=path)
    assert clone(em).checkpoint == path
    em.fit(X).save(path.with_suffix(".json"))
    assert GaussianMixture.load(path.with_suffix(".json")).checkpoint == str(path)
    with pytest.raises(InputError, match="`checkpoint` must be None or a path"):
        GaussianMixture(2, checkpoint=3).fit(X)
