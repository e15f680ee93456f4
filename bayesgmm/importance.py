"""How good draws of an approximation are: whether weights could make them right."""

from typing import Any

import numpy as np

from bayesgmm._typing import Floats

GOOD_K = 0.7
"""Above it an approximation is rough, and importance weights do not mend it."""

# Logs of ratios that vary by less vary by rounding: the approximation is the posterior.
ROUNDING = 1e-6


def pareto_k(log_ratios: Floats) -> float:
    """Return the shape of the upper tail of importance ratios, k-hat.

    Parameters
    ----------
    log_ratios : array
        ``lp - log_q`` of independent draws, up to a constant.

    Returns
    -------
    float
        Minus infinity where all ratios are the same, NaN where one is not finite or
        there are too few for a tail.

    References
    ----------
    .. [1] Y. Yao, A. Vehtari, D. Simpson and A. Gelman (2018), *Yes, but did it work?:
       evaluating variational inference*, ICML.
    """
    from arviz_stats.base.array import array_stats

    logs = np.ravel(log_ratios)
    if not np.isfinite(logs).all():
        return np.nan
    if np.ptp(logs) < ROUNDING:
        return -np.inf
    smooth: Any = array_stats.psislw
    try:
        return float(smooth(-logs)[1])  # it takes what ratios are over
    except (ValueError, IndexError):  # too few
        return np.nan
