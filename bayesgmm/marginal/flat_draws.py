"""Draws of a model's free variables, before they have names."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesgmm._typing import Floats


@dataclass(frozen=True, slots=True, eq=False)
class FlatDraws:
    """Draws of the flattened free variables.

    Attributes
    ----------
    values : array of shape (n_chains, n_draws, n_dimensions)
    stats : dict of arrays of shape (n_chains, n_draws)
        Named as PyMC's own sampler names them.
    seconds, attrs, interrupted, failures, n_resampled
        As in `Sampled`.
    """

    values: Floats
    stats: dict[str, np.ndarray]
    seconds: float
    attrs: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    failures: dict[int, Exception] = field(default_factory=dict)
    n_resampled: int | None = None
