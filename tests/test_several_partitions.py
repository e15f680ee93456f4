"""Several partitions in place of one, against all ways to choose them."""

import _thread
import time
from itertools import combinations

import numpy as np
import oracle_partitions as oracle
import pytest
import xarray as xr
from oracle_partitions import by_appearance

import bayesgmm as bg
from bayesgmm.errors import ConvergenceWarning, InputError
from bayesgmm.partitions import runs, several


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("loss", ["vi", "binder"])
def test_the_best_two_of_all_partitions_are_found(seed, loss):
    rng = np.random.default_rng(seed)
    base = rng.integers(3, size=(2, 5))[rng.integers(2, size=12)]
    draws = np.where(rng.random((12, 5)) < 0.15, rng.integers(3, size=(12, 5)), base)
    every = oracle.all_partitions(5)
    apart = np.array(
        [[oracle.LOSSES[loss](each, draw) for draw in draws] for each in every]
    )
    best = min(
        np.minimum(apart[i], apart[j]).mean()
        for i, j in combinations(range(len(every)), 2)
    )
    found = bg.several_partitions(draws, n_partitions=2, loss=loss)
    assert found.attrs["expected_loss"] == pytest.approx(best, abs=1e-10)
    mine = [[oracle.LOSSES[loss](c, d) for d in draws] for c in found["label"].values]
    nearest = found["nearest"].values[0]
    own = np.choose(nearest, mine)
    np.testing.assert_allclose(own, np.min(mine, axis=0), atol=1e-12)
    np.testing.assert_allclose(found["weight"], np.bincount(nearest) / 12)
    by_partition = [own[nearest == k].mean() for k in range(found.sizes["partition"])]
    np.testing.assert_allclose(found["expected_loss"], by_partition, atol=1e-12)


@pytest.fixture(scope="module")
def two_opinions():
    """Chain 0 divides rows in two halves, chain 1 in three thirds, with some noise."""
    rng = np.random.default_rng(2)
    base = np.array([np.arange(60) // 30, np.arange(60) // 20])
    labels = np.repeat(base[:, None], 80, axis=1)
    wrong = rng.random(labels.shape) < 0.02
    labels[wrong] = rng.integers(3, size=wrong.sum())
    labels[0, :20] = labels[1, :20]  # the first chain begins in the other's mode
    return xr.DataArray(labels, dims=("chain", "draw", "obs_id"))


def test_opinions_are_told_apart(two_opinions):
    found = bg.several_partitions(two_opinions, n_partitions=2)
    assert found["weight"].values.tolist() == [100 / 160, 60 / 160]
    assert found["n_clusters"].values.tolist() == [3, 2]
    thirds, halves = found["label"].values
    assert by_appearance(thirds) == (np.arange(60) // 20).tolist()
    assert by_appearance(halves) == (np.arange(60) // 30).tolist()
    expected = np.where(np.arange(80) < 20, 0, [[1], [0]])
    assert (found["nearest"].values == expected).all()
    assert found["nearest"].dims == ("chain", "draw")


@pytest.mark.parametrize("loss", oracle.LOSSES)
def test_one_partition_is_the_minimiser(loss):
    draws = oracle.random_draws(5)
    every = oracle.all_partitions(draws.shape[1])
    expected = oracle.expected_losses(every, draws)[loss]
    one = bg.several_partitions(draws, n_partitions=1, loss=loss)
    assert one.attrs["expected_loss"] == pytest.approx(expected.min(), abs=1e-10)
    assert one.attrs["loss"] == loss
    few = bg.several_partitions(draws, n_partitions=1, loss=loss, max_clusters=2)
    least = expected[every.max(axis=1) < 2].min()
    assert few.attrs["expected_loss"] == pytest.approx(least, abs=1e-10)


def test_the_number_of_threads_changes_nothing(two_opinions, monkeypatch):
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(runs, "available_cores", lambda cores=cores: cores)
        found.append(
            bg.several_partitions(
                two_opinions, n_partitions=3, n_draws=30, random_seed=1
            )
        )
    assert found[0].identical(found[1])


def test_fewer_where_draws_do_not_differ():
    found = bg.several_partitions([[0, 0, 1], [1, 1, 0], [0, 1, 1]], n_partitions=5)
    assert found["weight"].values.round(6).tolist() == [0.666667, 0.333333]
    assert found.attrs["expected_loss"] == 0.0
    assert bg.several_partitions([[7]], n_partitions=2).sizes["partition"] == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n_partitions": 0}, "`n_partitions` must be a whole number"),
        ({"n_partitions": 2, "loss": "x"}, "`loss` must be a known name"),
        ({"n_partitions": 2, "max_clusters": 0}, "`max_clusters` must be a whole"),
    ],
)
def test_bad_settings_are_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        bg.several_partitions([[0, 1]], **arguments)


@pytest.mark.parametrize("part", ["begin", "finish"])
def test_an_interrupt_keeps_the_best_so_far(two_opinions, monkeypatch, part):
    whole = bg.several_partitions(two_opinions, n_partitions=2, n_draws=40)
    real, calls = {"begin": several.improve, "finish": several.search}, []

    def interrupted(*arguments):
        calls.append(part)
        if part == "finish" or len(calls) == 12:  # in one of the first eight starts
            _thread.interrupt_main()
            time.sleep(0.3)
        return real[part](*arguments)

    name = {"begin": "improve", "finish": "search"}[part]
    monkeypatch.setattr(several, name, interrupted)
    monkeypatch.setattr(runs, "available_cores", lambda: 1)
    done = {
        "begin": r"\d of 8 starts are done",
        "finish": "its last steps are not done",
    }
    with pytest.warns(ConvergenceWarning, match=f"interrupted: {done[part]}"):
        found = bg.several_partitions(two_opinions, n_partitions=2, n_draws=40)
    assert len(calls) < 30
    assert found.sizes["partition"] == 2
    assert whole.attrs["expected_loss"] <= found.attrs["expected_loss"] < 0.5
