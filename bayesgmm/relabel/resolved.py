"""Whether the components of draws have names that mean the same in all of them."""

from typing import Any

import numpy as np

from bayesgmm.dims import COMPONENT
from bayesgmm.errors import InputError
from bayesgmm.kept import read_allowed
from bayesgmm.known_labels import interchangeable
from bayesgmm.posterior import RELABELLING, posterior_group


def check_resolved(posterior: Any, argument: str = "posterior") -> None:
    """Refuse draws whose labels nobody resolved.

    There is nothing to resolve where known labels tell all components apart, or there
    is only one.
    """
    if not is_resolved(posterior):
        raise InputError(
            argument,
            "have its labels resolved",
            f"no group {RELABELLING!r}",
            "Pass `bayesgmm.relabel(posterior)`.",
        )


def is_resolved(posterior: Any) -> bool:
    """Tell whether labels mean the same in all draws: resolved, or never in doubt."""
    k = posterior_group(posterior).sizes.get(COMPONENT, 1)
    classes = interchangeable(read_allowed(posterior), k)
    return RELABELLING in posterior.children or len(np.unique(classes)) == k
