"""Weights from log ratios, and back through the gradient: serial Numba."""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial


@serial
def weights_from_log_ratios(log_ratios):
    """Return weights with ``log(w[:-1] / w[-1]) = log_ratios``."""
    weights = np.empty(len(log_ratios) + 1)
    weights[-1] = 0.0
    weights[:-1] = log_ratios
    top = weights.max()
    total = 0.0
    for k in range(len(weights)):
        weights[k] = math.exp(weights[k] - top)
        total += weights[k]
    return weights / total


@serial
def weights_from_log_ratios_pullback(weights, cotangent):
    """Return the gradient in the log ratios of ``sum(cotangent * weights)``."""
    mean = (weights * cotangent).sum()
    return weights[:-1] * (cotangent[:-1] - mean)
