"""Every method of relabelling against its definition, and all of them together."""

from itertools import permutations, product

import numpy as np
import pytest
import synthetic
import xarray as xr
from test_relabel import PIVOTED, parameters, task_of

import bayesgmm as bg
from bayesgmm import InputError
from bayesgmm.posterior import read_draws
from bayesgmm.relabel import METHODS
from bayesgmm.relabel.alternating import ecr_iterative_1, ecr_iterative_2
from bayesgmm.relabel.data_based import data_based
from bayesgmm.relabel.parameters import read_parameters
from bayesgmm.relabel.permute import permute
from bayesgmm.relabel.pivotal import order, point_process, pra
from bayesgmm.relabel.task import Task

THREE = synthetic.THREE_GROUPS


@pytest.fixture(scope="module")
def cases(golden):
    return golden("label_switching.json")["cases"]


@pytest.fixture(scope="module")
def switching():
    """Return a posterior of three groups, its labels shuffled, and the truth."""
    rng = np.random.default_rng(5)
    X = synthetic.observations(THREE, 60, rng)
    clean = [synthetic.perturbed(THREE, 30, rng) for _ in range(2)]
    shuffles = [synthetic.random_permutations(30, 3, rng) for _ in clean]
    pairs = zip(clean, shuffles, strict=True)
    shuffled = [synthetic.switched(chain, p) for chain, p in pairs]
    return synthetic.tree(X, shuffled), synthetic.tree(X, clean), np.array(shuffles)


def relabelled(z, orders):
    """Return labels after components were permuted: component k was orders[t, k]."""
    return np.array([np.argsort(p)[row] for row, p in zip(z, orders, strict=True)])


def of_parameters(values, target=None, quantity=None):
    """Return a task that has parameters only."""
    values = np.asarray(values)
    return Task(
        n_components=values.shape[1],
        X=np.empty((0, 1)),
        pivot=np.empty(0, int),
        blocks=lambda: pytest.fail("no rows are looked at"),
        parameters=lambda: (values, target),
        quantity=lambda: quantity,
    )


# -- alternating methods -----------------------------------------


def not_commonest(z):
    """Count, over draws, labels that are not the row's commonest."""
    return sum(len(row) - np.bincount(row).max() for row in z.T)


@pytest.mark.parametrize("seed", range(5))
def test_ecr_iterative_1_reaches_the_joint_optimum(cases, seed):
    """Brute force over all labellings, from any labels of the sampler."""
    case, rng = cases[0], np.random.default_rng(seed)
    shuffles = synthetic.random_permutations(10, 2, rng)
    z = relabelled(np.array(case["z"]), shuffles)
    pivot = rng.integers(2, size=case["n"])
    found = ecr_iterative_1(task_of(np.eye(2)[z], pivot, 5))
    assert found.objective == case["ecr_joint"]["objective"]
    assert not_commonest(relabelled(z, found.permutations)) == found.objective
    total = np.take_along_axis(shuffles, found.permutations, axis=1)
    canonical = np.argsort(total[0])[None, :].repeat(10, axis=0)
    fixed = np.take_along_axis(total, canonical, axis=1)
    assert fixed.tolist() in case["ecr_joint"]["optimal_perms"]


@pytest.mark.parametrize("method", [ecr_iterative_1, ecr_iterative_2])
def test_iterative_ecr_finds_the_labels_that_were_shuffled(cases, method):
    case = cases[1]
    found = method(task_of(case["P"], np.array(case["z"][0])))
    np.testing.assert_array_equal(found.permutations, case["generating_perms"])


@pytest.mark.parametrize("case", [0, 1])
def test_ecr_iterative_2_agrees_with_the_likeliest_labels(cases, case):
    """No draw has a permutation that agrees better with what all of them say."""
    p, k = np.array(cases[case]["P"]), cases[case]["K"]
    found = ecr_iterative_2(task_of(p, np.array(cases[case]["z"][0]), 7))
    own = np.take_along_axis(p, found.permutations[:, None, :], axis=2)
    pivot = own.mean(axis=0).argmax(axis=1)
    z = p.argmax(axis=2)
    assert (relabelled(z, found.permutations) != pivot).sum() == found.objective
    best = [
        min((np.argsort(way)[row] != pivot).sum() for way in permutations(range(k)))
        for row in z
    ]
    assert found.objective == sum(best)


