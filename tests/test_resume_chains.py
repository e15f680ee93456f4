"""Chains that were stopped go on where they were, to the bit."""

import os
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import dask.array as da
import numpy as np
import pymc as pm
import pytest

import bayesgmm as bg
from bayesgmm import diary, gibbs, lazy_passes, telescoping
from bayesgmm.errors import InputError
from bayesgmm.marginal import compile as compile_
from bayesgmm.marginal import lazy

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 2)) + 4.0 * (rng.random(300) < 0.4)[:, None]
LAZY = da.from_array(X, chunks=(150, 2))
EM = bg.GaussianMixture(2, random_state=0).fit(X)
SETTINGS = {"draws": 20, "tune": 20, "chains": 2, "random_seed": 3, "progress": False}


class Stopped(Exception):
    """What ends a chain here."""


def stop_after(n, function):
    """Return a function that can be called so often, and its number of calls."""
    calls = []

    def limited(*arguments, **more):
        calls.append(None)
        if len(calls) > n:
            raise Stopped
        return function(*arguments, **more)

    return limited, calls


def check_equal(resumed, whole):
    for group in ("posterior", "sample_stats"):
        for name in whole[group].data_vars:
            np.testing.assert_array_equal(resumed[group][name], whole[group][name])


def resume(monkeypatch, module, name, n, run, **settings):
    """Stop a run at the n-th call of a function; run again; return both, and calls."""
    function = getattr(module, name)
    counted, of_whole = stop_after(np.inf, function)
    monkeypatch.setattr(module, name, counted)
    whole = run(**settings)
    limited, _ = stop_after(n, function)
    monkeypatch.setattr(module, name, limited)
    with pytest.raises(Stopped):
        run(**settings, checkpoint="chains")
    counted, of_rest = stop_after(np.inf, function)
    monkeypatch.setattr(module, name, counted)
    resumed = run(**settings, checkpoint="chains")
    check_equal(resumed, whole)
    return len(of_whole), len(of_rest)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(diary, "_SECONDS", 1e-3)  # so that there are several segments


def gibbs_of(rows, **known):
    return lambda **more: bg.sample(
        rows, 2, init=EM, method="gibbs", **SETTINGS, **known, **more
    )


def test_gibbs_of_lazy_rows(monkeypatch):
    n, rest = resume(monkeypatch, lazy_passes, "draw_labels", 50, gibbs_of(LAZY))
    assert n == 2 * 41
    assert rest < 45


def holes():
    gappy = X.copy()
    gappy[::7, 1] = np.nan
    return gappy


KINDS = {
    "plain": (X, {}),
    "weights": (X, {"sample_weight": np.arange(300) % 3}),
    "gaps": (holes(), {"missing": "fiml"}),
    "labels": (X, {"labels": np.where(np.arange(300) < 9, X[:, 0] > 2, -1)}),
    "noise": (X, {"noise": True}),
}


@pytest.mark.parametrize(
    "what",
    ["noise", *(pytest.param(w, marks=pytest.mark.slow) for w in list(KINDS)[:-1])],
)
def test_gibbs_in_memory(monkeypatch, what):
    rows, known = KINDS[what]

    def run(**more):
        settings = SETTINGS | {"draws": 200, "tune": 100, "chains": 1}
        return bg.sample(rows, 2, method="gibbs", **settings, **known, **more)

    monkeypatch.setattr(diary, "_next_size", lambda size, *_: min(2 * size, 16))
    n, rest = resume(monkeypatch, gibbs, "_run", 9, run)
    assert rest <= n - 8


def test_telescoping(monkeypatch):
    def run(**more):
        return bg.sample(X, method="telescoping", **SETTINGS | {"chains": 1}, **more)

    monkeypatch.setattr(diary, "_next_size", lambda *_: 40)
    n, rest = resume(monkeypatch, telescoping, "_run", 7, run)
    assert n == 12
    assert rest <= 6


NUTS = SETTINGS | {"draws": 5, "tune": 5}


