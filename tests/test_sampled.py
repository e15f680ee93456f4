"""The pass with drawn labels: against labels drawn one row at a time in Python."""

import numpy as np
import pytest
from scipy import stats
from synthetic import make_mixture_data

from bayesgmm._typing import Quadratics
from bayesgmm.kernels import sampled
from bayesgmm.kernels.reduce import sampled_moments

MASK = 2**64 - 1
NONE = np.empty(0)


def hashed(key, place):
    """Splitmix64 in Python's integers, its highest 52 bits as a number in [0, 1)."""
    bits = (key + (place + 1) * 0x9E3779B97F4A7C15) & MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & MASK
    return ((bits ^ (bits >> 31)) >> 12) / 2**52