def test_the_two_iterative_methods_look_at_other_averages():
    """Two draws are nearly undecided on the last row, the third is sure of it."""
    p = np.tile([[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 3 + [[0.51, 0.49]], (3, 1, 1))
    p[2, -1] = [0.0, 1.0]
    task = task_of(p, [0, 0, 0, 1, 1, 1, 0])
    assert ecr_iterative_1(task).objective == 1
    assert ecr_iterative_2(task).objective == 2


# -- parameters -----------------------------------------


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


def test_order_sorts(switching):
    shuffled, _, _ = switching
    group = shuffled["posterior"]
    upward = bg.relabel(shuffled, "order", by=("means", "x0"))["posterior"]
    np.testing.assert_array_equal(
        upward["means"][..., 0], np.sort(group["means"].values[..., 0], axis=-1)
    )
    xr.testing.assert_identical(bg.relabel(shuffled, "order")["posterior"], upward)
    named = bg.rename(bg.relabel(shuffled), ["a", "b", "c"])
    again = bg.relabel(named, "order")["posterior"]
    xr.testing.assert_identical(again, upward)  # no names, as others have them now
    for by in ("weights", ("covariances", 0, "x0")):
        name = by if isinstance(by, str) else by[0]
        ordered = bg.relabel(shuffled, "order", by=by)["posterior"][name]
        values = ordered.values.reshape(2, 30, 3)
        np.testing.assert_array_equal(
            values, np.sort(group[name].values.reshape(2, 30, 3), axis=-1)
        )


def test_order_is_unsure_of_what_is_close():
    values = np.array([[3.0, 0.0, 7.0], [5.0, 0.0, 4.9], [4.0, 0.0, 4.0]])
    found = order(of_parameters(values[..., None], quantity=1e10 + values))
    assert found.permutations[0].tolist() == [1, 0, 2]
    assert found.permutations[1].tolist() == [1, 2, 0]
    assert found.confidence[0] > 0.5
    assert 0 < found.confidence[1] < 0.2
    assert found.confidence[2] == pytest.approx(0.0, abs=1e-9)


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


# -- rows -----------------------------------------


def normal_loss(x, z):
    """Minus twice the log-likelihood of rows under their groups, but for constants."""
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    groups = [
        np.concatenate([x[row == k] for row in z]) for k in range(int(z.max()) + 1)
    ]
    return sum((len(g) * (1 + np.log(g.var(axis=0)))).sum() for g in groups)


@pytest.mark.parametrize("n_features", [1, 2])
def test_data_based_finds_groups_of_like_centres_and_spreads(cases, n_features):
    """Brute force over all labellings of the draws of two overlapping groups."""
    case = cases[0]
    z, x = np.array(case["z"]), np.array(case["y"])[:, None]
    x = np.hstack([x, 1e3 * (x + np.sin(5 * x))])[:, :n_features]
    task = task_of(np.eye(2)[z], z[0], 5)
    task = Task(2, x, task.pivot, task.blocks, task.parameters, task.quantity)
    found = data_based(task)
    rest = product([[0, 1], [1, 0]], repeat=9)
    best = min(normal_loss(x, relabelled(z, np.array([[0, 1], *way]))) for way in rest)
    assert found.objective == pytest.approx(best, abs=1e-9)
    ours = normal_loss(x, relabelled(z, found.permutations))
    assert ours == pytest.approx(best, abs=1e-9)
    assert found.permutations[0].tolist() == [0, 1]


def test_data_based_leaves_gaps_out():
    """A value that is missing counts in no mean."""
    rng = np.random.default_rng(3)
    z = np.repeat([[0, 1], [1, 0], [0, 1]], 20, axis=1)
    x = rng.normal(size=(40, 2)) + 4.0 * z[0][:, None]
    x[::3, 0] = np.nan
    task = task_of(np.eye(2)[z], z[0])
    found = data_based(
        Task(2, x, task.pivot, task.blocks, task.parameters, task.quantity)
    )
    assert found.permutations.tolist() == [[0, 1], [1, 0], [0, 1]]
    z_scores = (x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0)
    expected = 0.0
    for k in (0, 1):
        values = z_scores[z[0] == k]
        n = 3 * (~np.isnan(values)).sum(axis=0)
        expected += (n * (1 + np.log(np.nanvar(values, axis=0)))).sum()
    assert found.objective == pytest.approx(expected)


# -- what all have in common -----------------------------------------


@pytest.mark.parametrize("method", PIVOTED)
def test_the_reference_may_be_labels_or_a_posterior(switching, method):
    shuffled, clean, _ = switching
    X = clean["constant_data"]["X"].values
    turn = [2, 0, 1]
    labels = np.argmin(abs(X - np.array([5.0, -6.0, 0.0])), axis=1)
    expected = clean["posterior"]["means"].values[:, :, turn]
    partly = np.where(np.arange(len(X)) % 4 == 0, -1, labels)
    for given in (labels, partly.tolist()):
        found = bg.relabel(shuffled, method, given)
        np.testing.assert_array_equal(found["posterior"]["means"], expected)
        assert found["relabelling"].attrs["pivot"] == "labels"
    other = bg.relabel(clean, reference=parameters(order=turn).rename(["c", "a", "b"]))
    found = bg.relabel(shuffled, method, other)
    np.testing.assert_array_equal(found["posterior"]["means"], expected)
    assert found["posterior"]["component"].values.tolist() == ["c", "a", "b"]


@pytest.mark.parametrize("method", METHODS)
def test_labels_that_are_known_keep_their_places(switching, method):
    """Rows of the middle group are known to be of component 2, which stays."""
    _, clean, _ = switching
    rng = np.random.default_rng(0)
    turn = np.array([2, 0, 1])
    orders = turn[np.where(rng.random((2, 30, 1)) < 0.5, [0, 1, 2], [1, 0, 2])]
    tree = permute(clean, orders).drop_nodes("relabelling")
    data = tree["constant_data"].to_dataset()
    middle = abs(data["X"].values) < 2
    allowed = np.where(middle, [False, False, True], [True, True, False])
    tree["constant_data"].dataset = data.assign(
        allowed=(("obs_id", "component"), allowed)
    )
    found = bg.relabel(tree, method)
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
    tree = synthetic.tree(X, [synthetic.switched(chain, shuffles)])
    group, data = (tree[name].to_dataset() for name in ("posterior", "constant_data"))
    tree["posterior"].dataset, tree["constant_data"].dataset = change(group, data)
    return tree


def with_gaps(group, data):
    X = data["X"].values.copy()
    X[::4, 0] = X[1::4, 1] = np.nan
    return group, data.assign(X=(("obs_id", "feature"), X))


def with_noise(group, data):
    weight = (("chain", "draw"), np.full((1, 30), 0.2))
    box = {
        "noise_corner": ("feature", [-6.0, -6.0]),
        "noise_edges": (("feature_bis", "feature"), 12.0 * np.eye(2)),
    }
    group = group.assign(weights=0.8 * group["weights"], noise_weight=weight)
    return group, data.assign(box)


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
        (None, "`by` must be left out"),
    ]:
        by = "weights" if reference is None else None
        with pytest.raises(InputError, match=message):
            bg.relabel(shuffled, method, reference, by=by)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("weight", "Did you mean 'weights'"),
        ("total", "`by` must be a known name; got 'total'"),
        ("means", "say where in the 1 other dimensions of `means`"),
        (("means", "x1"), "`by` must be a known name; got 'x1'"),
        (("means", 1), "be names, or places from 0 to 0; got 1"),
        (("weights", "x0"), "say where in the 0 other dimensions"),
        ("logs", "`by` must name what is finite"),
    ],
)
def test_quantities_that_do_not_exist_are_refused(switching, by, message):
    shuffled, _, _ = switching
    tree = shuffled.copy()
    group = tree["posterior"].to_dataset()
    tree["posterior"].dataset = group.assign(logs=np.inf * group["weights"])
    with pytest.raises(InputError, match=message):
        bg.relabel(tree, "order", by=by)
    with pytest.raises(InputError, match="`reference` must be left out"):
        bg.relabel(tree, "order", parameters())


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
