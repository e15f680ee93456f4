"""Names that stay: rename, align_to, and all arrays of components together."""

import numpy as np
import pytest
import synthetic
import xarray as xr
from relabelling import parameters

import bayesgmm as bg
from bayesgmm import InputError
from bayesgmm.relabel import METHODS
from bayesgmm.relabel.permute import permute

THREE = synthetic.THREE_GROUPS


def shuffled_tree(seed=3, truth=THREE, n_draws=20):
    rng = np.random.default_rng(seed)
    X = synthetic.observations(truth, 60, rng)
    chains = [
        synthetic.switched(
            synthetic.perturbed(truth, n_draws, rng),
            synthetic.random_permutations(n_draws, len(truth["weights"]), rng),
        )
        for _ in range(2)
    ]
    return synthetic.tree(X, chains)


@pytest.fixture(scope="module")
def tree():
    return shuffled_tree()


@pytest.fixture(scope="module")
def resolved(tree):
    return bg.relabel(tree, reference=parameters())


def names_of(posterior, group="posterior", dim="component"):
    return posterior[group][dim].values.tolist()


# -- every array -----------------------------------------


def everything(posterior):
    """Return the posterior with an array of components in every group and shape.

    Each is a function of weights, so that it tells whether it went with them.
    """
    full = posterior.copy()
    w = full["posterior"]["weights"]
    other = w.rename(component="component_bis")
    stats = full["sample_stats"].to_dataset()
    row = xr.DataArray(np.arange(4.0), dims=["obs_id"])
    full["posterior"].dataset = (
        full["posterior"]
        .to_dataset()
        .assign(
            turned=(w * row).transpose("component", "obs_id", "draw", "chain"),
            pairs=w - 2.0 * other,
            flags=(w > 0.25).astype(int),
            weight_of_first=w[..., :1].rename(component="first").drop_vars("first"),
        )
    )
    full["sample_stats"].dataset = stats.assign(counts=60 * w)
    full["log_likelihood"] = xr.DataTree(xr.Dataset({"x": w * row}))
    full["posterior_predictive"] = xr.DataTree(xr.Dataset({"x": np.exp(w)}))
    return full


def check_together(full):
    group = full["posterior"]
    w = group["weights"].transpose("chain", "draw", "component").values
    assert group["turned"].dims == ("component", "obs_id", "draw", "chain")
    assert group["pairs"].dims[-2:] == ("component", "component_bis")
    np.testing.assert_array_equal(group["turned"][:, 3], 3 * w.transpose(2, 1, 0))
    np.testing.assert_array_equal(group["pairs"], w[..., :, None] - 2 * w[..., None, :])
    np.testing.assert_array_equal(group["flags"], w > 0.25)
    np.testing.assert_array_equal(full["sample_stats"]["counts"], 60 * w)
    np.testing.assert_array_equal(full["posterior_predictive"]["x"], np.exp(w))
    likelihood = full["log_likelihood"]["x"].transpose(..., "obs_id")
    np.testing.assert_array_equal(likelihood[..., 2], 2 * w)
    sds = np.sqrt(group["covariances"].values[..., 0])
    np.testing.assert_array_equal(group["standard_deviations"].values, sds)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_permutes_every_array_together(tree, method):
    check_together(bg.relabel(everything(tree), method))


def test_every_array_is_permuted_together(tree):
    """Through everything that changes labels, and back to where it began."""
    full = everything(tree)
    check_together(full)
    first = full["posterior"]["weight_of_first"].values
    steps = {"relabelled": bg.relabel(full)}
    steps["renamed"] = bg.rename(steps["relabelled"], ["a", "b", "c"])
    turned = parameters(order=[1, 2, 0]).rename({0: "x", 1: "y", 2: "z"})
    steps["aligned"] = bg.align_to(steps["renamed"], turned)
    steps["relabelled again"] = bg.relabel(steps["aligned"], "stephens")
    steps["unrelabelled"] = bg.unrelabel(steps["relabelled again"])
    for step in steps.values():
        check_together(step)
        np.testing.assert_array_equal(step["posterior"]["weight_of_first"], first)
    assert names_of(steps["renamed"], dim="component_bis") == ["a", "b", "c"]
    for group in ("posterior", "sample_stats", "log_likelihood", "relabelling"):
        assert names_of(steps["aligned"], group) == ["x", "y", "z"]
    for group in full.children:
        for name, array in full[group].data_vars.items():
            np.testing.assert_array_equal(steps["unrelabelled"][group][name], array)
    assert names_of(steps["unrelabelled"]) == [0, 1, 2]


