"""Methods that compare parameters: with a pivot, in an order, in clusters."""

import numpy as np
import pytest
import synthetic
import xarray as xr
from relabelling import THREE, of_parameters, parameters

import bayesgmm as bg
from bayesgmm.posterior import read_draws
from bayesgmm.relabel.parameters import feature_names, features, read_parameters
from bayesgmm.relabel.parametric import order, point_process, pra

# -- with a pivot, in clusters -----------------------------------------


@pytest.mark.parametrize("case", [0, 1])
def test_pra_takes_the_largest_inner_product(cases, case):
    case = cases[case]
    theta = np.array(case["theta"])
    found = pra(of_parameters(theta, theta[case["pivot"]]))
    assert found.permutations.tolist() == [best["perm"] for best in case["pra"]]
    expected = -sum(best["objective"] for best in case["pra"])
    assert found.objective == pytest.approx(expected, abs=1e-9)


def test_parameters_are_compared_in_units_of_their_spread(switching):
    """Weights tell these components apart, and means in other units would hide it."""
    shuffled, clean, _ = switching
    tree = shuffled.copy(deep=True)
    unit = 1e9
    tree["posterior"]["means"].values[:] *= unit
    tree["posterior"]["covariances"].values[:] *= unit**2
    tree["constant_data"]["X"].values[:] *= unit
    truth = parameters(
        {
            "weights": THREE["weights"],
            "means": unit * np.array(THREE["means"]),
            "covariances": unit**2 * np.array(THREE["covariances"]),
        }
    )
    found = bg.relabel(tree, "pra", truth)["posterior"]["weights"]
    np.testing.assert_array_equal(found, clean["posterior"]["weights"])


def test_components_are_told_apart_by_means_spreads_and_correlations():
    rng = np.random.default_rng(0)
    truth = {
        "weights": [0.5, 0.5],
        "means": [[1.0, 2.0, 3.0]] * 2,
        "covariances": [[[1.0, 0.6, 0.0], [0.6, 4.0, -3.0], [0.0, -3.0, 9.0]]] * 2,
    }
    chain = synthetic.perturbed(truth, 3, rng)
    chain[2][1, 1] = 1.0  # all correlations are 1
    draws = read_draws(synthetic.tree(np.zeros((2, 3)), [chain], lp=False))
    found = dict(zip(feature_names("abc"), features(draws).T, strict=True))
    covariances = chain[2]
    np.testing.assert_array_equal(found["mean of b"].T, chain[1][..., 1])
    expected = np.log(covariances[..., 2, 2])
    np.testing.assert_allclose(found["log-variance of c"].T, expected)
    z = found["z of the correlation of a and b"].T
    np.testing.assert_allclose(np.tanh(z[0]), 0.3)
    assert 10 < z[1, 1] < 20  # and not infinite
    np.testing.assert_allclose(
        np.tanh(found["z of the correlation of b and c"].T[2]), -0.5
    )


@pytest.mark.parametrize("method", ["pra", "point_process"])
def test_what_is_alike_in_all_components_does_not_hide_what_is_not(method):
    """Five groups far apart, of one size, spread and shape, in two features."""
    rng = np.random.default_rng(0)
    truth = {
        "weights": np.full(5, 0.2),
        "means": 3.0 * rng.normal(size=(5, 2)),
        "covariances": np.tile(np.eye(2), (5, 1, 1)),
    }
    X = synthetic.observations(truth, 60, rng)
    chain = synthetic.perturbed(truth, 60, rng, 0.2)
    shuffles = synthetic.random_permutations(60, 5, rng)
    tree = synthetic.tree(X, [synthetic.switched(chain, shuffles)])
    reference = parameters(truth, names=("x0", "x1"))
    found = bg.relabel(tree, method, reference)
    np.testing.assert_array_equal(found["posterior"]["weights"][0], chain[0])
    assert found["relabelling"].attrs.get("non_permutation_rate", 0.0) == 0.0
    assert float(found["relabelling"]["confidence"].min()) > 0.5


