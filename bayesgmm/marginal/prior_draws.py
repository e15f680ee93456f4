"""Draws of mixtures from the priors of a model."""

import pymc as pm

from bayesgmm._typing import Floats
from bayesgmm.dims import DIMS
from bayesgmm.marginal.model import model_of
from bayesgmm.target import Target


def draw_prior(target: Target, n_draws: int, seed: int) -> dict[str, Floats]:
    """Draw what every posterior holds, before any data.

    Parameters
    ----------
    target : Target
    n_draws, seed : int

    Returns
    -------
    dict of arrays
        Of shape (n_draws, ...).
    """
    model = model_of(target)
    # A few hundred draws take less time than compiling well for them.
    drawn = pm.draw(
        [model[name] for name in DIMS],
        draws=n_draws,
        random_seed=seed,
        mode="FAST_COMPILE",
    )
    return dict(zip(DIMS, drawn, strict=True))
