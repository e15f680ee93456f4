"""Partitions from the definitions: losses by probabilities and pairs, all partitions.

Nothing here uses the package.
"""

from itertools import combinations

import numpy as np


def all_partitions(n):
    """Return all partitions of n rows, labels in order of appearance."""
    found = [[0]]
    for _ in range(n - 1):
        found = [[*part, k] for part in found for k in range(max(part) + 2)]
    return np.array(found)


def _entropy(*labels):
    """Return the joint entropy of labels, in bits."""
    _, counts = np.unique(np.transpose(labels), axis=0, return_counts=True)
    p = counts / counts.sum()
    return -(p * np.log2(p)).sum()


def _pairs(a, b):
    """Return of all pairs of rows whether they are together in a, and in b."""
    i, j = np.array(list(combinations(range(len(a)), 2))).reshape(-1, 2).T
    a, b = np.asarray(a), np.asarray(b)
    return a[i] == a[j], b[i] == b[j]


def vi(a, b):
    return 2 * _entropy(a, b) - _entropy(a) - _entropy(b)


def binder(a, b, cost_apart=1.0):
    mine, theirs = _pairs(a, b)
    return (
        cost_apart * (theirs & ~mine).sum() + (2 - cost_apart) * (mine & ~theirs).sum()
    )


def omari(a, b):
    mine, theirs = _pairs(a, b)
    if (mine == theirs).all():
        return 0.0
    expected = mine.mean() * theirs.mean()
    top = (mine.mean() + theirs.mean()) / 2
    return 1 - ((mine & theirs).mean() - expected) / (top - expected)


def nvi(a, b):
    joint = _entropy(a, b)
    return vi(a, b) / joint if joint > 0 else 0.0


def nid(a, b):
    larger = max(_entropy(a), _entropy(b))
    shared = _entropy(a) + _entropy(b) - _entropy(a, b)
    return 1 - shared / larger if larger > 0 else 0.0


LOSSES = {"vi": vi, "binder": binder, "omari": omari, "nvi": nvi, "nid": nid}


def expected_losses(partitions, draws, cost_apart=1.0):
    """Return the losses of partitions averaged over draws, from whole tables.

    A dict by loss of arrays (n_partitions,).
    """
    draws, counts = np.unique(draws, axis=0, return_counts=True)
    mine, theirs = (
        np.equal(labels[..., None], np.unique(labels)).astype(float)
        for labels in (partitions, draws)
    )
    table = np.einsum("pik,tij->ptkj", mine, theirs) / len(draws[0])

    def entropy(p):
        return -(p * np.log2(np.where(p > 0, p, 1.0))).sum(-1)

    def pairs(p):
        sizes = p * len(draws[0])
        return (sizes * (sizes - 1) / 2).sum(-1)

    flat = table.reshape(*table.shape[:2], -1)
    joint, both = entropy(flat), pairs(flat)
    (h, g), (a, b) = ([f(table.sum(axis)) for axis in (3, 2)] for f in (entropy, pairs))
    whole = len(draws[0]) * (len(draws[0]) - 1) / 2
    with np.errstate(invalid="ignore"):
        losses = {
            "vi": 2 * joint - h - g,
            "binder": cost_apart * (b - both) + (2 - cost_apart) * (a - both),
            "omari": ((a + b) / 2 - both) / ((a + b) / 2 - a * b / whole),
            "nvi": 2 - (h + g) / joint,
            "nid": 1 - (h + g - joint) / np.maximum(h, g),
        }
    # Both the same trivial partition: 0 / 0.
    return {
        name: np.nan_to_num(x) @ counts / counts.sum() for name, x in losses.items()
    }


def by_appearance(labels):
    """Number labels as they appear, as the reference does."""
    labels = np.asarray(labels).tolist()
    names = {label: k for k, label in enumerate(dict.fromkeys(labels))}
    return [names[label] for label in labels]


def random_draws(seed):
    """Draw labels without structure, around a partition, or from a few partitions."""
    rng = np.random.default_rng(seed)
    n, n_draws = int(rng.integers(2, 8)), int(rng.integers(1, 25))
    k = rng.integers(1, n + 1)
    labels = rng.integers(k, size=(n_draws, n))
    if seed % 3 == 1:
        base = rng.integers(k, size=n)
        labels = np.where(rng.random((n_draws, n)) < 0.3, labels, base)
    if seed % 3 == 2:
        labels = rng.integers(k, size=(3, n))[rng.integers(3, size=n_draws)]
    return labels
