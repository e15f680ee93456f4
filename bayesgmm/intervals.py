"""Draws of numbers summarised: how far they spread, and their intervals."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from bayesgmm._typing import Floats

INTERVAL_PROBABILITY = 0.9
"""Probability of the equal-tailed intervals in tables and memberships."""


class Spread(NamedTuple):
    """Draws of numbers, summarised."""

    mean: Floats
    sd: Floats
    lower: Floats
    upper: Floats


def equal_tails(probability: float) -> list[float]:
    """Return the two quantiles between which an interval of `probability` lies."""
    tail = (1.0 - probability) / 2.0
    return [tail, 1.0 - tail]


def spread(values: Floats, probability: float, stretch: float = 1.0) -> Spread:
    """Summarise draws, along the first axis.

    Parameters
    ----------
    values : array of shape (n_samples, ...)
    probability : float
        Of the equal-tailed interval.
    stretch : float
        Of the draws; see `Draws`. Where it is not 1 only their standard deviation
        means something, and the interval is that of a normal distribution.
    """
    mean, sd = values.mean(axis=0), stretch * values.std(axis=0)
    if stretch == 1.0:
        ordered = np.sort(values, axis=0)  # faster than `np.quantile`
        return Spread(
            mean, sd, *(_quantile(ordered, p) for p in equal_tails(probability))
        )
    reach = ndtri(equal_tails(probability)[1]) * sd
    return Spread(mean, sd, mean - reach, mean + reach)


def _quantile(ordered: Floats, probability: float) -> Floats:
    """Interpolate between order statistics, as `np.quantile` does."""
    below, part = divmod(probability * (len(ordered) - 1), 1)
    low = ordered[int(below)]
    return low + part * (ordered[min(int(below) + 1, len(ordered) - 1)] - low)