def labelled(tree):
    """Return the tree with labels known: rows may be of 0, or of 1 and 2."""
    known = tree.copy()
    data = known["constant_data"].to_dataset()
    rows = np.arange(data.sizes["obs_id"]) % 2 == 0
    allowed = np.where(rows[:, None], [True, False, False], [False, True, True])
    known["constant_data"].dataset = data.assign(
        allowed=(("obs_id", "component"), allowed),
        scale=("component", [1.0, 2.0, 3.0]),
    )
    return known


def test_known_labels_go_with_their_components(resolved):
    known = labelled(resolved)
    before = known["constant_data"]["allowed"].values
    aligned = bg.align_to(known, parameters(order=[2, 0, 1]).rename(["a", "b", "c"]))
    data = aligned["constant_data"]
    np.testing.assert_array_equal(data["allowed"], before[:, [2, 0, 1]])
    np.testing.assert_array_equal(data["scale"], [3.0, 1.0, 2.0])
    assert names_of(aligned, "constant_data") == ["a", "b", "c"]
    again = bg.relabel(aligned)
    np.testing.assert_array_equal(again["constant_data"]["allowed"], data["allowed"])
    xr.testing.assert_identical(again["posterior"], aligned["posterior"])


def test_constants_stay_where_draws_do_not_agree(tree):
    known = labelled(tree)
    turns = np.tile([[1, 2, 0], [2, 0, 1]], (2, 10, 1))
    assert permute(known, turns)["constant_data"]["scale"].values.tolist() == [1, 2, 3]
    turns[:] = [1, 2, 0]
    assert permute(known, turns)["constant_data"]["scale"].values.tolist() == [2, 3, 1]


# -- rename -----------------------------------------


def test_components_have_numbers_until_they_are_renamed(resolved):
    assert names_of(resolved) == [0, 1, 2]
    half = bg.rename(resolved, {1: "middle"})
    assert names_of(half) == ["0", "middle", "2"]
    assert names_of(bg.rename(half, {"0": "low", 2: "high"})) == [
        "low",
        "middle",
        "high",
    ]
    assert names_of(bg.rename(resolved, ("low", "middle", "high"))) == [
        "low",
        "middle",
        "high",
    ]
    assert names_of(resolved) == [0, 1, 2]
    selected = half["posterior"]["means"].sel(component="middle")
    np.testing.assert_array_equal(selected, resolved["posterior"]["means"][:, :, 1])
    members = bg.membership(bg.rename(resolved, ["low", "middle", "high"]))
    assert members["component"].values.tolist() == ["low", "middle", "high"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({3: "x"}, "`names` must be names, or places from 0 to 2; got 3"),
        (["x", "y"], "`names` must be a dict, or a list of 3 names; got 2 of them"),
        ("abc", "`names` must be a dict, or a list of 3 names; got 'abc'"),
        (None, "`names` must be a dict, or a list of 3 names; got None"),
        (["x", "y", "x"], "give every component a text of its own; got 'x' twice"),
        (["x", "y", 3], "give every component a text of its own; got 3"),
    ],
)
def test_other_names_are_refused(resolved, names, message):
    with pytest.raises(InputError) as error:
        bg.rename(resolved, names)
    assert message in str(error.value)


# -- align_to -----------------------------------------


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]])
def test_a_posterior_takes_the_order_and_names_of_a_reference(resolved, order):
    """A fit, parameters, and last year's posterior, of other data and other draws."""
    names = [("low", "middle", "high")[k] for k in order]
    mixture = parameters(order=order).rename(names)
    last_year = bg.relabel(shuffled_tree(seed=9), reference=mixture)
    em = bg.GaussianMixture.from_parameters(mixture)
    expected = resolved["posterior"]["means"].values[:, :, order]
    for reference in (mixture, em, last_year):
        aligned = bg.align_to(resolved, reference)
        assert names_of(aligned) == names
        np.testing.assert_array_equal(aligned["posterior"]["means"], expected)
        stored = aligned["relabelling"]["permutation"].values
        before = resolved["relabelling"]["permutation"].values
        np.testing.assert_array_equal(stored, before[..., order])
    assert names_of(bg.align_to(aligned, parameters())) == [0, 1, 2]


