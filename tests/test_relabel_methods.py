"""What all methods of relabelling have in common, and where they disagree."""

import numpy as np
import pandas as pd
import pytest
import synthetic
import xarray as xr
from relabelling import PIVOTED, parameters

import bayesgmm as bg
from bayesgmm import InputError
from bayesgmm.relabel import METHODS
from bayesgmm.relabel.permute import permute


@pytest.mark.parametrize("method", PIVOTED)
def test_the_reference_may_be_labels_or_a_posterior(switching, method):
    shuffled, clean, _ = switching
    X = clean["constant_data"]["X"].values
    turn = [2, 0, 1]
    labels = np.argmin(abs(X - np.array([5.0, -6.0, 0.0])), axis=1)
    expected = clean["posterior"]["means"].values[:, :, turn]
    partly = np.where(np.arange(len(X)) % 4 == 0, -1, labels)
    rows = {"obs_id": clean["constant_data"]["obs_id"].values}
    undecided = xr.DataArray(np.where(partly == -1, -2, labels), rows, ["obs_id"])
    for given in (labels, partly.tolist(), pd.Series(partly), undecided):
        found = bg.relabel(shuffled, method, given)
        np.testing.assert_array_equal(found["posterior"]["means"], expected)
        assert found["relabelling"].attrs["pivot"] == "labels"
    other = bg.relabel(clean, reference=parameters(order=turn).rename(["c", "a", "b"]))
    found = bg.relabel(shuffled, method, other)
    np.testing.assert_array_equal(found["posterior"]["means"], expected)
    assert found["posterior"]["component"].values.tolist() == ["c", "a", "b"]


def middle_known(clean):
    """Return draws whose rows in the middle are known to be of component 2."""
    rng = np.random.default_rng(0)
    turn = np.array([2, 0, 1])
    orders = turn[np.where(rng.random((2, 30, 1)) < 0.5, [0, 1, 2], [1, 0, 2])]
    tree = permute(clean, orders).drop_nodes("relabelling")
    middle = abs(tree["constant_data"]["X"].values) < 2
    allowed = np.where(middle, [False, False, True], [True, True, False])
    kept = (("obs_id", "component"), allowed)
    return synthetic.changed(tree, "constant_data", allowed=kept)


@pytest.mark.parametrize("method", METHODS)
def test_labels_that_are_known_keep_their_places(switching, method):
    """Component 2 stays where it is, the other two change places."""
    found = bg.relabel(middle_known(switching[1]), method)
    means = found["posterior"]["means"].values[..., 0]
    assert (abs(means[..., 2]) < 2).all()
    sides = np.sign(means[..., :2]).reshape(-1, 2)
    assert len(np.unique(sides, axis=0)) == 1
    assert (found["relabelling"]["permutation"][..., 2] == 2).all()
    assert found["relabelling"].attrs["switch_rate"] > 0.2


def two_groups(change):
    """Return 30 draws of two groups and noise, shuffled, with something changed."""
    rng, two = np.random.default_rng(4), synthetic.TWO_GROUPS
    X = synthetic.observations(two, 40, rng)
    X = np.vstack([X, rng.uniform(-6, 6, size=(6, 2))])
    chain = synthetic.perturbed(two, 30, rng)
    shuffles = synthetic.random_permutations(30, 2, rng)
    return change(synthetic.tree(X, [synthetic.switched(chain, shuffles)]))


def with_gaps(tree):
    X = tree["constant_data"]["X"].values.copy()
    X[::4, 0] = X[1::4, 1] = np.nan
    return synthetic.changed(tree, "constant_data", X=(("obs_id", "feature"), X))


