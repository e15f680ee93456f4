"""What a fit is told to hold: weights, and whole components."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.errors import InputError
from bayesgmm.initialise import Given, check_numbers
from bayesgmm.maximise import Frozen

# Families whose components share nothing, by mclust's names.
_APART = ("VII", "VVI", "VVV")


def _equal(n_components):
    return np.full(n_components, 1 / n_components)


FIXED_WEIGHTS = {"equal": _equal}


def check_fixed_weights(fixed_weights: Any, n_components: int) -> Floats | None:
    """Return the weights to hold, or None.

    Raises
    ------
    InputError
        If they are no name that is known, or not positive with a sum of one.
    """
    if fixed_weights is None:
        return None
    if isinstance(fixed_weights, str) and fixed_weights in FIXED_WEIGHTS:
        return FIXED_WEIGHTS[fixed_weights](n_components)
    weights = check_numbers("fixed_weights", fixed_weights, (n_components,))
    if weights.min() <= 0 or abs(weights.sum() - 1) > 1e-6:
        raise InputError(
            "fixed_weights",
            'be "equal", or positive numbers that sum to 1',
            f"a smallest weight of {weights.min():g} and a sum of {weights.sum():g}",
            "Divide them by their sum; leave out components without weight.",
        )
    return weights / weights.sum()


def check_frozen(frozen: Any, given: Given, family: CovarianceFamily) -> Frozen | None:
    """Return the components to hold where the user put them, or None.

    Parameters
    ----------
    frozen : iterable of int
    given : Given
        Starting values.
    family : CovarianceFamily

    Raises
    ------
    InputError
        If there are no such components, no values to hold them at, or if components of
        the family share something: then one cannot stay while others move.
    """
    components = _whole(frozen)
    if not components:
        return None
    if family.mclust_name not in _APART:
        raise InputError(
            "frozen",
            "be empty for families whose components share something",
            f"components {components} of {family.name!r}",
            "Choose `covariance_type` 'full', 'diag' or 'spherical'.",
        )
    if given.means is None or given.covariances is None:
        raise InputError(
            "frozen",
            "come with values to hold",
            "no `means_init` or no `precisions_init`",
            "Give both, for all components; those not frozen begin there.",
        )
    _check_places(components, len(given.means))
    held = list(components)
    return Frozen(components, given.means[held], given.covariances[held])


def _whole(frozen) -> tuple[int, ...]:
    listed = tuple(frozen) if isinstance(frozen, Iterable) else (frozen,)
    whole = [isinstance(c, Integral) and not isinstance(c, bool) for c in listed]
    if isinstance(frozen, Iterable) and all(whole):
        return tuple(map(int, listed))
    raise InputError(
        "frozen",
        "be a sequence of whole numbers",
        repr(frozen),
        "For example `frozen=[0]`, or () for none.",
    )


def _check_places(components, n_components):
    known = range(n_components)
    if len(set(components)) < len(components) or not set(components) <= set(known):
        raise InputError(
            "frozen",
            f"be different numbers from 0 to {n_components - 1}",
            repr(components),
            "Count components from 0.",
        )
