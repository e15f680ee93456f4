"""Losses between partitions against reference values and their definitions."""

from functools import partial

import numpy as np
import oracle_partitions as oracle
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.errors import InputError

REFERENCE = {
    "vi": lambda pair: pair["VI_bits"],
    "binder": lambda pair: pair["binder"],
    "omari": lambda pair: 1 - pair["ARI"],
    "nvi": lambda pair: pair["VI_bits"] / joint(pair),
    "nid": lambda pair: 1 - pair["mutual_information"] / larger(pair),
}

ORACLES = oracle.LOSSES | {"binder": partial(oracle.binder, cost_apart=0.7)}


def joint(pair):
    nats = pair["entropy_a"] + pair["entropy_b"] - pair["mutual_information"]
    return max(nats / np.log(2), 1e-300)


def larger(pair):
    return max(pair["entropy_a"], pair["entropy_b"])


@pytest.mark.parametrize("loss", REFERENCE)
def test_losses_are_those_of_the_reference(golden, loss):
    for pair in golden("partitions.json")["pairs"]:
        trivial = loss == "nid" and larger(pair) == 0
        truth = 0.0 if trivial else REFERENCE[loss](pair)
        got = bg.partition_distance(pair["a"], pair["b"], loss)
        assert got == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize("loss", oracle.LOSSES)
@pytest.mark.parametrize("seed", range(4))
def test_losses_are_their_definitions(loss, seed):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(1, 80)), rng.integers(1, 20, size=2)
    a, b = rng.integers(k[0], size=n), rng.integers(k[1], size=n)
    b = np.where(rng.random(n) < 0.5, a, b)
    got = bg.partition_distance(a, b, loss)
    assert got == pytest.approx(oracle.LOSSES[loss](a, b), abs=1e-12)
    assert bg.partition_distance(b, a, loss) == pytest.approx(got, abs=1e-12)


def test_the_two_oracles_agree():
    """On all pairs of partitions of four rows."""
    every = oracle.all_partitions(4)
    for draw in every:
        table = oracle.expected_losses(every, draw[None], 0.7)
        plain = {name: [f(each, draw) for each in every] for name, f in ORACLES.items()}
        for name in ORACLES:
            np.testing.assert_allclose(table[name], plain[name], atol=1e-12)


@pytest.mark.parametrize("loss", oracle.LOSSES)
def test_names_of_labels_do_not_matter(loss):
    a = np.random.default_rng(1).integers(4, size=500)
    assert bg.partition_distance(a, 7 - 5 * a, loss) == 0.0
    assert bg.partition_distance(a, np.array(list("wxyz"))[a], loss) == 0.0
    assert bg.partition_distance(np.where(a == 0, -1, a), a, loss) == 0.0


@pytest.mark.parametrize("loss", oracle.LOSSES)
def test_a_large_difference_of_one_row_is_seen(loss):
    a = np.arange(100_000) % 3
    b = np.where(np.arange(100_000) == 5, 9, a)
    assert 0 < bg.partition_distance(a, b, loss) < (1 if loss != "binder" else 1e5)


def test_binders_costs_are_of_the_estimate_and_the_truth():
    a, b = [0, 0, 1, 1, 1], [0, 0, 0, 1, 2]
    for cost in (0.5, 1.0, 1.7):
        got = bg.partition_distance(a, b, bg.binder(cost))
        assert got == pytest.approx(oracle.binder(a, b, cost), abs=1e-12)
    assert oracle.binder(a, b, 0.5) != oracle.binder(b, a, 0.5)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0, 1], [0, 1, 1]), "`b` must label the 2 rows of `a`; got 3 labels"),
        (([0, 1], [[0, 1]]), r"`b` must be labels of rows.*\(1, 2\)"),
        (([], []), "`a` must be labels"),
        (([0.5, 1], [0, 1]), "`a` must hold whole numbers as labels; got 0.5"),
        (([0, 1], [np.nan, 1]), "`b` must hold whole numbers as labels; got nan"),
        (([0, 1], [0, 1], "bindr"), "Did you mean 'binder'"),
    ],
)
def test_bad_input_is_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        bg.partition_distance(*arguments)


def test_rows_in_another_order_are_refused():
    a = xr.DataArray([0, 0, 1, 1], {"obs_id": [10, 11, 12, 13]}, "obs_id")
    shuffled = a.isel(obs_id=[0, 2, 1, 3])
    with pytest.raises(InputError, match="`b` must have the rows of `a`, in their"):
        bg.partition_distance(a, shuffled)
    assert bg.partition_distance(a, shuffled.sel(obs_id=a.obs_id)) == 0.0
    assert bg.partition_distance(a, [1, 1, 0, 0]) == 0.0  # says no rows


def test_rows_of_series_are_those_of_their_index():
    a = pd.Series([0, 0, 1, 1], index=list("abcd"))
    for other in (a, xr.DataArray(a.values, {"obs_id": a.index.values}, "obs_id")):
        with pytest.raises(InputError, match="got 'd' in row 0 where `a` has 'a'"):
            bg.partition_distance(other, a[::-1])
    assert bg.partition_distance(a, a[::-1].loc[a.index]) == 0.0
    assert bg.partition_distance(a, pd.Series(a.values)) == 0.0  # says no rows


def test_costs_out_of_range_are_refused():
    with pytest.raises(InputError, match="`cost_apart` must be between 0 and 2"):
        bg.binder(2.0)
