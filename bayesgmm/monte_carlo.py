"""How sure averages over draws are."""

from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats


class Estimate(NamedTuple):
    """A number and its Monte Carlo standard error."""

    value: float
    standard_error: float


def effective_size(values: Floats, method: str = "mean") -> Floats:
    """Return how many independent draws those of chains are worth.

    Parameters
    ----------
    values : array of shape (..., n_chains, n_draws)
    method : str
        As ArviZ names them: "mean" of their mean, "bulk" of their ranks.

    Returns
    -------
    array of shape (...,)
        From 1, also for chains that do not move, to the number of draws.
    """
    from arviz_stats.base.array import array_stats

    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = array_stats.ess(values, method=method)
    n_chains, n_draws = values.shape[-2:]
    return np.clip(np.nan_to_num(sizes, nan=1.0), 1.0, n_chains * n_draws)


def average(estimates: list[Estimate]) -> Estimate:
    """Return the mean of two estimates; where they differ by more, so does it."""
    first, second = estimates
    error = 0.5 * np.hypot(first.standard_error, second.standard_error)
    apart = 0.5 * abs(first.value - second.value)
    return Estimate(0.5 * (first.value + second.value), float(max(error, apart)))