def test_units_do_not_change_the_pairs():
    """Scaled by 1e6 and 1e-6, every component finds itself."""
    two = synthetic.TWO_GROUPS
    scale = np.array([1e6, 1e-6])
    truth = {
        "weights": two["weights"],
        "means": np.array(two["means"]) * scale + 3 * scale,
        "covariances": np.array(two["covariances"]) * np.outer(scale, scale),
    }
    resolved = bg.relabel(shuffled_tree(truth=truth))
    for order in ([0, 1], [1, 0]):
        reference = parameters(truth, names=("x0", "x1"), order=order)
        means = bg.align_to(resolved, reference)["posterior"]["means"]
        centre = means.mean(("chain", "draw")).values / scale
        np.testing.assert_allclose(centre, reference.means / scale, atol=0.05)


def test_draws_that_were_resolved_stay_as_they_are(resolved):
    """One doubtful draw goes with the others, whatever the reference says of it."""
    tree = resolved.copy(deep=True)
    group = tree["posterior"].to_dataset()
    for name in ("weights", "means", "covariances"):
        group[name].values[0, 4] = group[name].values[0, 4][[1, 0, 2]]
    tree["posterior"].dataset = group
    aligned = bg.align_to(tree, parameters(order=[2, 0, 1]))
    np.testing.assert_array_equal(
        aligned["posterior"]["means"], group["means"].values[:, :, [2, 0, 1]]
    )
    confidence = aligned["relabelling"]["confidence"]
    np.testing.assert_array_equal(confidence, resolved["relabelling"]["confidence"])


def test_replicates_have_names_too():
    X = bg.datasets.load("faithful")
    em = bg.GaussianMixture(2, n_init=1, random_state=0).fit(X)
    replicates = bg.bootstrap(em, X, n_replicates=10, random_state=0)
    turned = em.parameters_.permute([1, 0]).rename(["b", "a"])
    aligned = bg.align_to(replicates, turned)
    np.testing.assert_array_equal(
        aligned["posterior"]["means"], replicates["posterior"]["means"][:, :, ::-1]
    )
    assert names_of(aligned) == ["b", "a"]
    summary = bg.bootstrap_summary(aligned, turned)
    assert summary["component"].values.tolist() == ["b", "a"]


def test_one_component_is_aligned_with_one():
    one = {name: np.array(value)[:1] for name, value in THREE.items()}
    one["weights"] = np.ones(1)
    single = bg.relabel(shuffled_tree(truth=one, n_draws=1))
    aligned = bg.align_to(single, parameters(one).rename(["all"]))
    assert names_of(aligned) == ["all"]
    np.testing.assert_array_equal(
        aligned["posterior"]["means"], single["posterior"]["means"]
    )


def test_other_references_are_refused(tree, resolved):
    two = synthetic.TWO_GROUPS
    pair = bg.relabel(shuffled_tree(truth=two))
    narrow = parameters({name: np.array(v)[:2] for name, v in THREE.items()})
    for reference, message in [
        (narrow, "`reference` must have the 3 components of the posterior; got 2"),
        (pair, "`reference` must have the 3 components of the posterior; got 2"),
        (tree, "`reference` must have its labels resolved"),
        ("em", "`reference` must be a fitted"),
        (parameters(names=("height",)), None),
    ]:
        if message is None:
            bg.align_to(resolved, reference)  # x0 is no name
            continue
        with pytest.raises(InputError, match=message):
            bg.align_to(resolved, reference)
    for call in (bg.rename, bg.align_to):
        with pytest.raises(InputError, match="`posterior` must have its labels"):
            call(tree, {0: "a"})
        with pytest.raises(InputError, match="`posterior` must be an xarray"):
            call(None, {0: "a"})
