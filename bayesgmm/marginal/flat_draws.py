"""What samplers are asked for, and what they give back."""

from dataclasses import dataclass

import numpy as np

from bayesgmm._typing import Floats


@dataclass(frozen=True, slots=True)
class Settings:
    """What every sampler is told.

    Attributes
    ----------
    draws, tune, chains, cores : int
        Draws are per chain, after `tune` steps of warm-up.
    seed : int
    progress : bool
    """

    draws: int
    tune: int
    chains: int
    cores: int
    seed: int
    progress: bool


@dataclass(frozen=True, slots=True, eq=False)
class FlatDraws:
    """Draws of the flattened free variables.

    Attributes
    ----------
    values : array of shape (n_chains, n_draws, n_dimensions)
    stats : dict of arrays of shape (n_chains, n_draws)
        Named as PyMC's own sampler names them.
    seconds : float
        What sampling took, without compilation.
    interrupted : bool
        Whether the user stopped the sampler before it was done.
    """

    values: Floats
    stats: dict[str, np.ndarray]
    seconds: float
    interrupted: bool
