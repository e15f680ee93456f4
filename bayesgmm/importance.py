"""How good draws of an approximation are: whether weights could make them right."""

from typing import Any

import numpy as np

from bayesgmm._typing import Floats, Ints

GOOD_K = 0.7
"""Above it an approximation is rough, and importance weights do not mend it."""

# Logs of ratios that vary by less vary by rounding: the approximation is the posterior.
ROUNDING = 1e-6
# A factor of exp(-700) below the least ratio is as good as zero, and still a number.
FAR_BELOW = 700.0


def pareto_k(log_ratios: Floats) -> float:
    """Return the shape of the upper tail of importance ratios, k-hat.

    A ratio of zero says nothing of the upper tail, and is as good as a tiny one.

    Parameters
    ----------
    log_ratios : array
        ``lp - log_q`` of independent draws, up to a constant.

    Returns
    -------
    float
        Minus infinity where all ratios are the same, NaN where one is infinite or no
        number, or there are too few for a tail.

    References
    ----------
    .. [1] Y. Yao, A. Vehtari, D. Simpson and A. Gelman (2018), *Yes, but did it work?:
       evaluating variational inference*, ICML.
    """
    return _smooth(log_ratios)[1]


def resample(log_ratios: Floats, n: int, rng: np.random.Generator) -> Ints:
    """Choose `n` of independent draws by their smoothed importance ratios.

    Parameters
    ----------
    log_ratios : array of shape (n_draws,)
        As for `pareto_k`, which should be at most `GOOD_K`.
    n : int
    rng : Generator

    Returns
    -------
    array of int, shape (n,)
        Places of draws; some may come twice.
    """
    chances = np.exp(_smooth(log_ratios)[0])
    return rng.choice(len(chances), n, p=chances / chances.sum())


def _smooth(log_ratios) -> tuple[Floats, float]:
    """Return smoothed normalised log-ratios, and k-hat."""
    from arviz_stats.base.array import array_stats

    logs = np.ravel(log_ratios)
    finite = np.isfinite(logs)
    if finite.any():
        logs = np.where(np.isneginf(logs), logs[finite].min() - FAR_BELOW, logs)
    even = np.full(len(logs), -np.log(len(logs)))
    if not np.isfinite(logs).all():
        return even, np.nan
    if np.ptp(logs) < ROUNDING:
        return even, -np.inf
    smooth: Any = array_stats.psislw
    try:
        smoothed, k = smooth(-logs)  # it takes what ratios are over
    except (ValueError, IndexError):  # too few
        return even, np.nan
    return smoothed, float(k)
