"""Model-based hierarchical clustering: one tree holds a partition of every size."""

from dataclasses import dataclass

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.initialise import standardise, weighted_covariance
from bayesgmm.kernels.agglomerate import agglomerate
from bayesgmm.kernels.reduce import labels
from bayesgmm.quadratics import build_quadratics, invert_cholesky

# The tree takes memory and time by the square of the rows it is made of; time also by
# the third power of the axes.
MOST_ROWS = 2000
MOST_AXES = 12
# Every cluster is given this many rows' worth of the data's mean variance, so that one
# point has a volume and flat clusters are not merged for being flat.
GUARD = 1.0
# Axes with less than this share of the largest variance are rounding.
NEGLIGIBLE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class HierarchicalTree:
    """How clusters of rows merge; see `hierarchical_tree`.

    Attributes
    ----------
    Z : array of shape (n_observations, n_axes)
        The rows, centred and scaled, along their principal axes.
    rows : array of int, shape (n_rows,)
        The rows that the tree was made of.
    points : array of int, shape (n_rows,)
        Which leaf each of them is; equal rows are one leaf.
    merges : array of int, shape (n_leaves - 1, 2)
        The leaf whose cluster stays and the one whose cluster joins it, in order.
    """

    Z: Floats
    rows: Ints
    points: Ints
    merges: Ints

    def labels(self, n_components: int) -> Ints:
        """Cut the tree.

        Parameters
        ----------
        n_components : int

        Returns
        -------
        array of int, shape (n_observations,)
            0, 1, ..., each of them somewhere. Fewer than `n_components` only if the
            tree has fewer leaves.
        """
        some = self._cut(n_components)[self.points]
        if len(self.rows) == len(self.Z):
            return some
        everywhere = self._classify(some)
        everywhere[self.rows] = some
        return everywhere

    def _cut(self, n_components):
        """Return the cluster of every leaf."""
        n_leaves = len(self.merges) + 1
        cluster = np.arange(n_leaves)
        for kept, gone in self.merges[: max(n_leaves - n_components, 0)]:
            cluster[gone] = kept
        for leaf, into in enumerate(cluster):  # a cluster joins one of an earlier leaf
            cluster[leaf] = cluster[into]
        return np.unique(cluster, return_inverse=True)[1]

    def _classify(self, some):
        """Give each row to the likeliest of the clusters of the rows of the tree."""
        groups = [self.Z[self.rows[some == k]] for k in range(some.max() + 1)]
        counts = np.array([len(group) for group in groups])
        means, covariances = map(
            np.array, zip(*map(weighted_covariance, groups), strict=True)
        )
        guarded = counts[:, None, None] * covariances + GUARD * np.eye(means.shape[1])
        guarded /= (counts + GUARD)[:, None, None]
        whiteners = invert_cholesky(guarded)
        return labels(self.Z, build_quadratics(counts / len(some), means, whiteners))


def hierarchical_tree(X, sample_weight=None) -> HierarchicalTree:
    """Merge rows to clusters and clusters to one, by Gaussians of any covariance.

    Each merge is the one that raises least the criterion of [1]_,
    ``sum_k n_k log det(W_k / n_k)``, W_k the scatter of cluster k; for clusters too
    small to have a volume W_k is ``W_k + v I`` and n_k under it ``n_k + 1``, with v the
    mean variance. Rows are standardised and turned to their principal axes, whose
    standard deviations s become sqrt(s): half way to whitening, by which structure in
    narrow directions is seen without rounding being seen [2]_.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        Finite.
    sample_weight : array of shape (n_observations,), optional
        How often each row counts; positive.

    Returns
    -------
    HierarchicalTree
        ``tree.labels(n_components)`` for any number of components.

    Notes
    -----
    Of more than `MOST_ROWS` rows a random subset, the same every time, makes the tree;
    the others go to the likeliest cluster. Of more than `MOST_AXES` principal axes
    the widest are used. Time O(n_rows^2 n_axes^3), memory O(n_rows^2).

    References
    ----------
    .. [1] C. Fraley (1998), *Algorithms for model-based Gaussian hierarchical
       clustering*, SIAM J. Sci. Comput. 20:270-281.
    .. [2] L. Scrucca, A. E. Raftery (2015), *Improved initialisation of model-based
       clustering using Gaussian hierarchical partitions*, ADAC 9:447-460.
    """
    Z = _half_whitened(X, sample_weight)
    rows, weight = _subset(len(X), sample_weight)
    _, first, points = np.unique(
        X[rows], axis=0, return_index=True, return_inverse=True
    )
    points = points.ravel()
    counts = np.bincount(points, weight)
    merges = agglomerate(np.ascontiguousarray(Z[rows[first]]), counts, GUARD)
    return HierarchicalTree(Z, rows, points, merges)


def _half_whitened(X, sample_weight):
    """Return the rows along their principal axes, with a mean variance of 1."""
    Z, _, _ = standardise(X, sample_weight)
    _, covariance = weighted_covariance(Z, sample_weight)
    variances, axes = np.linalg.eigh(covariance)
    wide = variances > NEGLIGIBLE * max(variances[-1], np.finfo(float).tiny)
    wide[:-MOST_AXES] = False
    spreads = np.sqrt(variances[wide])
    mean = spreads.sum() / max(len(spreads), 1)
    half = axes[:, wide] / np.sqrt(spreads * mean)
    return np.ascontiguousarray(Z @ half, dtype=np.float64)


def _subset(n_observations, sample_weight):
    """Return the rows that make the tree, and how often each counts."""
    weight = np.ones(n_observations) if sample_weight is None else sample_weight
    if n_observations <= MOST_ROWS:
        return np.arange(n_observations), weight
    rng = np.random.default_rng(0)
    rows = rng.choice(n_observations, MOST_ROWS, False, weight / weight.sum())
    return np.sort(rows), np.ones(MOST_ROWS)
