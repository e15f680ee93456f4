"""Values kept in a file are read again to the bit, and no others."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bayesgmm.checkpoint import open_checkpoint
from bayesgmm.errors import InputError

TOLD = {"n_components": 3, "X": np.arange(6.0).reshape(3, 2)}


class Counted:
    """A pure function, its calls counted."""

    def __init__(self):
        self.n_calls = 0

    def __call__(self, x):
        self.n_calls += 1
        return {"total": float(np.sin(x).sum()), "parts": np.exp(x).T, "name": "sin"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.ckpt"


def recall(path, x, compute, told=TOLD, stage="pass"):
    with open_checkpoint(path, told) as checkpoint:
        return checkpoint.recall(stage, [x], lambda: compute(x))


def test_what_is_there_is_not_computed(path):
    x, compute = np.random.default_rng(0).normal(size=(3, 4)), Counted()
    first, second = (recall(path, x, compute) for _ in range(2))
    assert compute.n_calls == 1
    expected = Counted()(x)
    for found in (first, second):
        assert list(found) == list(expected)
        assert found["total"] == expected["total"]
        assert found["total"].shape == ()
        np.testing.assert_array_equal(found["parts"], expected["parts"])
        assert str(found["name"]) == "sin"
    assert first["parts"].strides == second["parts"].strides


@pytest.mark.parametrize(
    "other",
    [
        {"x": np.arange(3)},
        {"x": np.arange(3.0).reshape(1, 3)},
        {"x": np.array([0.0, 1.0, np.nextafter(2.0, 3.0)])},
        {"stage": "survey"},
    ],
    ids=["kind", "shape", "last bit", "stage"],
)
def test_other_arguments_are_computed(path, other):
    compute = Counted()
    recall(path, np.arange(3.0), compute)
    recall(path, **{"x": np.arange(3.0), **other}, compute=compute)
    assert compute.n_calls == 2


def test_arguments_must_be_numbers_or_texts(path):
    with pytest.raises(TypeError, match="numbers or texts"):
        recall(path, None, Counted())


def test_nothing_is_kept_without_a_path():
    compute = Counted()
    for _ in range(2):
        recall(None, np.arange(3.0), compute)
    assert compute.n_calls == 2


def test_what_failed_is_not_kept(path):
    def stop(_):
        raise KeyboardInterrupt

    x, compute = np.arange(3.0), Counted()
    with pytest.raises(KeyboardInterrupt):
        recall(path, x, stop)
    recall(path, x, compute)
    assert compute.n_calls == 1


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ({"n_components": 4}, r"n_components \(3 there, 4 here\)\. Choose"),
        ({"X": TOLD["X"] + 1e-15}, r"X \(ndarray \w+ there, ndarray \w+ here\)"),
        ({"tol": 1e-3}, r"tol \(nothing there, 0\.001 here\)"),
    ],
)
def test_another_fit_is_refused(path, now, named):
    recall(path, 1.0, Counted())
    with pytest.raises(InputError, match=f"^`checkpoint` must .* differs in {named}"):
        recall(path, 1.0, Counted(), told={**TOLD, **now})
    recall(path, 1.0, Counted())  # it is still the file of the first one


def test_numbers_and_arrays_are_told_by_their_values(path):
    recall(path, 1.0, Counted())
    same = {"n_components": np.int64(3), "X": TOLD["X"].copy()}
    recall(path, 1.0, Counted(), told=same)


def test_a_file_in_use_is_refused(path):
    with (
        open_checkpoint(path, TOLD),
        pytest.raises(InputError, match="another fit uses it"),
    ):
        open_checkpoint(path, TOLD)


def test_files_of_others_are_refused_and_left_as_they_are(path):
    path.write_text("my only copy")
    with pytest.raises(InputError, match="not a database"):
        open_checkpoint(path, TOLD)
    assert path.read_text() == "my only copy"
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE stars (name TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="something else"):
        open_checkpoint(path, TOLD)
    assert path.read_bytes() == before


@pytest.mark.parametrize("wrong", [3, b"fit", ["fit"]])
def test_a_checkpoint_is_a_path(wrong):
    with pytest.raises(InputError, match="`checkpoint` must be None or a path"):
        open_checkpoint(wrong, TOLD)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="unable to open"):
        open_checkpoint(tmp_path, TOLD)


def test_threads_share_a_file(path):
    with open_checkpoint(path, TOLD) as checkpoint, ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda i: checkpoint.recall("square", [i % 20], lambda: {"y": i % 20}),
                range(200),
            )
        )
    assert [int(each["y"]) for each in found] == [i % 20 for i in range(200)]


@pytest.mark.parametrize(
    "random_state",
    [None, np.random.RandomState(0), np.random.default_rng(0)],
    ids=["None", "RandomState", "Generator"],
)
def test_a_seed_is_drawn_once(path, random_state):
    seeds = set()
    for _ in range(2):
        with open_checkpoint(path, TOLD) as checkpoint:
            seeds.add(checkpoint.seed(random_state))
    assert len(seeds) == 1
    assert 0 <= seeds.pop() < 2**32


def test_a_number_is_its_own_seed(path):
    with open_checkpoint(path, TOLD) as checkpoint:
        assert [checkpoint.seed(each) for each in (7, np.int64(8))] == [7, 8]


KILLED = """
import os, signal, sys
from bayesgmm.checkpoint import open_checkpoint

def compute(i):
    if i == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"y": i**2}

with open_checkpoint(sys.argv[1], {}) as checkpoint:
    for i in range(10):
        checkpoint.recall("square", [i], lambda: compute(i))
"""


def test_a_killed_process_loses_only_what_it_was_computing(path):
    command = [sys.executable, "-c", KILLED, str(path)]
    root = Path(__file__).parents[1]
    assert subprocess.run(command, check=False, cwd=root).returncode == -9
    computed = []

    def compute(i):
        computed.append(i)
        return {"y": i**2}

    with open_checkpoint(path, {}) as checkpoint:
        for i in range(10):
            found = checkpoint.recall("square", [i], lambda i=i: compute(i))
            assert found["y"] == i**2
    assert computed == [5, 6, 7, 8, 9]
    assert [each.name for each in path.parent.iterdir()] == [path.name]