@pytest.mark.parametrize(
    ("method", "n_first"),
    [("laplace", 15), pytest.param("nuts", 100, marks=pytest.mark.slow)],
)
def test_passes_over_lazy_rows(monkeypatch, method, n_first):
    def run(**more):
        return bg.sample(LAZY, 2, init=EM, method=method, **NUTS, **more)

    n, rest = resume(monkeypatch, lazy, "score", n_first, run)
    assert rest <= n - n_first + 1  # the one at the start is compared


@pytest.mark.slow
@pytest.mark.parametrize("method", ["nuts", "nuts_pymc", "pathfinder"])
def test_values_in_memory(monkeypatch, method):
    model = bg.build_model(X, 2, init=EM)
    own = Namespace(value=compile_.FlatModel(model).log_posterior())
    # Looked up at every call.
    monkeypatch.setattr(
        compile_.FlatModel, "_log_posterior", lambda _: lambda x: own.value(x)
    )

    def run(**more):
        return bg.sample(model, method=method, **SETTINGS, **more)

    n, rest = resume(monkeypatch, own, "value", 300, run)
    assert rest <= n - 300 + 1


def test_a_seed_that_was_drawn_is_kept(monkeypatch):
    settings = SETTINGS | {"random_seed": None}

    def run(**more):
        return bg.sample(LAZY, 2, init=EM, method="gibbs", **settings, **more)

    limited, _ = stop_after(50, lazy_passes.draw_labels)
    with monkeypatch.context() as context:
        context.setattr(lazy_passes, "draw_labels", limited)
        with pytest.raises(Stopped):
            run(checkpoint="chains")
    resumed = run(checkpoint="chains")
    settings["random_seed"] = resumed.posterior.attrs["random_seed"]
    check_equal(resumed, run())
    check_equal(run(checkpoint="other"), resumed)


KILLED = """
import os, signal
import test_resume_chains as t
from bayesgmm import lazy_passes
def draw_labels(*arguments):
    if len(calls) == 50:
        os.kill(os.getpid(), signal.SIGKILL)
    return counted(*arguments)
counted, calls = t.stop_after(1000, lazy_passes.draw_labels)
lazy_passes.draw_labels = draw_labels
t.gibbs_of(t.LAZY)(checkpoint="chains")
"""


@pytest.mark.slow
def test_a_process_that_was_killed(monkeypatch):
    path = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    whole = gibbs_of(LAZY)()
    counted, calls = stop_after(np.inf, lazy_passes.draw_labels)
    monkeypatch.setattr(lazy_passes, "draw_labels", counted)
    check_equal(gibbs_of(LAZY)(checkpoint="chains"), whole)
    assert len(calls) < 45


OTHER = {
    "random_seed": {"random_seed": 4},
    "draws": {"draws": 21},
    "X": {"rows": X + 1.0},
    "priors": {"priors": bg.default_priors(2 * X, 2, kind="conjugate")},
    "sample_weight": {"sample_weight": np.full(300, 2)},
}


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize("lazy", [True, False])
def test_a_file_of_another_chain_is_refused(name, lazy):
    def run(rows=X, **known):
        rows = da.from_array(rows, chunks=(150, 2)) if lazy else rows
        settings = SETTINGS | {"draws": 2, "tune": 1} | known
        bg.sample(rows, 2, method="gibbs", **settings, checkpoint="chains")

    run()
    with pytest.raises(InputError, match=rf"differs in .*{name}"):
        run(**OTHER[name])


@pytest.mark.slow
def test_a_file_of_another_model_is_refused():
    run = {"method": "laplace", **NUTS, "checkpoint": "chains"}
    with pm.Model() as model:
        x = pm.Data("x", np.zeros(3))
        pm.Normal("y", pm.Normal("mean"), observed=x)
    bg.sample(model, **run)
    pm.set_data({"x": np.ones(3)}, model=model)
    with pytest.raises(InputError, match="whose log-density at the start is"):
        bg.sample(model, **run)


@pytest.mark.parametrize("method", ["advi", "cavi", "smc", "nuts_numpyro"])
def test_methods_that_cannot_are_refused(method):
    says = f"`checkpoint` must be None for `method='{method}'`"
    with pytest.raises(InputError, match=says):
        bg.sample(X, 2, method=method, checkpoint="chains")
