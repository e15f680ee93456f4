"""Credible balls: how far from an estimate the partitions of the posterior are."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.dims import BOUND, OBSERVATION
from bayesgmm.partitions.given import LabelDraws
from bayesgmm.partitions.losses import ROUNDING


@dataclass(frozen=True, slots=True, eq=False)
class CredibleBall:
    """The partitions around an estimate that hold a given posterior probability.

    Bounds are labels (bound, obs_id), numbered as they appear. There are several where
    several draws are as far.

    Attributes
    ----------
    radius : float
        In the unit of the loss: the smallest one within which at least `probability` of
        the draws are.
    probability : float
        What was asked for.
    mass : float
        The share of the draws inside: at least `probability`.
    horizontal : xarray.DataArray
        The draws inside that are farthest from the estimate.
    upper_vertical : xarray.DataArray
        Those of the fewest clusters, and of these the farthest.
    lower_vertical : xarray.DataArray
        Those of the most clusters, and of these the farthest.
    """

    radius: float
    probability: float
    mass: float
    horizontal: xr.DataArray
    upper_vertical: xr.DataArray
    lower_vertical: xr.DataArray


def credible_ball(
    draws: LabelDraws, distances: Floats, probability: float
) -> CredibleBall:
    """Return the smallest ball that holds a share of the draws.

    Parameters
    ----------
    draws : LabelDraws
    distances : array of shape (n_draws,)
        From the estimate.
    probability : float
        Between 0 and 1.

    References
    ----------
    .. [1] S. Wade and Z. Ghahramani (2018), *Bayesian cluster analysis: point
       estimation and credible balls*, Bayesian Anal. 13:559-626.
    """
    needed = int(np.ceil(probability * len(distances) * (1 - ROUNDING)))
    radius = np.sort(distances)[max(needed, 1) - 1]
    inside = distances <= radius * (1 + ROUNDING)
    sizes = draws.sizes
    return CredibleBall(
        float(radius),
        probability,
        float(inside.mean()),
        _farthest(draws, distances, inside),
        _farthest(draws, distances, inside & (sizes == sizes[inside].min())),
        _farthest(draws, distances, inside & (sizes == sizes[inside].max())),
    )


def _farthest(draws: LabelDraws, distances: Floats, among: Ints) -> xr.DataArray:
    """Return the partitions that are farthest among some, each once."""
    largest = distances[among].max()
    ends = among & (distances >= largest * (1 - ROUNDING))
    labels = np.unique(draws.values[ends], axis=0)
    return draws.name(labels, (BOUND, OBSERVATION))
