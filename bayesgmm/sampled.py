"""What samplers are asked for, and what they give back: one protocol for all."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesgmm.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Settings:
    """What every sampler is told.

    Attributes
    ----------
    draws, tune, chains, cores : int
        Draws are per chain, after `tune` steps of warm-up. `cores` chains run at the
        same time, and draws do not depend on how many these are.
    seed : int
        Chain c draws by ``default_rng([seed, c])`` or something as good.
    progress : bool
    dispersed : bool
        Whether chain c starts at the c-th good optimum of EM instead of the best.
    checkpoint : Checkpoint
        What keeps what chains have computed.
    stand_in : Held or None
        Few weighted rows that stand for lazy ones near EM's estimate.
    """

    draws: int
    tune: int
    chains: int
    cores: int
    seed: int
    progress: bool
    dispersed: bool = False
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    stand_in: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Draws of a posterior as named arrays.

    Attributes
    ----------
    groups : dict of dict of arrays
        By group and variable; arrays of draws have shape (n_chains, n_draws, ...).
        Approximations have ``lp`` and ``log_q`` in ``sample_stats``, the log densities
        of posterior and approximation up to constants: `sample` makes of them how good
        it is. Groups of `posterior.OF_ALL_DRAWS` have no chains and draws.
    coords, dims : dict
        As ArviZ takes them.
    attrs : dict
        What the method has to say of all its draws, kept on the group ``posterior``;
        `posterior.APPROXIMATE` is 1 where they are of an approximation.
    seconds : float
        What sampling took, without compilation.
    interrupted : bool
        Whether the user stopped the sampler before it was done.
    failures : dict
        What the chains that died raised, by the number of the chain.
    n_resampled : int or None
        How many of the draws importance resampling may choose, if that is meant.
    """

    groups: dict[str, dict[str, Any]]
    coords: dict[str, Any]
    dims: dict[str, list[str]]
    seconds: float
    attrs: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    failures: dict[int, Exception] = field(default_factory=dict)
    n_resampled: int | None = None


def most_draws(lengths: Any) -> tuple[np.ndarray, int]:
    """Choose the chains and the length that keep most draws of chains cut short.

    Parameters
    ----------
    lengths : array-like of int, shape (n_chains,)

    Returns
    -------
    chains : array of int
        Those at least so long; none if no chain has a draw.
    n_draws : int
    """
    lengths = np.asarray(lengths, dtype=np.intp)
    kept = [(length * (lengths >= length).sum(), length) for length in lengths]
    n_draws = int(max(kept, default=(0, 0))[1])
    return np.flatnonzero(lengths >= max(n_draws, 1)), n_draws
