"""What `sample` warns of: missing draws, rough ones, components without spread."""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.errors import PosteriorWarning
from bayesgmm.importance import GOOD_K
from bayesgmm.posterior import PARETO_K, POSTERIOR
from bayesgmm.sampled import Sampled, Settings
from bayesgmm.sentences import describe_roughness
from bayesgmm.target import Target

# Of the variance of all rows. Ties are at 0, and no measured group is this narrow.
NO_SPREAD = 1e-12


def warn_of_draws(sampled: Sampled, posterior: xr.DataTree, settings: Settings) -> None:
    """Say what is missing from the draws, or wrong with them."""
    k = posterior[POSTERIOR].attrs.get(PARETO_K, 0.0)
    if np.isnan(k):
        _tell(
            "How rough the draws are is not known: they are too few, or some are where "
            "the posterior has no density. Draw more, or compare with `method='nuts'`."
        )
    if k > GOOD_K:
        _tell(
            f"The draws are rough: {describe_roughness(k)}. Spreads may be too small; "
            "compare with `method='nuts'`."
        )
    for chain, error in sampled.failures.items():
        _tell(f"Chain {chain} died and is left out: {type(error).__name__}: {error}")
    if sampled.interrupted:
        sizes = posterior[POSTERIOR].sizes
        _tell(
            f"Sampling was interrupted: {sizes['draw']} of {settings.draws} draws in "
            f"{sizes['chain']} of {settings.chains} chains were kept."
        )


def warn_of_ties(posterior: xr.DataTree, target: Target | None) -> None:
    """Tell of components without spread: the posterior may have no finite integral."""
    if target is None:
        return
    covariances: Any = posterior[POSTERIOR]["covariances"].values
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    narrow = variances < NO_SPREAD * target.variances
    if narrow.any():
        draws = narrow.any(axis=(-1, -2)).mean()
        _tell(
            f"In {draws:.1%} of draws a component has hardly any spread, as on tied "
            "rows. A prior that learns its scale from the components does not keep it "
            "from zero: use `default_priors(X, ..., kind='independent')`, or undo the "
            "rounding of the data."
        )


def _tell(message):
    warnings.warn(message, PosteriorWarning, stacklevel=4)
