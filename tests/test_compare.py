"""EM beside the posterior: numbers from the draws, components matched."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import synthetic

from bayesgmm.compare import compare
from bayesgmm.errors import InputError
from bayesgmm.membership import membership
from bayesgmm.parameters import MixtureParameters
from bayesgmm.relabel import relabel

TWO, NAMES = synthetic.TWO_GROUPS, ["length", "width"]
COLUMNS = ["em", "mean", "sd", "lower", "upper", "standardised_difference"]


def parameters(truth=TWO, order=(0, 1), names=NAMES):
    arrays = {name: np.array(value)[list(order)] for name, value in truth.items()}
    return MixtureParameters(
        **arrays, covariance_type="full", feature_names=tuple(names)
    )


@pytest.fixture(scope="module")
def drawn():
    """Return data, chains of the truth's order and the same chains shuffled."""
    rng = np.random.default_rng(4)
    X = synthetic.observations(TWO, 80, rng)
    chains = [synthetic.perturbed(TWO, 100, rng, 0.1) for _ in range(2)]
    shuffles = [synthetic.random_permutations(100, 2, rng) for _ in chains]
    pairs = zip(chains, shuffles, strict=True)
    return X, chains, [synthetic.switched(chain, p) for chain, p in pairs]


@pytest.fixture(scope="module")
def clean(drawn):
    return synthetic.tree(drawn[0], drawn[1], names=NAMES)


@pytest.fixture(scope="module")
def shuffled(drawn):
    return synthetic.tree(drawn[0], drawn[2], names=NAMES)


def test_known_labels_are_known_to_both(drawn, clean):
    """The label of a row that looks like the other group."""
    labels = np.full(80, -1)
    joint = np.exp(synthetic.joint(drawn[0], *TWO.values()))
    labels[7] = joint[7].argmin()
    rows = compare(parameters(), synthetic.with_labels(clean, labels)).observations
    assert rows["em_label"][7] == rows["posterior_label"][7] == labels[7]
    assert rows["em_probability"][7] == rows["posterior_probability"][7] == 1.0
    shares = np.delete(joint.max(axis=1) / joint.sum(axis=1), 7)
    np.testing.assert_allclose(rows["em_probability"].drop(7), shares)


def test_table_holds_every_parameter(drawn, shuffled):
    table = compare(parameters(), shuffled).table
    weights, means, covariances = (np.concatenate(x) for x in zip(*drawn[1]))  # noqa: B905
    sds = np.sqrt(np.diagonal(covariances, axis1=2, axis2=3))
    correlations = covariances[:, :, 0, 1] / sds.prod(axis=2)
    draws = {}
    for k in (0, 1):
        draws["weights", k, "", ""] = weights[:, k]
        draws["correlations", k, "length", "width"] = correlations[:, k]
        for j, name in enumerate(NAMES):
            draws["means", k, name, ""] = means[:, k, j]
            draws["standard_deviations", k, name, ""] = sds[:, k, j]
    assert sorted(table.index) == sorted(draws)
    assert table.index.names == ["parameter", "component", "feature", "feature_bis"]
    assert list(table.columns) == COLUMNS
    assert table.attrs["interval_probability"] == 0.9
    for index, values in draws.items():
        row = table.loc[index]
        np.testing.assert_allclose(
            row[["mean", "lower", "upper"]],
            [values.mean(), *np.quantile(values, [0.05, 0.95])],
        )
        assert row["sd"] == pytest.approx(values.std(), abs=1e-13)


def test_em_stands_in_its_place(shuffled):
    table = compare(parameters(), shuffled).table
    em = table["em"]
    assert em["weights", 1, "", ""] == 0.65
    assert em["means", 0, "length", ""] == -2.0
    assert em["standard_deviations", 1, "width", ""] == pytest.approx(0.7**0.5)
    correlation = -0.3 / (0.8 * 0.7) ** 0.5
    assert em["correlations", 1, "length", "width"] == pytest.approx(correlation)
    row = table.loc[("means", 0, "length", "")]
    assert row["standardised_difference"] == pytest.approx(
        (row["em"] - row["mean"]) / row["sd"]
    )


def test_known_parameters_do_not_divide_by_zero(clean):
    """All draws have one covariance up to scale: correlations are known."""
    same = compare(parameters(), clean).table.loc["correlations"]
    assert (same["sd"] == 0).all()
    assert (same["standardised_difference"] == 0).all()
    round_ones = {**TWO, "covariances": [np.eye(2), np.eye(2)]}
    other = compare(parameters(round_ones), clean).table.loc["correlations"]
    assert other["standardised_difference"].isna().all()
    assert str(compare(parameters(round_ones), clean))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_components_are_matched_with_em(clean, shuffled, order):
    em = parameters(order=order)
    trees = {
        "as sampled": shuffled,
        "relabelled otherwise": relabel(shuffled, reference=parameters(order=(1, 0))),
        "relabelled to itself": relabel(shuffled, "stephens"),
    }
    expected = compare(parameters(), clean)
    for name, tree in trees.items():
        found = compare(em, tree)
        for k in (0, 1):
            pd.testing.assert_series_equal(
                found.table["mean"].xs(k, level="component"),
                expected.table["mean"].xs(order[k], level="component"),
                obj=name,
            )
        assert found.n_moved == expected.n_moved


