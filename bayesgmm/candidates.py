"""Where the search of one cell begins: contained fits, splits, partitions."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.hierarchical import HierarchicalTree, hierarchical_tree
from bayesgmm.initialise import (
    kmeans_plusplus_labels,
    standardise,
    start_from_labels,
)
from bayesgmm.moves import HALF, duplicate, split
from bayesgmm.observations import Complete
from bayesgmm.parameters import MixtureParameters
from bayesgmm.squarem import is_positive_definite
from bayesgmm.steps import Objective

# Of the splits of a smaller fit, the most promising.
SPLITS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A mixture to begin with, and what it is made from."""

    start: MixtureParameters
    origin: str


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Labels of the rows, and what made them."""

    labels: Ints
    origin: str


@dataclass(frozen=True, slots=True, eq=False)
class Partitions:
    """Partitions of the rows into any number of parts.

    Attributes
    ----------
    Z : array of shape (n_observations, n_features)
        The rows, standardised.
    sample_weight : array of shape (n_observations,) or None
    tree : HierarchicalTree
    n_init : int
        Partitions by k-means++, beside that of the tree.
    entropy : int
    """

    Z: Floats
    sample_weight: Floats | None
    tree: HierarchicalTree
    n_init: int
    entropy: int

    @classmethod
    def of(cls, rows: Complete, n_init: int, entropy: int) -> "Partitions":
        Z, _, _ = standardise(rows.X, rows.sample_weight)
        tree = hierarchical_tree(rows.X, rows.sample_weight)
        return cls(Z, rows.sample_weight, tree, n_init, entropy)

    def into(self, size: int) -> Iterator[Partition]:
        """Yield partitions into `size` parts, the same ones whatever else is asked."""
        yield Partition(self.tree.labels(size), "hierarchical")
        if size == 1:
            return
        for seed in np.random.SeedSequence((self.entropy, size)).spawn(self.n_init):
            rng = np.random.RandomState(np.random.MT19937(seed))
            labels = kmeans_plusplus_labels(self.Z, size, rng, self.sample_weight)
            yield Partition(labels, "k-means++")


def from_partition(
    rows: Complete, partition: Partition, size: int, family: CovarianceFamily
) -> Iterator[Candidate]:
    """Yield means with equal covariances; of a tree, also with those of its parts."""
    data = rows.X, rows.sample_weight
    start = start_from_labels(data[0], partition.labels, size, family, data[1])
    yield Candidate(start, partition.origin)
    if partition.origin == "hierarchical" and size > 1:
        as_they_are = _m_step(*data, partition.labels, start)
        if as_they_are is not None:
            yield Candidate(as_they_are, partition.origin)


def _m_step(X, weight, labels, start):
    """Return the M-step of a partition; None if a part is too small for it."""
    weight = np.ones(len(X)) if weight is None else weight
    counts, scatters = np.zeros(start.n_components), np.zeros(start.covariances.shape)
    for k in range(start.n_components):
        members = labels == k
        counts[k] = weight[members].sum()
        away = X[members] - start.means[k]
        scatters[k] = (weight[members, None] * away).T @ away
    if not counts.all():
        return None
    covariances = start.family.estimate(scatters, counts)
    if not (np.isfinite(covariances).all() and is_positive_definite(covariances)):
        return None
    return replace(start, weights=counts / counts.sum(), covariances=covariances)


def splits(
    parameters: MixtureParameters, objective: Objective, size: int
) -> list[Candidate]:
    """Return a smaller mixture with components cut in two, the most promising cuts.

    Every component is cut across its longest axis; two steps of EM tell what each cut
    is worth.
    """
    while parameters.n_components < size - 1:
        parameters = repeat_largest(parameters, parameters.n_components + 1)
    values, axes = np.linalg.eigh(parameters.covariances)
    worth = []
    for k in range(parameters.n_components):
        shift = HALF * np.sqrt(values[k, -1]) * axes[k, :, -1]
        first = objective.step(split(parameters, k, shift))
        if first.collapsed is None:
            second = objective.step(first.update)
            if second.collapsed is None:
                worth.append((second.objective, second.update))
    worth.sort(key=lambda pair: -pair[0])
    return [Candidate(start, "split") for _, start in worth[:SPLITS]]


def repeat_largest(parameters: MixtureParameters, size: int) -> MixtureParameters:
    """Return the same density in `size` components, the largest ones repeated."""
    while parameters.n_components < size:
        parameters = duplicate(parameters, int(np.argmax(parameters.weights)))
    return parameters
