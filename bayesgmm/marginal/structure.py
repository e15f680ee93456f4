"""What the covariances of a family are made of: free variables, and what varies.

A covariance is ``volume * axes @ diag(shape) @ axes.T``, the shape of product one, and
the letters of a family say which of the three its components share. Where shape and
axes are shared alike they are one matrix, and told by standard deviations and
correlations instead. Arrays and tensors take the same way from variables to factors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bayesgmm.covariances import covariance_family
from bayesgmm.dims import AXIS, COMPONENT, FEATURE, FEATURE_BIS, PAIR
from bayesgmm.kernels import cholesky, definite, orientations


class Maps(NamedTuple):
    """Maps to lower Cholesky factors: kernels for arrays, Ops for tensors."""

    of_deviations: Callable[..., Any]
    of_volumes: Callable[..., Any]
    along_axes: Callable[..., Any]
    of_matrices: Callable[..., Any]


KERNELS = Maps(
    cholesky.covariance_cholesky,
    cholesky.factors_of_volumes,
    orientations.factors_along_axes,
    definite.cholesky,
)

NO_CORRELATIONS = np.zeros((1, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """The free variables of a family's covariances.

    Attributes
    ----------
    dims : dict
        Dimensions of each free variable, by name.
    build : function
        ``build(maps, parts, ones)``: variables by name to lower factors, with ``ones``
        of shape (n_components, n_features).
    """

    dims: dict[str, tuple[str, ...]]
    build: Callable[[Maps, Mapping[str, Any], np.ndarray], Any]

    def factors(self, maps: Maps, parts: Mapping[str, Any], k: int, d: int):
        """Return lower factors (k, d, d) of parts, all arrays or all tensors."""
        return self.build(maps, parts, np.ones((k, d)))

    def has(self, dim: str) -> bool:
        """Tell whether any variable has this dimension."""
        return any(dim in dims for dims in self.dims.values())


# -- from variables to factors -----------------------------------------------------


def _stacked(value, ndim):
    """Give what all components share an axis of length one for them."""
    return value if value.ndim == ndim else value[None]


def _deviations(sds, partials=None) -> Structure:
    """Standard deviations of features and, if any, partial correlations."""

    def build(maps, parts, ones):
        deviations = parts["standard_deviations"]
        if FEATURE not in sds:
            deviations = deviations[..., None]
        correlations = parts.get("partial_correlations")
        correlations = (
            NO_CORRELATIONS if correlations is None else _stacked(correlations, 2)
        )
        return maps.of_deviations(deviations * ones, correlations)

    dims = {"standard_deviations": sds, "partial_correlations": partials}
    return Structure({k: v for k, v in dims.items() if v is not None}, build)


def _along_features(volumes, shapes) -> Structure:
    def build(maps, parts, ones):
        variances = parts["volumes"][..., None] * parts["shapes"]
        return maps.of_deviations(variances**0.5 * ones, NO_CORRELATIONS)

    return Structure({"volumes": volumes, "shapes": shapes}, build)


def _along_axes(volumes, shapes, axes) -> Structure:
    def build(maps, parts, ones):  # noqa: ARG001
        return maps.along_axes(
            _stacked(parts["volumes"], 1),
            _stacked(parts["shapes"], 2),
            _stacked(parts["orientations"], 3),
        )

    dims = {"volumes": volumes, "shapes": shapes, "orientations": axes}
    return Structure(dims, build)


def _whole_matrices(volumes, sds, partials) -> Structure:
    """Volumes, standard deviations relative to one another, and correlations."""

    def build(maps, parts, ones):  # noqa: ARG001
        return maps.of_volumes(
            _stacked(parts["volumes"], 1),
            _stacked(parts["relative_standard_deviations"], 2),
            _stacked(parts["partial_correlations"], 2),
        )

    dims = {
        "volumes": volumes,
        "relative_standard_deviations": sds,
        "partial_correlations": partials,
    }
    return Structure(dims, build)


def _matrices(name, dims) -> Structure:
    """Covariances themselves."""

    def build(maps, parts, ones):
        return maps.of_matrices(_stacked(parts[name], 3)) * ones[:, :, None]

    return Structure({name: dims}, build)


# -- the families ------------------------------------------------------------------

_EACH = (COMPONENT,)
_OF_ALL = {
    "EII": _deviations(()),
    "VII": _deviations(_EACH),
    "EEI": _deviations((FEATURE,)),
    "VEI": _along_features(_EACH, (FEATURE,)),
    "EVI": _along_features((), (COMPONENT, FEATURE)),
    "VVI": _deviations((COMPONENT, FEATURE)),
    "EEE": _deviations((FEATURE,), (PAIR,)),
    "VEE": _whole_matrices(_EACH, (FEATURE,), (PAIR,)),
    "EVE": _along_axes((), (COMPONENT, AXIS), (FEATURE, AXIS)),
    "VVE": _along_axes(_EACH, (COMPONENT, AXIS), (FEATURE, AXIS)),
    "EEV": _along_axes((), (AXIS,), (COMPONENT, FEATURE, AXIS)),
    "VEV": _along_axes(_EACH, (AXIS,), (COMPONENT, FEATURE, AXIS)),
    "EVV": _whole_matrices((), (COMPONENT, FEATURE), (COMPONENT, PAIR)),
    "VVV": _deviations((COMPONENT, FEATURE), (COMPONENT, PAIR)),
}
# One feature has neither shape nor axes.
_OF_ONE = {
    "E": _deviations((FEATURE,)),
    "V": _deviations((COMPONENT, FEATURE)),
}


# Under inverse-Wishart priors whole matrices are variables.
_AS_MATRICES = {
    "EEE": _matrices("common_covariance", (FEATURE, FEATURE_BIS)),
    "VVV": _matrices("covariances", (COMPONENT, FEATURE, FEATURE_BIS)),
}


def structure_of(covariance_type: str, n_features: int) -> Structure:
    """Look up the structure of a family by any of its names."""
    letters = covariance_family(covariance_type, n_features).mclust_name
    return _OF_ALL[letters] if n_features > 1 else _OF_ONE[letters[0]]


def structure_as_matrices(covariance_type: str, n_features: int) -> Structure:
    """Look up the structure where matrices, if the family has whole ones, are free."""
    letters = covariance_family(covariance_type, n_features).mclust_name
    structure = structure_of(covariance_type, n_features)
    return structure if n_features == 1 else _AS_MATRICES.get(letters, structure)
