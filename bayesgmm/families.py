"""M-steps: from scatter matrices to the covariances of highest likelihood.

A covariance is ``volume * axes @ diag(shape) @ axes.T``, a shape of product one. Each
estimate finds the spreads of every scatter along some axes, and shares them as its
family says. Celeux and Govaert (1995), *Gaussian parsimonious clustering models*,
Pattern Recognition 28:781-793.
"""

from collections.abc import Callable

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels.axes import common_axes

# (scatters, counts) -> covariances, both (n_components, n_features, n_features).
Estimate = Callable[[Floats, Floats], Floats]
# (spreads, counts) -> variances, both (n_components, n_features): along axes.
Share = Callable[[Floats, Floats], Floats]

# Two quantities that are found each given the other agree to this much.
TOLERANCE = 1e-13
MOST_ROUNDS = 10_000


# -- spreads -----------------------------------------------------------------------


def diagonals(matrices: Floats) -> Floats:
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def from_diagonals(values: Floats) -> Floats:
    return values[..., None] * np.eye(values.shape[-1])


def _per_row(sums, counts):
    """Divide by counts; what has no rows has no spread."""
    counts = counts.reshape(-1, *[1] * (sums.ndim - 1))
    return sums / np.where(counts > 0, counts, 1.0)


def _geometric_mean(values):
    with np.errstate(divide="ignore"):
        return np.exp(np.log(values).mean(axis=-1))


def _all_same(spreads, counts):
    pooled = spreads.sum(axis=0) / counts.sum()
    return np.broadcast_to(pooled, spreads.shape).copy()


def _same_volume(spreads, counts):
    sizes = _geometric_mean(spreads)
    shapes = spreads / np.where(sizes > 0, sizes, 1.0)[:, None]
    return sizes.sum() / counts.sum() * shapes


def _same_shape(spreads, counts):
    """Find volumes given the shape and the shape given volumes, in turns."""
    volumes = _per_row(spreads.mean(axis=1), counts)
    for _ in range(MOST_ROUNDS):
        shape = (spreads / np.where(volumes > 0, volumes, 1.0)[:, None]).sum(axis=0)
        shape /= _geometric_mean(shape)
        before, volumes = volumes, _per_row((spreads / shape).mean(axis=1), counts)
        if np.allclose(volumes, before, rtol=TOLERANCE, atol=0.0):
            break
    return volumes[:, None] * shape


# -- axes --------------------------------------------------------------------------


def _in_any_direction(share: Share) -> Estimate:
    """Components are balls: one spread, the mean of all directions."""

    def estimate(scatters, counts):
        means = diagonals(scatters).mean(axis=-1, keepdims=True)
        spreads = np.repeat(means, scatters.shape[-1], axis=1)
        return from_diagonals(share(spreads, counts))

    return estimate


def _along_features(share: Share) -> Estimate:
    def estimate(scatters, counts):
        return from_diagonals(share(diagonals(scatters), counts))

    return estimate


def _along_own_axes(share: Share) -> Estimate:
    def estimate(scatters, counts):
        spreads, axes = np.linalg.eigh(scatters)
        variances = share(np.maximum(spreads, 0.0), counts)
        return (axes * variances[:, None, :]) @ np.swapaxes(axes, 1, 2)

    return estimate


def _along_common_axes(share: Share, *, one_volume: bool) -> Estimate:
    """Rotate to the best axes that all share, from several orientations."""

    def estimate(scatters, counts):
        some = scatters.any(axis=(1, 2))
        # The search squares spreads; axes are the same in any unit.
        scaled = scatters[some] / np.abs(scatters).max()
        found = []
        for start in _orientations(scaled):
            axes = np.ascontiguousarray(start)
            cost = common_axes(scaled, counts[some], one_volume, axes)
            found.append((cost, axes))
        axes = min(found, key=lambda pair: pair[0])[1]
        spreads = np.einsum("ji,kjl,li->ki", axes, scatters, axes)
        return (axes * share(spreads, counts)[:, None, :]) @ axes.T

    return estimate


def _orientations(scatters):
    """Return axes of the sum, of the sum at equal sizes, and of each."""
    sizes = np.trace(scatters, axis1=1, axis2=2)
    equal = (scatters / sizes[:, None, None]).sum(axis=0)
    return np.linalg.eigh([scatters.sum(axis=0), equal, *scatters])[1]


# -- estimates ---------------------------------------------------------------------


def own_matrices(scatters, counts):
    return _per_row(scatters, counts)


def one_matrix(scatters, counts):
    return _all_same(scatters, counts)


def matrices_of_one_volume(scatters, counts):
    """Determinants, unlike eigenvalues, keep their digits in any units."""
    sizes = np.exp(np.linalg.slogdet(scatters)[1] / scatters.shape[-1])
    shapes = scatters / np.where(sizes > 0, sizes, 1.0)[:, None, None]
    return sizes.sum() / counts.sum() * shapes


def proportional_matrices(scatters, counts):
    """Find volumes given the common matrix and the matrix given volumes, in turns."""
    d = scatters.shape[-1]
    volumes = _per_row(np.trace(scatters, axis1=1, axis2=2) / d, counts)
    for _ in range(MOST_ROUNDS):
        matrix = (scatters / np.where(volumes > 0, volumes, 1.0)[:, None, None]).sum(0)
        matrix /= np.exp(np.linalg.slogdet(matrix)[1] / d)
        traces = np.trace(np.linalg.solve(matrix, scatters), axis1=1, axis2=2)
        before, volumes = volumes, _per_row(traces / d, counts)
        if np.allclose(volumes, before, rtol=TOLERANCE, atol=0.0):
            break
    return volumes[:, None, None] * matrix


ESTIMATES: dict[str, Estimate] = {
    "EII": _in_any_direction(_all_same),
    "VII": _in_any_direction(_per_row),
    "EEI": _along_features(_all_same),
    "VEI": _along_features(_same_shape),
    "EVI": _along_features(_same_volume),
    "VVI": _along_features(_per_row),
    "EEE": one_matrix,
    "VEE": proportional_matrices,
    "EVE": _along_common_axes(_same_volume, one_volume=True),
    "VVE": _along_common_axes(_per_row, one_volume=False),
    "EEV": _along_own_axes(_all_same),
    "VEV": _along_own_axes(_same_shape),
    "EVV": matrices_of_one_volume,
    "VVV": own_matrices,
}