def test_what_is_held_counts_for_much_but_not_for_all(switching):
    """Weights without any spread within components, and rounding noise on one."""
    _, clean, _ = switching
    tree = clean.copy(deep=True)
    tree["posterior"]["weights"].values[:] = [0.3, 0.3 + 1e-16, 0.4]
    draws, members = read_draws(tree), np.arange(3)
    order = np.tile(members, (60, 1))
    values, target = read_parameters(draws, None, members, order)
    assert 1e3 < np.ptp(values[..., 0]) < 1e4
    np.testing.assert_allclose(target, values.mean(axis=0), atol=1e-9)


def test_point_process_is_k_means():
    """Clusters are where no point is closer to another's mean."""
    rng = np.random.default_rng(0)
    target = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    values = target + rng.normal(size=(50, 3, 2))
    shuffles = synthetic.random_permutations(50, 3, rng)
    values = np.take_along_axis(values, shuffles[..., None], axis=1)
    found = point_process(of_parameters(values, target))
    assert 0.05 < 1.0 - found.is_permutation.mean() < 0.9
    centres = target
    for _ in range(200):
        nearest = ((values[:, :, None] - centres) ** 2).sum(-1).argmin(-1)
        centres = np.array([values[nearest == k].mean(axis=0) for k in range(3)])
    expected = [len(set(row)) == 3 for row in nearest.tolist()]
    np.testing.assert_array_equal(found.is_permutation, expected)
    clear = found.is_permutation
    np.testing.assert_array_equal(
        found.permutations[clear], np.argsort(nearest[clear], axis=1)
    )
    np.testing.assert_array_equal(found.confidence == 0, ~clear)


def test_the_non_permutation_rate_is_told(switching):
    """Of three components where there are two groups, two are often in one cluster."""
    shuffled, _, _ = switching
    attrs = bg.relabel(shuffled, "point_process")["relabelling"].attrs
    assert attrs["non_permutation_rate"] == 0
    rng = np.random.default_rng(0)
    twice = {
        "weights": [0.4, 0.3, 0.3],
        "means": [[-5.0], [5.0], [5.0]],
        "covariances": [[[1.0]]] * 3,
    }
    X = synthetic.observations(twice, 60, rng)
    tree = synthetic.tree(X, [synthetic.perturbed(twice, 60, rng, 0.2)])
    result = bg.relabel(tree, "point_process")["relabelling"]
    assert 0.1 < result.attrs["non_permutation_rate"] < 0.9
    zero = (result["confidence"] == 0).mean()
    assert result.attrs["non_permutation_rate"] == pytest.approx(float(zero))
    assert "non_permutation_rate" not in bg.relabel(tree, "ecr")["relabelling"].attrs


# -- in an order -----------------------------------------


def test_order_sorts(switching):
    shuffled, _, _ = switching
    group = shuffled["posterior"]
    result = bg.relabel(shuffled, "order", ("means", "x0"))
    assert result["relabelling"].attrs["pivot"] == "means[x0]"
    upward = result["posterior"]
    np.testing.assert_array_equal(
        upward["means"][..., 0], np.sort(group["means"].values[..., 0], axis=-1)
    )
    xr.testing.assert_identical(bg.relabel(shuffled, "order")["posterior"], upward)
    named = bg.rename(bg.relabel(shuffled), ["a", "b", "c"])
    again = bg.relabel(named, "order")["posterior"]
    xr.testing.assert_identical(again, upward)  # no names, as others have them now
    for by in ("weights", ("covariances", 0, "x0")):
        name = by if isinstance(by, str) else by[0]
        ordered = bg.relabel(shuffled, "order", by)["posterior"][name]
        values = ordered.values.reshape(2, 30, 3)
        np.testing.assert_array_equal(
            values, np.sort(group[name].values.reshape(2, 30, 3), axis=-1)
        )


def test_order_is_unsure_of_what_is_close():
    values = np.array([[3.0, 0.0, 7.0], [5.0, 0.0, 4.9], [4.0, 0.0, 4.0]])
    found = order(1e10 + values)
    assert found.permutations[0].tolist() == [1, 0, 2]
    assert found.permutations[1].tolist() == [1, 2, 0]
    assert found.confidence[0] > 0.5
    assert 0 < found.confidence[1] < 0.2
    assert found.confidence[2] == pytest.approx(0.0, abs=1e-9)
