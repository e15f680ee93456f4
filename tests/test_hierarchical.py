"""Hierarchical clustering: the merges are those of the definition, in any units."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import adjusted_rand_score

from bayesgmm import datasets
from bayesgmm.hierarchical import MOST_ROWS, hierarchical_tree
from bayesgmm.kernels.agglomerate import agglomerate


def criterion(points, counts, clusters, guard):
    """Return the cost of a partition from its rows, one by one."""
    total = 0.0
    for cluster in clusters:
        rows = np.repeat(points[cluster], counts[cluster], axis=0)
        centred, n = rows - rows.mean(0), len(rows)
        scatter = centred.T @ centred + guard * np.eye(points.shape[1])
        total += n * np.log(np.linalg.det(scatter / (n + guard)))
    return total


def merged(clusters, a, b):
    return [c for c in clusters if c is not a and c is not b] + [a + b]


def merges_by_definition(points, counts, guard):
    """Try every pair at every step."""
    clusters, merges = [[i] for i in range(len(points))], []
    while len(clusters) > 1:
        pairs = list(combinations(clusters, 2))
        after = [merged(clusters, *pair) for pair in pairs]
        costs = [criterion(points, counts, partition, guard) for partition in after]
        a, b = pairs[np.argmin(costs)]
        clusters = merged(clusters, a, b)
        merges.append(sorted([min(a), min(b)]))
    return np.array(merges)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("guard", [0.5, 1.0])
def test_merges_are_those_of_the_definition(d, guard):
    rng = np.random.default_rng(d)
    points, counts = rng.normal(size=(14, d)), rng.integers(1, 4, size=14)
    merges = agglomerate(points, counts.astype(float), guard)
    assert_array_equal(merges, merges_by_definition(points, counts, guard))


def some_rows(seed=0, n=120, d=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    X[: n // 3] += 4.0
    return X


def same_partition(a, b):
    return adjusted_rand_score(a, b) == 1.0


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(lambda X: X + 1e6, id="shift"),
        pytest.param(lambda X: X * [1e-6, 1.0, 1e6], id="units"),
        pytest.param(lambda X: -X[:, [2, 0, 1]], id="order of features"),
    ],
)
def test_units_do_not_change_the_tree(move):
    X = some_rows()
    still, moved = hierarchical_tree(X), hierarchical_tree(move(X))
    for k in range(1, 12):
        assert same_partition(still.labels(k), moved.labels(k))


def test_order_of_rows_does_not_change_the_tree():
    X = some_rows()
    order = np.random.default_rng(1).permutation(len(X))
    still, moved = hierarchical_tree(X), hierarchical_tree(X[order])
    for k in range(1, 12):
        assert_array_equal(still.labels(k)[order], moved.labels(k))


def test_rotation_of_balls_does_not_change_the_kernel():
    points, counts = some_rows(n=40), np.ones(40)
    rotation = np.linalg.qr(np.random.default_rng(8).normal(size=(3, 3)))[0]
    assert_array_equal(
        agglomerate(points, counts, 1.0), agglomerate(points @ rotation, counts, 1.0)
    )


def test_a_row_of_weight_two_is_the_row_twice():
    X = some_rows(n=60)
    weight = np.random.default_rng(2).integers(1, 4, size=60)
    repeated = np.repeat(np.arange(60), weight)
    weighted = hierarchical_tree(X, weight.astype(float))
    twice = hierarchical_tree(X[repeated])
    for k in range(1, 10):
        assert_array_equal(weighted.labels(k)[repeated], twice.labels(k))


def test_partitions_are_nested_and_of_the_size_asked_for():
    X = datasets.load("iris").to_numpy()
    tree = hierarchical_tree(X)
    coarse = tree.labels(1)
    assert not coarse.any()
    for k in range(2, 20):
        fine = tree.labels(k)
        assert_array_equal(np.unique(fine), np.arange(k))
        pairs = np.unique(np.c_[fine, coarse], axis=0)
        assert len(pairs) == k  # each part lies in one of the coarser parts
        coarse = fine


def test_equal_rows_are_never_parted():
    X = np.array([[0.0], [0.0], [1.0], [5.0], [5.0], [6.0]])
    tree = hierarchical_tree(X)
    assert_array_equal(tree.labels(2), [0, 0, 0, 1, 1, 1])
    assert_array_equal(tree.labels(4), [0, 0, 1, 2, 2, 3])
    assert_array_equal(tree.labels(6), tree.labels(4))


def test_long_and_thin_groups_are_told_apart():
    """k-means would cut these across."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 2)) * [10.0, 0.3]
    truth = np.arange(200) % 2
    X[:, 1] += 3.0 * truth
    assert same_partition(hierarchical_tree(X).labels(2), truth)


def test_a_constant_or_repeated_column_changes_nothing():
    X = some_rows()
    tree = hierarchical_tree(X).labels(4)
    constant = hierarchical_tree(np.c_[X, np.full(len(X), 7.0)])
    assert same_partition(constant.labels(4), tree)
    assert_array_equal(hierarchical_tree(np.ones((5, 2))).labels(3), np.zeros(5))
    repeated = hierarchical_tree(X[:, [0, 0, 0]]).labels(3)
    assert same_partition(repeated, hierarchical_tree(X[:, :1]).labels(3))


def test_of_many_rows_some_make_the_tree_and_all_are_labelled():
    n = 3 * MOST_ROWS
    rng = np.random.default_rng(4)
    truth = np.arange(n) % 3
    X = rng.normal(size=(n, 2)) + 20.0 * np.array([[0, 0], [1, 0], [0, 1]])[truth]
    tree = hierarchical_tree(X, rng.uniform(0.5, 1.5, size=n))
    assert len(tree.rows) == MOST_ROWS
    assert len(tree.merges) == MOST_ROWS - 1
    assert same_partition(tree.labels(3), truth)
    assert_array_equal(np.unique(tree.labels(7)), np.arange(7))
