"""Covariance families: what components share, found in one table.

A family says how scatter matrices become covariances, how many free numbers that
takes, and which shape scikit-learn gives the result.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice
from bayesgmm.errors import InputError
from bayesgmm.families import ESTIMATES, Estimate, diagonals, from_diagonals


@dataclass(frozen=True, slots=True)
class Storage:
    """A shape in which the covariances of a mixture are kept.

    Attributes
    ----------
    compact : function
        (n_components, n_features, n_features) -> the shape that scikit-learn stores.
    expand : function
        ``expand(compact, n_components, n_features)`` undoes `compact`.
    """

    compact: Callable[[Floats], Floats]
    expand: Callable[[Floats, int, int], Floats]


MATRICES = Storage(
    lambda covariances: covariances,
    lambda compact, k, d: np.array(compact).reshape(k, d, d),
)
ONE_MATRIX = Storage(
    lambda covariances: covariances[0],
    lambda compact, k, d: np.broadcast_to(compact, (k, d, d)).copy(),
)
DIAGONALS = Storage(
    lambda covariances: diagonals(covariances).copy(),
    lambda compact, k, d: from_diagonals(np.reshape(compact, (k, d))),
)
VARIANCES = Storage(
    lambda covariances: diagonals(covariances).mean(-1),
    lambda compact, k, d: from_diagonals(
        np.repeat(np.reshape(compact, (k, 1)), d, axis=1)
    ),
)


@dataclass(frozen=True, slots=True)
class CovarianceFamily:
    """What the rest of the package may ask of a family.

    Attributes
    ----------
    name : str
        The `covariance_type`.
    mclust_name : str
        Three letters, for volumes, shapes and axes: E where components share them, V
        where each has its own, I for equal shapes or for the features as axes.
    estimate : Estimate
        The M-step: scatters and counts in, covariances out, arrays of shape
        (n_components, n_features, n_features) and (n_components,).
    storage : Storage
    """

    name: str
    mclust_name: str
    estimate: Estimate
    storage: Storage = MATRICES

    @property
    def compact(self):
        return self.storage.compact

    @property
    def expand(self):
        return self.storage.expand

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Count the free numbers in the covariances."""
        of_one = (1, n_features - 1, n_features * (n_features - 1) // 2)
        copies = {"I": 0, "E": 1, "V": n_components}
        pairs = zip(self.mclust_name, of_one, strict=True)
        return sum(copies[letter] * size for letter, size in pairs)

    @property
    def on_fewer_features(self) -> str:
        """The family of marginals and conditionals, the smallest that holds them.

        Where components share the shape of their spread and its axes, so do the parts.
        Equal volumes, shapes or axes alone say nothing about parts.
        """
        if self.mclust_name[1:] in ("EE", "EI", "II"):
            return self.name
        return "diag" if self.mclust_name.endswith("I") else "full"

    def n_rows(self, n_features: int) -> int:
        """Count the rows a component needs for a covariance that is not singular."""
        if self.mclust_name in ("EVV", "VVV", "VVE"):
            return n_features + 1
        return 2 if "V" in self.mclust_name[:2] else 0


def _family(mclust_name, name=None, storage=MATRICES):
    estimate = ESTIMATES[mclust_name]
    return CovarianceFamily(name or mclust_name, mclust_name, estimate, storage)


_FAMILIES = (
    _family("VVV", "full"),
    _family("EEE", "tied", ONE_MATRIX),
    _family("VVI", "diag", DIAGONALS),
    _family("VII", "spherical", VARIANCES),
    *map(
        _family, ("EII", "EEI", "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")
    ),
)
FAMILIES = {family.name: family for family in _FAMILIES}
"""By scikit-learn's name, or mclust's where scikit-learn has none."""

# mclust's names where a covariance is one variance: shared, or each its own.
_OF_ONE_FEATURE = {"E": FAMILIES["tied"], "V": FAMILIES["full"]}
_BY_ANY_NAME = (
    FAMILIES | {family.mclust_name: family for family in _FAMILIES} | _OF_ONE_FEATURE
)


def covariance_family(covariance_type: str, n_features: int = 1) -> CovarianceFamily:
    """Look a family up by any of its names, or refuse the name.

    mclust's "E" and "V" are names of one feature, and refused for more.
    """
    name = check_choice("covariance_type", covariance_type, _BY_ANY_NAME)
    if name in _OF_ONE_FEATURE and n_features > 1:
        same = _OF_ONE_FEATURE[name].mclust_name
        raise InputError(
            "covariance_type",
            f"be the name of a family of matrices for {n_features} features",
            f"{name!r}, a family of variances of one feature",
            f"Choose for example {same!r}, or 'VII' or 'EII' for balls.",
        )
    return _BY_ANY_NAME[name]
