"""Relabelling: brute-force optima, and every variable of a posterior permuted alike."""

from itertools import permutations, product

import numpy as np
import pytest
import synthetic
import xarray as xr

from bayesgmm.errors import InputError
from bayesgmm.parameters import MixtureParameters
from bayesgmm.relabel import METHODS, methods, relabel, unrelabel
from bayesgmm.relabel.alternating import stephens
from bayesgmm.relabel.assignment import gap, solve
from bayesgmm.relabel.ecr import ecr
from bayesgmm.relabel.task import Task

CASES = [0, 1]
# An order needs no pivot, and has no other.
PIVOTED = [name for name in METHODS if name != "order"]
THREE = synthetic.THREE_GROUPS


@pytest.fixture(scope="module")
def cases(golden):
    return golden("label_switching.json")["cases"]


def task_of(p, pivot, size=1000):
    """Return a task of memberships (t, i, k) in blocks of `size` rows."""
    p = np.asarray(p)
    cuts = range(0, p.shape[1], size)
    return Task(
        n_components=p.shape[2],
        X=np.zeros((p.shape[1], 1)),
        pivot=np.asarray(pivot),
        blocks=lambda: ((slice(a, a + size), p[:, a : a + size]) for a in cuts),
        parameters=lambda: pytest.fail("no parameters are looked at"),
        quantity=lambda: pytest.fail("no quantity is looked at"),
    )


def kullback_leibler(p, permutations):
    """Stephens' objective from its definition."""
    p = np.take_along_axis(np.asarray(p), permutations[:, None, :], axis=2)
    positive = p > 0
    q = np.broadcast_to(p.mean(0), p.shape)
    return (p[positive] * np.log(p[positive] / q[positive])).sum()


@pytest.mark.parametrize("size", [5, 1000])
@pytest.mark.parametrize("case", CASES)
def test_ecr_finds_a_best_permutation_of_every_draw(cases, case, size):
    case = cases[case]
    z, k = np.array(case["z"]), case["K"]
    found = ecr(task_of(np.eye(k)[z], z[case["pivot"]], size))
    for permutation, best in zip(found.permutations, case["ecr_pivot"], strict=True):
        assert list(permutation) in best["perms"]
    agreement = sum(best["agreement"] for best in case["ecr_pivot"])
    assert found.objective == z.size - agreement
    tied = [len(best["perms"]) > 1 for best in case["ecr_pivot"]]
    np.testing.assert_array_equal(found.confidence == 0, tied)


@pytest.mark.parametrize("size", [5, 1000])
@pytest.mark.parametrize("case", CASES)
def test_stephens_reaches_the_optimum(cases, case, size):
    case = cases[case]
    pivot = np.array(case["z"][case["pivot"]])
    found = stephens(task_of(case["P"], pivot, size))
    best = case.get("stephens", {}).get("objective", case["stephens_at_generating"])
    assert found.objective == pytest.approx(best, abs=1e-6)
    assert kullback_leibler(case["P"], found.permutations) == pytest.approx(
        found.objective, abs=1e-9
    )


@pytest.mark.parametrize("seed", range(5))
def test_stephens_finds_the_optimum_from_any_labels(cases, seed):
    case, rng = cases[0], np.random.default_rng(seed)
    p = np.array(case["P"])
    shuffled = synthetic.random_permutations(len(p), 2, rng)
    p = np.take_along_axis(p, shuffled[:, None, :], axis=2)
    found = stephens(task_of(p, rng.integers(2, size=case["n"])))
    assert found.objective == pytest.approx(case["stephens"]["objective"], abs=1e-6)


@pytest.mark.parametrize("seed", [0, 4, 22, 30])
def test_stephens_leaves_local_optima(seed):
    """Memberships without any structure, where a single start is not enough."""
    share = np.random.default_rng(seed).beta(0.5, 0.5, size=(8, 8))
    p = np.stack([share, 1 - share], axis=-1).clip(1e-6)
    rest = np.array(list(product([0, 1], repeat=7)))
    labellings = np.stack([rest, 1 - rest], axis=-1)
    best = min(kullback_leibler(p, np.vstack([[0, 1], x])) for x in labellings)
    found = stephens(task_of(p, p[0].argmax(axis=-1)))
    assert found.objective == pytest.approx(best, abs=1e-6)


def test_stephens_names_components_after_the_pivot(cases):
    case = cases[1]
    pivot = np.array(case["z"][0])
    for order in ([0, 1, 2], [2, 0, 1]):
        named = np.array(order)[pivot]
        found = stephens(task_of(case["P"], named))
        # The generating permutations start with the identity: draw 0 is the pivot.
        expected = np.array(case["generating_perms"])[:, np.argsort(order)]
        np.testing.assert_array_equal(found.permutations, expected)


def test_gap_is_the_difference_of_the_two_cheapest_permutations():
    rng = np.random.default_rng(0)
    costs = rng.normal(size=(20, 4, 4))
    every = list(permutations(range(4)))
    totals = np.array(
        [[sum(c[p[k], k] for k in range(4)) for p in every] for c in costs]
    )
    cheapest = np.sort(totals, axis=1)
    np.testing.assert_array_equal(
        solve(costs), [every[i] for i in totals.argmin(axis=1)]
    )
    np.testing.assert_allclose(
        gap(costs, solve(costs)), cheapest[:, 1] - cheapest[:, 0], atol=1e-12
    )


@pytest.fixture(scope="module")
def switching():
    """Return a posterior of three groups, its labels shuffled, and the truth."""
    rng = np.random.default_rng(5)
    X = synthetic.observations(THREE, 60, rng)
    clean = [synthetic.perturbed(THREE, 40, rng) for _ in range(2)]
    shuffles = [synthetic.random_permutations(40, 3, rng) for _ in clean]
    pairs = zip(clean, shuffles, strict=True)
    shuffled = [synthetic.switched(chain, p) for chain, p in pairs]
    return synthetic.tree(X, shuffled), synthetic.tree(X, clean), np.array(shuffles)


def parameters(truth=THREE, names=("x0",), order=None):
    order = np.arange(len(truth["weights"])) if order is None else order
    arrays = {name: np.array(value)[order] for name, value in truth.items()}
    return MixtureParameters(
        **arrays, covariance_type="full", feature_names=tuple(names)
    )


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
        assert result["relabelling"]["confidence"].values == pytest.approx(1.0)


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
    monkeypatch.setattr(methods, "MAX_ROWS", 40)
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
