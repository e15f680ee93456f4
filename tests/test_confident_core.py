"""The largest set of rows that enough draws divide alike."""

import _thread
import time
from itertools import combinations

import numpy as np
import pytest
from oracle_partitions import by_appearance, random_draws

import bayesgmm as bg
from bayesgmm.errors import ConvergenceWarning, InputError
from bayesgmm.partitions import core, runs


def together(labels):
    """Return of each pair of rows whether they are of one cluster."""
    return labels[..., :, None] == labels[..., None, :]


def largest(draws, share):
    """Return the size of the largest set, and the share of draws, by enumeration."""
    n_draws, n = draws.shape
    for size in range(n, 0, -1):
        most = max(
            np.unique(
                together(draws[:, rows]).reshape(n_draws, -1),
                axis=0,
                return_counts=True,
            )[1].max()
            for rows in combinations(range(n), size)
        )
        if most / n_draws >= share - 1e-12:
            break
    return size, most / n_draws


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 1.0])
def test_no_larger_set_exists(golden, share):
    cases = [np.array(case["draws"]) for case in golden("partitions.json")["cases"]]
    for draws in cases + [random_draws(seed) for seed in range(12)]:
        core = bg.confident_core(draws, probability=share)
        decided = core["decided"].values
        got = core.attrs["n_decided"], core.attrs["probability"]
        assert got == largest(draws, share)
        labels = core["label"].values
        agree = together(draws[:, decided]) == together(labels[decided])
        assert agree.all(axis=(1, 2)).mean() == core.attrs["probability"]
        assert (labels[~decided] == -2).all()
        assert labels.max() + 1 == core.attrs["n_clusters"]


def test_sure_rows_are_in_and_doubtful_ones_out():
    rng = np.random.default_rng(0)
    draws = np.tile(np.repeat([0, 1, 2], [20, 12, 4]), (500, 1))
    draws[:, -4:] = rng.integers(3, size=(500, 4))
    core = bg.confident_core(draws, random_seed=3)
    assert by_appearance(core["label"].values[:32]) == [0] * 20 + [1] * 12
    assert core["label"].values[0] == 0  # the largest cluster
    assert core.attrs["n_decided"] == 32
    assert core.attrs["probability"] == 1.0


def test_the_number_of_threads_changes_nothing(monkeypatch):
    draws = np.random.default_rng(1).integers(2, size=(40, 12))
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(runs, "available_cores", lambda cores=cores: cores)
        found.append(bg.confident_core(draws, probability=0.3, random_seed=1))
    assert found[0].identical(found[1])


def test_an_interrupt_keeps_the_best_so_far(monkeypatch):
    real, done = core.grow_core, []

    def slow(*arguments):
        done.append(real(*arguments))
        if len(done) == 3:
            _thread.interrupt_main()
            time.sleep(0.3)
        return done[-1]

    monkeypatch.setattr(core, "grow_core", slow)
    monkeypatch.setattr(runs, "available_cores", lambda: 1)
    draws = np.random.default_rng(1).integers(2, size=(40, 12))
    with pytest.warns(ConvergenceWarning, match=r"interrupted: . of 64 runs are done"):
        found = bg.confident_core(draws, probability=0.3)
    assert 3 <= len(done) < 10
    assert found.attrs["n_decided"] == max((labels >= 0).sum() for labels, _ in done)


@pytest.mark.parametrize("draws", [[[0]], [[3], [0]], [[1, 1, 0]], [[-1, -1, 2]]])
def test_the_obvious_answer_where_draws_agree(draws):
    core = bg.confident_core(draws)
    assert core["decided"].all()
    assert by_appearance(core["label"]) == by_appearance(draws[0])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"probability": 0.0}, "`probability` must be above 0 and at most 1"),
        ({"n_runs": 0}, "`n_runs` must be a whole number"),
        ({"X": [[0.0]]}, "`X` must be left out where labels are given"),
    ],
)
def test_bad_settings_are_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        bg.confident_core([[0, 1]], **arguments)
