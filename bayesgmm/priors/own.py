"""Which parts of priors give every component its own, and for how many components."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesgmm.errors import InputError

# How many axes an array of a part has, if one of them is that of components.
_AXES = {
    "weights": {"concentration": 1},
    "means": {"location": 2, "scale": 2},
    "covariances": {"scale": 3, "sds_log_location": 2},
}


def own_components(priors: Any) -> Iterator[tuple[str, int]]:
    """Yield the name of what every component has its own of, and their number."""
    for part, axes in _AXES.items():
        for name, n_axes in axes.items():
            value: Any = getattr(getattr(priors, part), name, None)
            if np.ndim(value) == n_axes:
                yield f"priors.{part}.{name}", len(value)


def check_own(priors: Any) -> None:
    """Refuse own priors of components whose number is not known, or not one number."""
    own = list(own_components(priors))
    if own and priors.n_components is not None:
        raise InputError(
            own[0][0],
            "be common to all components where their number is not known",
            f"{own[0][1]} of them",
            "Give one for all components, or leave out `n_components`.",
        )
    if own:
        check_number_of_own(priors, own[0][1])


def check_number_of_own(priors: Any, n_components: int) -> None:
    """Refuse priors that give another number of components their own."""
    for name, count in own_components(priors):
        if count != n_components:
            raise InputError(
                name,
                f"be common to all components, or one for each of {n_components}",
                f"{count} of them",
                "Make the priors for as many components as the mixture has.",
            )