def with_noise(tree):
    return synthetic.with_noise(tree, weight=0.2, edge=12.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("change", [with_gaps, with_noise])
def test_gaps_and_noise_are_no_obstacle(method, change):
    tree = two_groups(change)
    found = bg.relabel(tree, method)
    means = found["posterior"]["means"].values[0, :, :, 0]
    assert len(np.unique(np.sign(means), axis=0)) == 1
    upward = bg.align_to(found, bg.relabel(tree, "order"))["posterior"]
    assert (upward["means"][..., 0].diff("component") > 0).all()
    if change is with_noise:
        noise = upward["noise_weight"]
        assert noise.identical(tree["posterior"]["noise_weight"])


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_rows_does_not_matter(switching, method):
    shuffled, _, _ = switching
    X = shuffled["constant_data"]["X"].values
    expected = bg.relabel(shuffled, method)["relabelling"]["permutation"]
    found = bg.relabel(shuffled, method, X=X[::-1])["relabelling"]["permutation"]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", METHODS)
def test_bad_draws_are_refused_by_every_method(switching, method):
    shuffled, _, _ = switching
    for name, value, message in [
        ("weights", np.nan, "non-finite `weights` at chain 1, draw 7"),
        ("covariances", np.inf, "non-finite `covariances` at chain 1, draw 7"),
        ("covariances", -1.0, r"positive definite.*chain 1, draw 7"),
    ]:
        tree = shuffled.copy(deep=True)
        tree["posterior"][name].values[1, 7] = value
        if method == "order" and value == -1.0:
            continue  # it looks at no covariance
        with pytest.raises(InputError, match=message):
            bg.relabel(tree, method)
    tree = shuffled.copy()
    tree["posterior"].dataset = tree["posterior"].to_dataset().drop_vars("covariances")
    with pytest.raises(InputError, match="hold `covariances` with dimensions"):
        bg.relabel(tree, method)
    with pytest.raises(InputError, match="`posterior` must hold draws; got none"):
        bg.relabel(shuffled.isel(draw=slice(0)), method)


@pytest.mark.parametrize("method", PIVOTED)
def test_bad_references_are_refused_by_every_method(switching, method):
    shuffled, clean, _ = switching
    n = shuffled["constant_data"].sizes["obs_id"]
    for reference, message in [
        (np.zeros(n - 1, int), "`reference` must have one entry a row"),
        (np.full(n, 3), "`reference` must be whole numbers 0 to 2"),
        (np.full(n, 0.5), "`reference` must be whole numbers 0 to 2"),
        (np.full(n, -1), "`reference` must know the label of some row"),
        (clean, "`reference` must have its labels resolved"),
        (np.full(n, np.datetime64("2026-01-01")), "`reference` must be whole numbers"),
        (["low", "middle", "high"] * (n // 3), "`reference` must be whole.*'low'"),
        ([{}] * n, "`reference` must be whole numbers 0 to 2.*got {}"),
        (pd.Series(np.zeros(n, int))[::-1], "`reference` must have the rows of the"),
        ("weights", 'must be a fitted .*, or a posterior; got str.*`method="order"`'),
        (xr.Dataset(), "`reference` must be a fitted"),
    ]:
        with pytest.raises(InputError, match=message):
            bg.relabel(shuffled, method, reference)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("weight", "Did you mean 'weights'"),
        ("total", "`reference` must be a known name; got 'total'"),
        ("means", "say where in the 1 other dimensions of `means`"),
        (("means", "x1"), "`reference` must be a known name; got 'x1'"),
        (("means", 1), "be names, or places from 0 to 0; got 1"),
        (("weights", "x0"), "say where in the 0 other dimensions"),
        ("logs", "`reference` must name what is finite"),
    ],
)
def test_quantities_that_do_not_exist_are_refused(switching, by, message):
    shuffled, _, _ = switching
    tree = shuffled.copy()
    group = tree["posterior"].to_dataset()
    tree["posterior"].dataset = group.assign(logs=np.inf * group["weights"])
    with pytest.raises(InputError, match=message):
        bg.relabel(tree, "order", by)
    for other in (parameters(), np.zeros(60, int), []):
        with pytest.raises(InputError, match="name a quantity with this method; got"):
            bg.relabel(tree, "order", other)


@pytest.mark.parametrize("method", METHODS)
def test_draws_of_many_sizes_are_relabelled_size_by_size(switching, method):
    shuffled, clean, _ = switching
    tree = shuffled.copy()
    group = tree["posterior"].to_dataset()
    sizes = xr.DataArray(np.full((2, 30), 3), dims=("chain", "draw"))
    sizes[:, 3:6] = 2
    group = group.assign(n_components=sizes, n_filled=sizes)
    tree["posterior"].dataset = group
    with pytest.raises(InputError, match="Take those of one number with"):
        bg.relabel(tree, method)
    found = bg.relabel(bg.condition_on_filled(tree), method)["posterior"]
    some = clean["posterior"].isel(draw=[*range(3), *range(6, 30)])
    np.testing.assert_allclose(
        np.sort(found["means"].mean(("chain", "draw")).values, axis=0),
        some["means"].mean(("chain", "draw")),
    )


def test_the_switch_rate_counts_draws_out_of_the_commonest_order(switching):
    shuffled, clean, shuffles = switching
    stored = bg.relabel(shuffled, reference=parameters())["relabelling"]
    counts = np.unique(shuffles.reshape(-1, 3), axis=0, return_counts=True)[1]
    assert stored.attrs["switch_rate"] == pytest.approx(1 - counts.max() / 60)
    assert bg.relabel(clean)["relabelling"].attrs["switch_rate"] == 0


# -- agreement -----------------------------------------


def test_methods_agree_on_separate_groups(switching):
    table = bg.relabelling_agreement(switching[0])
    assert list(table.index) == list(table.columns) == list(METHODS)
    assert (table.to_numpy() == 1.0).all()


def test_methods_disagree_where_they_look_at_other_things():
    """By their mean 0.3 of the draws of two groups would change places."""
    rng = np.random.default_rng(1)
    truth = {
        "weights": [0.5, 0.5],
        "means": [[0.0, -4.0], [0.0, 4.0]],
        "covariances": [np.eye(2), np.eye(2)],
    }
    X = synthetic.observations(truth, 50, rng)
    weights, means, covariances = synthetic.perturbed(truth, 40, rng)
    means[:, :, 0] = [-1.0, 1.0]
    means[:12, :, 0] = [1.0, -1.0]
    tree = synthetic.tree(X, [[weights, means, covariances]])
    table = bg.relabelling_agreement(tree, ["order", "ecr", "stephens"])
    assert table.loc["order", "ecr"] == pytest.approx(0.7)
    assert table.loc["stephens", "order"] == pytest.approx(0.7)
    assert table.loc["ecr", "stephens"] == 1.0
    with pytest.raises(InputError, match="`methods` must be a known name"):
        bg.relabelling_agreement(tree, ["erc"])
