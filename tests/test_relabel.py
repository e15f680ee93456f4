"""Relabelling: every variable of a posterior permuted alike, after what is asked."""

import numpy as np
import pytest
import synthetic
import xarray as xr
from relabelling import PIVOTED, THREE, parameters

from bayesgmm.errors import InputError
from bayesgmm.relabel import METHODS, pivoted, relabel, unrelabel


@pytest.mark.parametrize("method", PIVOTED)
def test_every_variable_is_permuted_alike(switching, method):
    shuffled, clean, shuffles = switching
    result = relabel(shuffled, method, reference=parameters())
    xr.testing.assert_identical(
        result["posterior"].to_dataset(), clean["posterior"].to_dataset()
    )
    stored = result["relabelling"]
    np.testing.assert_array_equal(stored["permutation"], np.argsort(shuffles, axis=-1))
    assert stored.attrs["method"] == method
    assert float(stored["confidence"].min()) > 0.5
    assert list(result["posterior"].data_vars) == list(clean["posterior"].data_vars)


@pytest.mark.parametrize("method", PIVOTED)
def test_components_take_the_order_of_the_reference(switching, method):
    shuffled, clean, _ = switching
    order = [2, 0, 1]
    result = relabel(shuffled, method, reference=parameters(order=order))
    np.testing.assert_array_equal(
        result["posterior"]["means"], clean["posterior"]["means"][..., order, :]
    )


@pytest.mark.parametrize("method", PIVOTED)
@pytest.mark.parametrize("with_lp", [True, False])
def test_the_pivot_is_the_best_draw(switching, method, with_lp):
    shuffled, _, shuffles = switching
    lp = shuffled["sample_stats"]["lp"].values
    if with_lp:  # another draw than that of the highest likelihood
        lp = -lp
        tree = shuffled.copy()
        stats = tree["sample_stats"].to_dataset()
        tree["sample_stats"].dataset = stats.assign(lp=(("chain", "draw"), lp))
    else:
        tree = shuffled.drop_nodes("sample_stats")
    result = relabel(tree, method)
    best, worst = (np.unravel_index(i, lp.shape) for i in (lp.argmax(), lp.argmin()))
    assert list(shuffles[best]) != list(shuffles[worst])
    np.testing.assert_array_equal(result["relabelling"]["permutation"][best], [0, 1, 2])
    assert float(result["posterior"]["means"].std(("chain", "draw")).max()) < 0.1


def test_unrelabel_gives_the_sampler_its_labels_back(switching):
    shuffled, _, _ = switching
    once = relabel(shuffled, reference=parameters())
    twice = relabel(once, "stephens", reference=parameters(order=[1, 2, 0]))
    for result in (once, twice):
        xr.testing.assert_identical(unrelabel(result), shuffled)
    with pytest.raises(InputError, match="must be relabelled"):
        unrelabel(shuffled)


def test_relabelling_twice_composes(switching):
    shuffled, _, _ = switching
    reference = parameters(order=[1, 2, 0])
    direct = relabel(shuffled, reference=reference)
    twice = relabel(relabel(shuffled, reference=parameters()), reference=reference)
    xr.testing.assert_identical(twice, direct)


def test_sample_statistics_of_components_follow_and_the_prior_does_not(switching):
    shuffled, _, _ = switching
    tree = shuffled.copy()
    weights = tree["posterior"]["weights"]
    stats = tree["sample_stats"].to_dataset()
    turned = weights.transpose("component", "draw", "chain")
    tree["sample_stats"].dataset = stats.assign(counts=100 * turned)
    tree["prior"] = xr.DataTree(tree["posterior"].to_dataset())
    result = relabel(tree, reference=parameters())
    counts = result["sample_stats"]["counts"]
    assert counts.dims == ("component", "draw", "chain")
    expected = 100 * result["posterior"]["weights"].values
    np.testing.assert_allclose(counts.transpose("chain", "draw", "component"), expected)
    xr.testing.assert_identical(result["prior"]["means"], tree["prior"]["means"])


def test_the_given_posterior_is_left_alone(switching):
    shuffled, _, _ = switching
    before = shuffled.copy(deep=True)
    relabel(shuffled)
    xr.testing.assert_identical(shuffled, before)


@pytest.mark.parametrize("method", METHODS)
def test_one_component_and_one_draw_stay_as_they_are(switching, method):
    shuffled, _, _ = switching
    one = {name: np.array(value)[:1] for name, value in THREE.items()} | {
        "weights": np.ones(1)
    }
    rng = np.random.default_rng(0)
    X = synthetic.observations(one, 10, rng)
    single = synthetic.tree(X, [synthetic.perturbed(one, 3, rng)])
    for tree in (single, shuffled.isel(chain=[0], draw=[5])):
        result = relabel(tree, method)
        xr.testing.assert_identical(result["posterior"], tree["posterior"])
        stored = result["relabelling"]
        assert stored["confidence"].values == pytest.approx(1.0)
        assert stored.attrs["switch_rate"] == 0
        rate = stored.attrs.get("non_permutation_rate")
        assert rate == (0 if method == "point_process" else None)