def test_three_components_are_matched_in_any_order():
    truth, rng = synthetic.THREE_GROUPS, np.random.default_rng(0)
    X = synthetic.observations(truth, 40, rng)
    tree = synthetic.tree(X, [synthetic.perturbed(truth, 20, rng)])
    relabelled = relabel(tree, reference=parameters(truth, (2, 0, 1), ["x0"]))
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        table = compare(parameters(truth, order, ["x0"]), relabelled).table
        means = table.loc["means"]
        np.testing.assert_allclose(means["mean"], means["em"], atol=0.1)


def test_observations_are_set_side_by_side(clean):
    frame = pd.DataFrame(clean["constant_data"]["X"].values, columns=NAMES)
    frame.index = [f"row {i}" for i in range(80)]
    # Between the groups, and weights that send it one way in EM and the other in draws.
    frame.loc["row 7"] = [0.2, 0.5]
    em = parameters({**TWO, "weights": [0.995, 0.005]})
    comparison = compare(em, clean, frame)
    rows = comparison.observations
    ours = membership(synthetic.resolved(clean), frame)
    joint = np.exp(synthetic.joint(frame.to_numpy(), *_arrays(em)))
    probability = joint / joint.sum(axis=1, keepdims=True)
    assert list(rows.index) == list(frame.index)
    assert rows.index.name == "obs_id"
    np.testing.assert_array_equal(rows["em_label"], probability.argmax(1))
    np.testing.assert_allclose(rows["em_probability"], probability.max(1))
    np.testing.assert_array_equal(rows["posterior_label"], ours["label"])
    highest = ours["probability"].max("component")
    np.testing.assert_allclose(rows["posterior_probability"], highest)
    label = ours["label"].values
    sd = ours["probability_sd"].values[np.arange(80), label]
    np.testing.assert_array_equal(rows["probability_sd"], sd)
    np.testing.assert_array_equal(rows["parameter_entropy"], ours["parameter_entropy"])
    moved = rows["em_label"] != rows["posterior_label"]
    assert moved["row 7"]
    assert list(comparison.moved.index) == list(rows.index[moved])
    assert comparison.n_moved == moved.sum()
    assert comparison.agreement == pytest.approx(1 - moved.sum() / 80)


def _arrays(em):
    return em.weights, em.means, em.covariances


def test_bootstrap_stands_beside_the_posterior(drawn, clean):
    X, chains, switched = drawn
    replicates = synthetic.tree(X, switched[:1], names=NAMES)
    table = compare(parameters(), clean, bootstrap=replicates).table
    means = chains[0][1][:, 1, 0]
    row = table.loc[("means", 1, "length", "")]
    np.testing.assert_allclose(
        row[[f"bootstrap_{name}" for name in ("mean", "sd", "lower", "upper")]],
        [means.mean(), means.std(), *np.quantile(means, [0.05, 0.95])],
    )
    assert list(table.columns[:6]) == COLUMNS


def test_text_says_how_many_moved_and_what_differs(clean):
    means = np.array(TWO["means"])
    means[1, 0] += 1.0
    comparison = compare(parameters({**TWO, "means": means}), clean)
    first, _, _, largest, *_ = str(comparison).splitlines()
    assert first == (
        "EM and posterior, 2 components, 80 observations: "
        f"{comparison.agreement:.1%} carry the same label "
        f"({comparison.n_moved} moved)."
    )
    assert largest.startswith("means[1, length]")


def test_plot_draws_the_table(clean):
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = compare(parameters(), clean).plot()
    assert figure.axes
    plt.close("all")


def test_bad_input_is_refused(clean):
    three = synthetic.THREE_GROUPS
    flat = {name: np.array(value)[:2] for name, value in three.items()}
    with pytest.raises(InputError, match="`em` must have the 2 components"):
        compare(parameters(three, (0, 1, 2), ["x0"]), clean)
    with pytest.raises(InputError, match="`em` must have the 2 features"):
        compare(parameters(flat, names=["x0"]), clean)
    with pytest.raises(
        InputError, match="`em` must have the features of the posterior"
    ):
        compare(parameters(names=["width", "length"]), clean)
    with pytest.raises(InputError, match="`em` must be a fitted"):
        compare(None, clean)
    with pytest.raises(InputError, match="`X` must have the 2 features"):
        compare(parameters(), clean, np.zeros((4, 3)))
