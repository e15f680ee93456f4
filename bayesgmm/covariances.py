"""Covariance families: one small class each, found in one table.

A family says how scatter matrices become covariances, how many free numbers that
takes, and which shape scikit-learn gives the result. Formulas: Celeux and Govaert
(1995), *Gaussian parsimonious clustering models*, Pattern Recognition 28:781-793.
"""

from typing import Protocol, final

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice


class CovarianceFamily(Protocol):
    """What the rest of the package may ask of a family."""

    name: str
    mclust_name: str

    def estimate(self, scatters: Floats, counts: Floats) -> Floats:
        """Return covariances (n_components, n_features, n_features), the M-step."""
        ...

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Count the free numbers in the covariances."""
        ...

    def n_rows(self, n_features: int) -> int:
        """Count the rows a component needs for a covariance that is not singular."""
        ...

    def compact(self, covariances: Floats) -> Floats:
        """Return matrices in the shape that scikit-learn stores for this family."""
        ...

    def expand(self, compact: Floats, n_components: int, n_features: int) -> Floats:
        """Undo `compact`."""
        ...


def _divide(scatters, counts):
    return scatters / np.where(counts > 0, counts, 1.0)[:, None, None]


def _diagonals(matrices):
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def _from_diagonals(diagonals):
    return diagonals[..., None] * np.eye(diagonals.shape[-1])


@final
class Full:
    """Each component has its own covariance matrix."""

    name, mclust_name = "full", "VVV"

    def estimate(self, scatters, counts):
        return _divide(scatters, counts)

    def n_parameters(self, n_components, n_features):
        return n_components * n_features * (n_features + 1) // 2

    def n_rows(self, n_features):
        return n_features + 1

    def compact(self, covariances):
        return covariances

    def expand(self, compact, n_components, n_features):
        return np.array(compact).reshape(n_components, n_features, n_features)


@final
class Tied:
    """All components share one covariance matrix."""

    name, mclust_name = "tied", "EEE"

    def estimate(self, scatters, counts):
        pooled = scatters.sum(0) / counts.sum()
        return np.broadcast_to(pooled, scatters.shape).copy()

    def n_parameters(self, n_components, n_features):  # noqa: ARG002
        return n_features * (n_features + 1) // 2

    def n_rows(self, n_features):  # noqa: ARG002
        return 0

    def compact(self, covariances):
        return covariances[0]

    def expand(self, compact, n_components, n_features):
        shape = (n_components, n_features, n_features)
        return np.broadcast_to(compact, shape).copy()


@final
class Diag:
    """Each component has its own variances, no correlation."""

    name, mclust_name = "diag", "VVI"

    def estimate(self, scatters, counts):
        return _from_diagonals(_diagonals(_divide(scatters, counts)))

    def n_parameters(self, n_components, n_features):
        return n_components * n_features

    def n_rows(self, n_features):  # noqa: ARG002
        return 2

    def compact(self, covariances):
        return _diagonals(covariances).copy()

    def expand(self, compact, n_components, n_features):
        return _from_diagonals(np.reshape(compact, (n_components, n_features)))


@final
class Spherical:
    """Each component has one variance for all features."""

    name, mclust_name = "spherical", "VII"

    def estimate(self, scatters, counts):
        variances = _diagonals(_divide(scatters, counts)).mean(-1)
        return self.expand(variances, *scatters.shape[:2])

    def n_parameters(self, n_components, n_features):  # noqa: ARG002
        return n_components

    def n_rows(self, n_features):  # noqa: ARG002
        return 2

    def compact(self, covariances):
        return _diagonals(covariances).mean(-1)

    def expand(self, compact, n_components, n_features):
        column = np.reshape(compact, (n_components, 1))
        return _from_diagonals(np.repeat(column, n_features, axis=1))


FAMILIES: dict[str, CovarianceFamily] = {
    family.name: family for family in (Full(), Tied(), Diag(), Spherical())
}


def covariance_family(covariance_type: str) -> CovarianceFamily:
    """Look a family up by its name, or refuse the name."""
    return FAMILIES[check_choice("covariance_type", covariance_type, FAMILIES)]
