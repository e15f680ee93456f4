"""What chains found, told apart by what labels cannot change."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
import synthetic
from matplotlib.figure import Figure
from sampled_groups import SEEDS, THREE, clean, judged, two_modes
from scipy.signal import lfilter

from bayesgmm.diagnose import diagnose
from bayesgmm.errors import InputError
from bayesgmm.invariants import LOG_LIKELIHOOD, agreement, invariants
from bayesgmm.posterior import read_draws
from bayesgmm.solutions import find_solutions
from bayesgmm.validation import check_table
from bayesgmm.verdict import Verdict


def test_parameters_are_judged_before_and_after_relabelling():
    diagnosis, known = judged(0, shuffle=True), judged(0)
    assert list(diagnosis.unrelabelled.index) == list(diagnosis.parameters.index)
    pd.testing.assert_frame_equal(known.unrelabelled, known.parameters)
    # Shuffled draws hide where they are: half of them are in the other group.
    sd = diagnosis.unrelabelled.loc["means[0, x0]", "sd"]
    assert sd > 10 * diagnosis.parameters.loc["means[0, x0]", "sd"]
    assert "as drawn" in str(diagnosis)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_chain_that_began_elsewhere_is_named(shuffle):
    """A tenth of one chain in four: R-hat hardly sees it."""
    tree = clean(0, shuffle=shuffle).copy(deep=True)
    tree["posterior"]["means"].values[1, :15] += 3.0
    diagnosis = diagnose(tree.drop_nodes("sample_stats"))
    assert diagnosis.verdict is Verdict.NOT_MIXED
    assert list(diagnosis.chains["moved"]) == [False, True, False]
    assert "Chain 1 was elsewhere for a while" in diagnosis.sentence


def test_one_chain_in_two_modes_is_no_overlap():
    """Half of it merges the left pair of four groups, the rest the right one."""
    tree = two_modes(0)
    joined = tree.isel(chain=[0]).copy(deep=True)
    for variable in ("weights", "means", "covariances"):
        values = joined["posterior"][variable].values
        values[0, :75] = tree["posterior"][variable].values[1, :75]
    diagnosis = diagnose(joined.drop_nodes("sample_stats"))
    assert diagnosis.verdict is Verdict.NOT_MIXED
    assert list(diagnosis.chains["moved"]) == [True]


def test_agreement_counts_pairs():
    """Expected agreement of two labels a row, by all labels that rows can have."""
    tree = clean(0)
    X = np.array([[-2.0, 0.0], [0.2, 0.5], [2.0, 1.0], [-0.5, 0.7]])
    draws, pivot = read_draws(tree), np.array([0, 0, 1, 1])
    draws = draws.take([3, 77])
    found = agreement(X, draws, pivot)
    for t in range(2):
        joint = synthetic.joint(
            X, draws.weights[t], draws.means[t], draws.covariances[t]
        )
        p = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
        expected = 0.0
        for labels in product(range(2), repeat=4):
            pairs = combinations(range(4), 2)
            same = [
                (labels[i] == labels[j]) == (pivot[i] == pivot[j]) for i, j in pairs
            ]
            expected += np.mean(same) * np.prod(p[np.arange(4), labels])
        assert found[t] == pytest.approx(expected, rel=1e-12)


def test_draws_of_few_components_are_read_among_those_of_many():
    """Three of twelve have eight components, the others two."""
    tree, rng = clean(0).isel(draw=slice(0, 4)), np.random.default_rng(0)
    X, few = tree["constant_data"]["X"].values, read_draws(tree)
    weights = np.pad(few.weights, ((0, 0), (0, 6)))
    weights[[1, 2, 10]] = rng.dirichlet(np.ones(8), size=3)
    means = rng.normal(size=(12, 8, 2))
    covariances = np.tile(np.eye(2), (12, 8, 1, 1))
    means[:, :2], covariances[:, :2] = few.means, few.covariances
    mixtures = {"weights": weights, "means": means, "covariances": covariances}
    draws = replace(few, **mixtures, components=np.arange(8))
    table = check_table(X)
    found = invariants(replace(draws, of_one_size=False), table, None)
    expected = [
        synthetic.log_likelihood(X, w[w > 0], m[w > 0], c[w > 0])
        for w, m, c in zip(weights, means, covariances, strict=True)
    ]
    np.testing.assert_allclose(found["log_likelihood"].ravel(), expected)
    at_once = invariants(draws, table, None)
    for name, values in found.items():
        np.testing.assert_allclose(values, at_once[name], err_msg=name)


def test_the_plot_shows_draws_before_and_after_relabelling():
    tree, diagnosis = clean(0, shuffle=True), judged(0, shuffle=True)
    figure = Figure()
    pair = figure.subplots(2)
    assert diagnosis.plot(ax=pair) is figure
    means = tree["posterior"]["means"].values
    before, after = (
        [points.get_offsets()[:, 1] for points in ax.collections] for ax in pair
    )
    feature = {"mean of x0": 0, "mean of x1": 1}[pair[0].get_ylabel()]
    for k in range(2):
        np.testing.assert_allclose(before[k], means[:, :, k, feature].ravel())
    gap = abs(np.mean(after[0]) - np.mean(after[1]))
    assert gap > 10 * max(map(np.std, after))
    names = [label.get_text() for label in pair[1].get_xticklabels()]
    assert names == ["chain 0", "chain 1", "chain 2"]


def test_solutions_are_numbered_from_the_best():
    rng = np.random.default_rng(0)
    levels = np.array([-20.0, -10.0, -20.0, 0.0])
    noise = rng.normal(size=(2, 4, 50))
    values = {"log_likelihood": levels[:, None] + noise[0], "other": noise[1]}
    assert list(find_solutions(values)) == [2, 1, 2, 0]


def test_chains_at_two_modes_are_told_apart():
    tree = two_modes(0)
    diagnosis = diagnose(tree)
    assert diagnosis.verdict is Verdict.DIFFERENT_SOLUTIONS
    lp = tree["sample_stats"]["lp"].values.mean(axis=1)
    pairs = sorted([(0, 2), (1, 3)], key=lambda pair: -lp[list(pair)].mean())
    table = diagnosis.solutions
    assert list(table["chains"]) == pairs
    best, other = (lp[list(pair)].mean() for pair in pairs)
    for column in ("log_likelihood", "lp"):
        np.testing.assert_allclose(table[column], [best, other])
        np.testing.assert_allclose(diagnosis.chains[column], lp)
    np.testing.assert_allclose(table["gap"], [0.0, best - other])
    assert f"log-likelihood of {best:.1f}" in diagnosis.sentence
    assert f"{best - other:.1f} lower" in diagnosis.sentence


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chain_stuck_at_a_worse_solution_is_named(seed):
    rng = np.random.default_rng(seed)
    X = synthetic.observations(THREE, 120, rng)
    poor = {**THREE, "means": [[-6.0], [4.0], [6.0]], "weights": [0.5, 0.3, 0.2]}
    chains = [
        synthetic.perturbed(truth, 100, rng) for truth in (THREE, poor, THREE, THREE)
    ]
    diagnosis = diagnose(synthetic.tree(X, chains))
    assert diagnosis.verdict is Verdict.DIFFERENT_SOLUTIONS
    assert list(diagnosis.chains["solution"]) == [0, 1, 0, 0]
    assert "chains 0, 2, 3 at a mean" in diagnosis.sentence
    assert "; chain 1 at -" in diagnosis.sentence


def test_a_chain_that_does_not_move_is_named():
    tree = clean(0).copy(deep=True)
    for group in ("posterior", "sample_stats"):
        for variable in tree[group].data_vars.values():
            variable.values[2] = variable.values[2, 70]
    diagnosis = diagnose(tree)
    assert diagnosis.verdict is Verdict.DIFFERENT_SOLUTIONS
    solution = diagnosis.chains["solution"].to_numpy()
    assert solution[0] == solution[1] != solution[2]


def test_draws_that_cannot_be_read_are_refused():
    tree = clean(0).isel(draw=slice(0, 40)).copy(deep=True)
    bare = tree.copy()
    bare["posterior"] = type(tree)(tree["posterior"].to_dataset().drop_vars("means"))
    with pytest.raises(InputError, match="must hold `means`"):
        diagnose(bare)
    tree["posterior"]["means"].values[1, 7] = np.nan
    with pytest.raises(InputError, match="non-finite `means` at chain 1, draw 7"):
        diagnose(tree)


def test_replicates_of_a_jackknife_are_refused():
    """They lie so close together that anything seems to be separately identified."""
    tree = clean(0).copy(deep=True)
    tree["posterior"].attrs["standard_error_factor"] = 12.0
    with pytest.raises(InputError, match="replicates of a jackknife"):
        diagnose(tree)


@pytest.mark.parametrize("n_draws", [1, 3])
def test_a_few_draws_are_drawn_and_tabulated(n_draws):
    diagnosis = diagnose(clean(0).isel(draw=slice(0, n_draws)))
    assert not diagnosis.chains[["frozen", "moved"]].to_numpy().any()
    assert list(diagnosis.solutions["chains"]) == [(0, 1, 2)]
    diagnosis.plot(ax=Figure().subplots(2))


def test_one_component_has_a_plot():
    one = {"weights": [1.0], "means": [[0.0]], "covariances": [[[1.0]]]}
    rng = np.random.default_rng(0)
    X = synthetic.observations(one, 40, rng)
    chains = [synthetic.perturbed(one, 50, rng) for _ in range(2)]
    diagnosis = diagnose(synthetic.tree(X, chains))
    assert diagnosis.traces.attrs["quantity"] == "mean of x0"
    diagnosis.plot(ax=Figure().subplots(2))


def log_densities(X, truth):
    return np.logaddexp.reduce(synthetic.joint(X, **truth), axis=1)


def test_weights_of_rows_say_which_solution_is_likelier():
    """Two groups of three are one component: whichever two have few rows."""
    rng = np.random.default_rng(3)
    X = np.repeat([-3.0, 0.0, 3.0], 30)[:, None] + rng.normal(0, 0.5, (90, 1))
    weight = np.repeat([1.0, 20.0, 20.0], 30)
    narrow, wide = [[0.3]], [[2.6]]
    right = {
        "weights": [1 / 3, 2 / 3],
        "means": [[-3.0], [1.5]],
        "covariances": [narrow, wide],
    }
    left = {
        "weights": [2 / 3, 1 / 3],
        "means": [[-1.6], [3.0]],
        "covariances": [wide, narrow],
    }
    expected = [weight @ log_densities(X, truth) for truth in (right, left)]
    assert log_densities(X, right).sum() > log_densities(X, left).sum()
    assert expected[0] < expected[1]
    chains = [synthetic.perturbed(truth, 60, rng, 1e-4) for truth in (right, left)]
    tree = synthetic.tree(X, chains, lp=False)
    weighted = synthetic.changed(
        tree, "constant_data", sample_weight=("obs_id", weight)
    )
    diagnosis = diagnose(weighted)
    assert diagnosis.verdict is Verdict.DIFFERENT_SOLUTIONS
    assert list(diagnosis.chains["solution"]) == [1, 0]
    np.testing.assert_allclose(diagnosis.chains["log_likelihood"], expected, rtol=1e-4)


def test_known_labels_say_which_solution_is_likelier():
    """Where they tell components apart a chain of swapped ones is another solution."""
    rng = np.random.default_rng(4)
    truth = synthetic.TWO_GROUPS
    X = synthetic.observations(truth, 50, rng)
    joint = synthetic.joint(X, **truth)
    z = np.where(np.arange(50) < 25, joint.argmax(1), -1)
    swap = np.tile([1, 0], (60, 1))
    chains = [synthetic.perturbed(truth, 60, rng, 1e-4) for _ in range(2)]
    chains[0] = synthetic.switched(chains[0], swap)
    tree = synthetic.with_labels(synthetic.tree(X, chains, lp=False), z)
    diagnosis = diagnose(tree)
    assert list(diagnosis.chains["solution"]) == [1, 0]
    known = np.arange(25), z[:25]
    expected = joint[known].sum() + np.logaddexp.reduce(joint[25:], axis=1).sum()
    assert diagnosis.chains["log_likelihood"][1] == pytest.approx(expected, rel=1e-4)


def test_chains_shorter_than_their_memory_are_of_one_solution():
    """A fifth of these were called different when their errors were believed."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        noise = np.sqrt(1 - 0.95**2) * rng.normal(size=(4, 1050, 8))
        draws = lfilter([1.0], [1.0, -0.95], noise, axis=1)[:, 1000:]
        values = {LOG_LIKELIHOOD: -0.5 * (draws[..., :6] ** 2).sum(-1)}
        values |= {f"value {i}": draws[..., i] for i in range(8)}
        np.testing.assert_array_equal(find_solutions(values), 0)
