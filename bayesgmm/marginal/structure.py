"""How a covariance family is built from standard deviations and correlations.

Every family is standard deviations times a correlation factor; families differ only
in which of the two vary over components and features. That is this table.
"""

from dataclasses import dataclass

import numpy as np

from bayesgmm.covariances import covariance_family
from bayesgmm.dims import COMPONENT, FEATURE, PAIR
from bayesgmm.errors import InputError


@dataclass(frozen=True, slots=True)
class Structure:
    """Dimensions over which the parts of the covariances vary.

    Attributes
    ----------
    sds : tuple of str
    partials : tuple of str
        Of the partial correlations; empty if there are none.
    """

    sds: tuple[str, ...]
    partials: tuple[str, ...]

    def spread(self, sds, partials, n_components, n_features):
        """Return both with one row a component, arrays or tensors.

        Standard deviations as (n_components, n_features); partial correlations as
        (n_components or 1, pairs), with no pairs if there are none.
        """
        if FEATURE not in self.sds:
            sds = sds[:, None]
        if partials is None:
            partials = np.zeros((1, 0))
        elif COMPONENT not in self.partials:
            partials = partials[None]
        return sds * np.ones((n_components, n_features)), partials


_STRUCTURES = {
    "full": Structure((COMPONENT, FEATURE), (COMPONENT, PAIR)),
    "tied": Structure((FEATURE,), (PAIR,)),
    "diag": Structure((COMPONENT, FEATURE), ()),
    "spherical": Structure((COMPONENT,), ()),
}


def structure_of(covariance_type: str, n_features: int = 1) -> Structure:
    """Look up the structure of a family, or refuse one that has no posterior."""
    name = covariance_family(covariance_type, n_features).name
    if name not in _STRUCTURES:
        raise InputError(
            "covariance_type",
            f"be one of {', '.join(_STRUCTURES)} for a posterior",
            repr(covariance_type),
            "Other families are fitted by EM alone, with `GaussianMixture`.",
        )
    return _STRUCTURES[name]
