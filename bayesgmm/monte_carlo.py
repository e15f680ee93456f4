"""How sure averages over draws are."""

from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats


class Estimate(NamedTuple):
    """A number and its Monte Carlo standard error."""

    value: float
    standard_error: float


def effective_size(values: Floats) -> float:
    """Return how many independent draws the mean of (n_chains, n_draws) is worth."""
    from arviz_stats.base.array import array_stats

    with np.errstate(divide="ignore", invalid="ignore"):
        size = array_stats.ess(values, chain_axis=0, draw_axis=1, method="mean")
    return float(np.clip(np.nan_to_num(size, nan=1.0), 1.0, values.size))


def average(estimates: list[Estimate]) -> Estimate:
    """Return the mean of two estimates; where they differ by more, so does it."""
    first, second = estimates
    error = 0.5 * np.hypot(first.standard_error, second.standard_error)
    apart = 0.5 * abs(first.value - second.value)
    return Estimate(0.5 * (first.value + second.value), float(max(error, apart)))
