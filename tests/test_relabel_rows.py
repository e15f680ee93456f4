"""Methods that compare rows: against brute force, and their definitions."""

from itertools import permutations, product

import numpy as np
import pytest
import synthetic
from relabelling import relabelled, task_of

from bayesgmm.relabel.alternating import ecr_iterative_1, ecr_iterative_2, stephens
from bayesgmm.relabel.assignment import gap, solve
from bayesgmm.relabel.data_based import data_based
from bayesgmm.relabel.ecr import ecr
from bayesgmm.relabel.task import Task

CASES = [0, 1]

# -- ECR and Stephens -----------------------------------------


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


# -- iterative ECR -----------------------------------------


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


# -- data-based -----------------------------------------


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
    task = Task(2, x, task.pivot, task.blocks, task.parameters)
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
    found = data_based(Task(2, x, task.pivot, task.blocks, task.parameters))
    assert found.permutations.tolist() == [[0, 1], [1, 0], [0, 1]]
    z_scores = (x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0)
    expected = 0.0
    for k in (0, 1):
        values = z_scores[z[0] == k]
        n = 3 * (~np.isnan(values)).sum(axis=0)
        expected += (n * (1 + np.log(np.nanvar(values, axis=0)))).sum()
    assert found.objective == pytest.approx(expected)
