"""Charts: free coordinates of a mixture around an estimate, for every family.

With `root` a square root of a component's covariance, the covariance nearby is
``root (I + excess) root^T``, so that excesses have no units. A family allows

    I + excess = exp(turn) exp(spread) exp(turn)^T,

where spreads (symmetric) and turns (of axes) are shared among components as the three
letters of its name say. Volumes are spreads along the identity, shapes spreads of
trace zero.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats, Ints
from bayesgmm.parameters import MixtureParameters


class Directions(NamedTuple):
    """How the free parameters of a family move one component's covariance.

    Attributes
    ----------
    parameters : array of int, shape (n,)
        Which ones: those of other components only do not.
    spreads, turns : array of shape (n, n_features, n_features)
    """

    parameters: Ints
    spreads: Floats
    turns: Floats

    @property
    def excesses(self) -> Floats:
        """First derivatives of the excess."""
        return self.spreads + self.turns + np.swapaxes(self.turns, 1, 2)

    def bend(self, gradient: Floats) -> Floats:
        """Return second derivatives of the excess, contracted with a gradient.

        Parameters
        ----------
        gradient : array of shape (n_features, n_features)
            Symmetric, of the log-likelihood with respect to the excess.
        """
        spreads, turns = self.spreads, self.turns
        pulled = gradient @ spreads
        turned = gradient @ turns
        half = 0.5 * np.einsum("aij,bji->ab", pulled, spreads)
        half += 2.0 * np.einsum("aij,bji->ab", turned, spreads)
        half += np.einsum("aij,bij->ab", turned, turns)
        half += np.einsum("aij,bji->ab", turned, turns)
        return half + half.T


class Chart(NamedTuple):
    """The coordinates of a mixture: all of them, and those its family leaves free.

    All coordinates of a component are the change of its log weight, of its mean in
    units of `root`, and its excess as `flatten` lays it out: ``1 + d + d (d + 1) / 2``.

    Attributes
    ----------
    roots : array of shape (n_components, n_features, n_features)
        ``covariance = root @ root.T``.
    directions : tuple of Directions
        One a component.
    jacobian : array of shape (n_components, n_coordinates, n_parameters)
        From free parameters, weights first, then means, then covariances, to all.
    free : array of int, shape (n_parameters,)
        Places of the free parameters among those of a fit that holds nothing.
    """

    roots: Floats
    directions: tuple[Directions, ...]
    jacobian: Floats
    free: Ints

    def hold(self, *, weights: bool, components: Iterable[int]) -> "Chart":
        """Return the chart of a fit that holds all weights, or whole components.

        Parameters
        ----------
        weights : bool
        components : iterable of int
            Only in families whose components share nothing.
        """
        k, d = self.roots.shape[:2]
        held = [np.arange((k - 1) * weights)]
        for c in components:
            held += [k - 1 + c * d + np.arange(d), self.directions[c].parameters]
        free = np.setdiff1d(self.free, np.concatenate(held))
        return self._replace(jacobian=self.jacobian[..., free], free=free)

    def bend(self, gradients: Floats) -> Floats:
        """Return the second derivatives of the map to excesses, times gradients.

        Parameters
        ----------
        gradients : array of shape (n_components, n_features, n_features)

        Returns
        -------
        array of shape (n_parameters, n_parameters)
        """
        n = 1 + max(each.parameters.max() for each in self.directions)
        total = np.zeros((n, n))
        for directions, gradient in zip(self.directions, gradients, strict=True):
            places = np.ix_(directions.parameters, directions.parameters)
            total[places] += directions.bend(gradient)
        return total[np.ix_(self.free, self.free)]


def chart_at(mixture: MixtureParameters) -> Chart:
    """Return the chart of a mixture's family around the mixture."""
    k, d = mixture.means.shape
    roots = roots_of(mixture)
    directions = tuple(_directions(mixture.family, roots))
    n = k - 1 + k * d + mixture.family.n_parameters(k, d)
    jacobian = np.zeros((k, 1 + d + d * (d + 1) // 2, n))
    jacobian[:, 0, : k - 1] = contrasts(k).T
    for c in range(k):
        own_mean = k - 1 + c * d + np.arange(d)
        jacobian[c, 1 + np.arange(d), own_mean] = 1.0
        own = directions[c]
        jacobian[c, 1 + d :, own.parameters] = flatten(own.excesses)
    return Chart(roots, directions, jacobian, np.arange(n))


# -- symmetric matrices as vectors of the same length ------------------------------


def flatten(matrices: Floats) -> Floats:
    """Return symmetric matrices as vectors with the same inner products."""
    i, j = np.triu_indices(matrices.shape[-1])
    return matrices[..., i, j] * np.where(i == j, 1.0, np.sqrt(2.0))


def unflatten(vectors: Floats, n_features: int) -> Floats:
    """Undo `flatten`, over leading axes."""
    i, j = np.triu_indices(n_features)
    matrices = np.empty((*vectors.shape[:-1], n_features, n_features))
    values = vectors / np.where(i == j, 1.0, np.sqrt(2.0))
    matrices[..., i, j] = values
    matrices[..., j, i] = values
    return matrices


def contrasts(n: int) -> Floats:
    """Return n - 1 orthonormal rows that sum to zero (Helmert's)."""
    rows = np.tril(np.ones((n, n)), -1) - np.diag(np.arange(n))
    return rows[1:] / np.linalg.norm(rows[1:], axis=1, keepdims=True)


# -- directions --------------------------------------------------------------------


def _pairs(d, sign):
    """Return ``e_i e_j^T + sign e_j e_i^T`` of every pair of features."""
    i, j = np.triu_indices(d, 1)
    basis = np.zeros((len(i), d, d))
    basis[np.arange(len(i)), i, j] = 1.0
    basis[np.arange(len(i)), j, i] = sign
    return basis


def _bases(family, d):
    """Return (spreads, turns) for each letter: volume, shape and axes."""
    volume = np.eye(d)[None]
    shapes = contrasts(d)[:, None, :] * np.eye(d)
    turns = _pairs(d, -1.0)
    if _has_whole_matrices(family):
        shapes, turns = np.concatenate([shapes, _pairs(d, 1.0)]), turns[:0]
    spreads = (volume, shapes, 0.0 * turns)
    turns = (0.0 * volume, 0.0 * shapes, turns)
    return list(zip(spreads, turns, strict=True))


def _has_whole_matrices(family) -> bool:
    """Tell whether shapes and axes are shared alike, so are one matrix: no turns.

    Turns would be no coordinates where a matrix is a ball.
    """
    _, shape, axes = family.mclust_name
    return shape == axes != "I"


# Each component's own parameters lie so many times their number after the last one's.
_STRIDES = {"E": 0, "V": 1}


def _directions(family, roots):
    """Yield the directions of every component."""
    k, d = roots.shape[:2]
    parts = zip(family.mclust_name, _bases(family, d), strict=True)
    first, places, spreads, turns = k - 1 + k * d, [], [], []
    for letter, (spread, turn) in parts:
        if letter in _STRIDES:
            stride = _STRIDES[letter] * len(spread)
            shifts = stride * np.arange(k)[:, None]
            places.append(first + shifts + np.arange(len(spread)))
            first += len(spread) + stride * (k - 1)
            spreads.append(spread)
            turns.append(turn)
    spreads, turns = np.concatenate(spreads), np.concatenate(turns)
    for root, own in zip(roots, np.hstack(places), strict=True):
        sizes = np.linalg.norm(root, axis=0)
        yield Directions(own, spreads, turns * sizes / sizes[:, None])


# -- roots -------------------------------------------------------------------------


def roots_of(mixture: MixtureParameters) -> Floats:
    """Return square roots of covariances, with the family's axes as columns.

    Columns are any square root's in families whose matrices have no axes of their own.
    """
    lower = np.linalg.cholesky(mixture.covariances)
    if _has_whole_matrices(mixture.family):
        return lower
    return _ROOTS[mixture.family.mclust_name[2]](lower)


def _along_own_axes(lower):
    # Singular values of a factor keep digits that eigenvalues of its square lose.
    axes, sizes, _ = np.linalg.svd(lower)
    return axes * sizes[:, None, :]


def _along_common_axes(lower):
    """Take the axes of one component, or of several together: the best for all."""
    sizes = np.linalg.norm(lower, axis=(1, 2), keepdims=True)
    # Unequal shares, lest opposite shapes add up to a ball.
    shares = np.arange(1, len(lower) + 1)[:, None, None] / sizes
    together = np.swapaxes(shares * lower, 0, 1).reshape(lower.shape[1], -1)
    found = [*np.linalg.svd(lower)[0], np.linalg.svd(together, full_matrices=False)[0]]
    axes = min(found, key=lambda axes: _off_diagonal(axes.T @ lower))
    return axes * np.linalg.norm(axes.T @ lower, axis=2)[:, None, :]


def _off_diagonal(factors):
    rows = factors / np.linalg.norm(factors, axis=2, keepdims=True)
    correlations = rows @ np.swapaxes(rows, 1, 2)
    return np.abs(correlations - np.eye(correlations.shape[-1])).sum()


_ROOTS = {
    "I": lambda lower: lower,
    "E": _along_common_axes,
    "V": _along_own_axes,
}
