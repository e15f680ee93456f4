"""M-steps: from scatter matrices to the covariances of highest likelihood.

A covariance is ``volume * axes @ diag(shape) @ axes.T``, a shape of product one. Each
estimate finds the spreads of every scatter along some axes, and shares them as its
family says. Celeux and Govaert (1995), *Gaussian parsimonious clustering models*,
Pattern Recognition 28:781-793.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels.axes import common_axes, own_axes
from bayesgmm.kernels.volumes import proportional_volumes


class Estimate(Protocol):
    """An M-step."""

    def __call__(
        self, scatters: Floats, counts: Floats, near: Floats | None = None
    ) -> Floats:
        """Return covariances, shaped like `scatters`.

        Parameters
        ----------
        scatters : array of shape (n_components, n_features, n_features)
        counts : array of shape (n_components,)
        near : array of shape (n_components, n_features, n_features), optional
            Covariances of the family that the estimate will be no less likely than.
            Only where the maximum has to be searched for is that something to say.
        """
        ...


# (spreads, counts) -> variances, both (n_components, n_features): along axes.
Share = Callable[[Floats, Floats], Floats]

# A spread that is this part of the largest is none.
SMALLEST = 1e-30


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
    with np.errstate(divide="ignore"):  # rounding can leave less than nothing
        return np.exp(np.log(np.maximum(values, 0.0)).mean(axis=-1))


def _all_same(spreads, counts):
    pooled = spreads.sum(axis=0) / counts.sum()
    return np.broadcast_to(pooled, spreads.shape).copy()


def _same_volume(spreads, counts):
    largest = spreads.max(axis=1, initial=0.0)
    return spreads * _to_one_volume(_geometric_mean(spreads), largest, counts)[:, None]


def _to_one_volume(sizes, largest, counts):
    """Return what makes volumes the same; what has none keeps its own spread."""
    volume, own = sizes.sum() / counts.sum(), _per_row(np.ones(len(counts)), counts)
    some = sizes > SMALLEST * largest.max()
    return np.where(some, volume / np.where(some, sizes, 1.0), own)


def _same_shape(spreads, counts):
    return diagonals(proportional_matrices(from_diagonals(spreads), counts))


# -- axes --------------------------------------------------------------------------


def _in_any_direction(share: Share) -> Estimate:
    """Components are balls: one spread, the mean of all directions."""

    def estimate(scatters, counts, near=None):  # noqa: ARG001
        means = diagonals(scatters).mean(axis=-1, keepdims=True)
        spreads = np.repeat(means, scatters.shape[-1], axis=1)
        return from_diagonals(share(spreads, counts))

    return estimate


def _along_features(share: Share) -> Estimate:
    def estimate(scatters, counts, near=None):  # noqa: ARG001
        return from_diagonals(share(diagonals(scatters), counts))

    return estimate


def _along_own_axes(share: Share) -> Estimate:
    def estimate(scatters, counts, near=None):  # noqa: ARG001
        spreads, axes = own_axes(scatters)
        return _turn_back(share(spreads, counts), axes)

    return estimate


def _along_common_axes(share: Share, *, one_volume: bool) -> Estimate:
    """Rotate to the best axes that all share."""

    def estimate(scatters, counts, near=None):
        some, spreads = scatters.any(axis=(1, 2)), np.zeros(scatters.shape[:2])
        near = scatters[:0] if near is None else near
        spreads[some], axes = common_axes(
            scatters[some], counts[some], one_volume, near
        )
        return _turn_back(share(spreads, counts), axes)

    return estimate


def _turn_back(variances, axes):
    """Return covariances of variances along axes, which are in rows."""
    return np.swapaxes(axes, -1, -2) @ (variances[..., None] * axes)


# -- estimates ---------------------------------------------------------------------


def own_matrices(scatters, counts, near=None):  # noqa: ARG001
    return _per_row(scatters, counts)


def one_matrix(scatters, counts, near=None):  # noqa: ARG001
    return _all_same(scatters, counts)


def matrices_of_one_volume(scatters, counts, near=None):  # noqa: ARG001
    """Determinants, unlike eigenvalues, keep their digits in any units."""
    sizes = np.exp(np.linalg.slogdet(scatters)[1] / scatters.shape[-1])
    largest = diagonals(scatters).max(axis=-1)
    return scatters * _to_one_volume(sizes, largest, counts)[:, None, None]


def proportional_matrices(scatters, counts, near=None):  # noqa: ARG001
    traces = np.trace(scatters, axis1=1, axis2=2)
    some, matrices = traces > SMALLEST * traces.max(), np.zeros(scatters.shape)
    if not some.any():
        return matrices
    scatters, counts = scatters[some] / traces.max(), counts[some]
    volumes = proportional_volumes(scatters, counts)
    if not np.isfinite(volumes).all():  # no sum of them is regular
        volumes = np.trace(scatters, axis1=1, axis2=2) / counts
    matrix = (scatters / volumes[:, None, None]).sum(axis=0) / counts.sum()
    matrices[some] = volumes[:, None, None] * matrix * traces.max()
    return matrices


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