def test_data_are_those_given_or_those_of_the_posterior(switching):
    shuffled, _, _ = switching
    X = shuffled["constant_data"]["X"].values
    bare = shuffled.drop_nodes("constant_data")
    observed = bare.copy()
    observed["observed_data"] = xr.DataTree(xr.Dataset({"x": (("a", "b"), X)}))
    expected = relabel(shuffled)["relabelling"]
    xr.testing.assert_identical(relabel(bare, X=X)["relabelling"], expected)
    xr.testing.assert_identical(relabel(observed)["relabelling"], expected)
    with pytest.raises(InputError, match="`X` must be given where the posterior"):
        relabel(bare)


def test_bad_input_is_refused(switching):
    shuffled, _, _ = switching
    two = synthetic.TWO_GROUPS
    wide = parameters({**two, "weights": [0.5, 0.5]}, names=("a", "b"))
    narrow = parameters({name: np.array(v)[:2] for name, v in THREE.items()})
    with pytest.raises(InputError, match="`method` must be a known name"):
        relabel(shuffled, "erc")
    with pytest.raises(InputError, match="have the 3 components of the posterior; got"):
        relabel(shuffled, reference=narrow)
    with pytest.raises(InputError, match="`reference` must have the"):
        relabel(shuffled, reference=wide)
    with pytest.raises(InputError, match="`reference` must be a fitted"):
        relabel(shuffled, reference="em")
    with pytest.raises(InputError, match="`X` must have the 1 features"):
        relabel(shuffled, X=np.zeros((5, 2)))


def test_bad_draws_are_refused_with_their_place(switching):
    shuffled, _, _ = switching

    def changed(name, value):
        tree = shuffled.copy(deep=True)
        tree["posterior"][name].values[1, 7] = value
        return tree

    with pytest.raises(InputError, match="non-finite `means` at chain 1, draw 7"):
        relabel(changed("means", np.nan))
    with pytest.raises(InputError, match=r"positive definite.*chain 1, draw 7"):
        relabel(changed("covariances", -1.0))
    missing = shuffled.copy()
    missing["posterior"].dataset = missing["posterior"].to_dataset().drop_vars("means")
    with pytest.raises(InputError, match="hold `means` with dimensions"):
        relabel(missing)
    with pytest.raises(InputError, match="`posterior` must be an xarray"):
        relabel(shuffled["posterior"].to_dataset())


def test_many_rows_are_thinned_and_labels_found_all_the_same(monkeypatch):
    monkeypatch.setattr(pivoted, "MAX_ROWS", 40)
    rng = np.random.default_rng(11)
    X = synthetic.observations(THREE, 300, rng)
    chains = [synthetic.perturbed(THREE, 60, rng) for _ in range(2)]
    orders = [synthetic.random_permutations(60, 3, rng) for _ in range(2)]
    mixed = [
        synthetic.switched(chain, order)
        for chain, order in zip(chains, orders, strict=True)
    ]
    found = relabel(synthetic.tree(X, mixed))["posterior"]["means"].values
    assert (np.ptp(np.argsort(found[..., 0], axis=-1), axis=(0, 1)) == 0).all()


def test_few_known_labels_among_many_rows_are_all_used(monkeypatch):
    rng = np.random.default_rng(12)
    X = synthetic.observations(THREE, 300, rng)
    z = synthetic.joint(X, **THREE).argmax(1)
    monkeypatch.setattr(pivoted, "MAX_ROWS", 100)  # two rows of three are left out
    known = np.where(np.arange(300) % 3 == 1, z, -1)
    orders = synthetic.random_permutations(60, 3, rng)
    mixed = synthetic.switched(synthetic.perturbed(THREE, 60, rng), orders)
    found = relabel(synthetic.tree(X, [mixed]), reference=known)
    means = found["posterior"]["means"].values[0, :, :, 0]
    np.testing.assert_array_equal(np.argsort(means, axis=-1), [[0, 1, 2]] * 60)


@pytest.mark.parametrize("method", PIVOTED)
def test_labels_of_one_component_name_it_and_the_others_are_resolved(method):
    rng = np.random.default_rng(13)
    X = synthetic.observations(THREE, 90, rng)
    z = synthetic.joint(X, **THREE).argmax(1)
    known = np.full(90, -1)
    known[np.flatnonzero(z == 1)[:5]] = 0  # the middle one is to be the first
    orders = synthetic.random_permutations(60, 3, rng)
    mixed = synthetic.switched(synthetic.perturbed(THREE, 60, rng), orders)
    found = relabel(synthetic.tree(X, [mixed]), method, reference=known)
    means = found["posterior"]["means"].values[0, :, :, 0]
    order = np.argsort(means, axis=-1)
    assert (order[:, 1] == 0).all()
    assert (order == order[0]).all()
    assert found["relabelling"]["confidence"].values.min() > 0.5
