"""Weights from log ratios, and back through the gradient: serial Numba."""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial


@serial
def weights_from_log_ratios(log_ratios):
    """Return weights with ``log(w[:-1] / w[-1]) = log_ratios``."""
    weights = np.empty(len(log_ratios) + 1)
    weights[-1] = 0.0
    for k in range(len(log_ratios)):  # a copy of slices takes seconds to compile
        weights[k] = log_ratios[k]
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


@serial
def shapes_from_contrasts(contrasts):
    """Return positive numbers of product one.

    Parameters
    ----------
    contrasts : array of shape (n, n_features - 1)
        Of the logs, along Helmert's orthonormal rows: number i compares the mean of
        the i before it with the next.

    Returns
    -------
    array of shape (n, n_features)
    """
    n, d = contrasts.shape[0], contrasts.shape[1] + 1
    shapes = np.empty((n, d))
    for c in range(n):
        above = 0.0
        for i in range(d - 1, -1, -1):
            log = above
            if i > 0:
                step = contrasts[c, i - 1] / math.sqrt(i * (i + 1.0))
                log -= i * step
                above += step
            shapes[c, i] = math.exp(log)
    return shapes


@serial
def shapes_from_contrasts_pullback(shapes, cotangent):
    """Return the gradient in the contrasts of ``sum(cotangent * shapes)``."""
    n, d = shapes.shape
    gradient = np.empty((n, d - 1))
    for c in range(n):
        before = cotangent[c, 0] * shapes[c, 0]
        for i in range(1, d):
            own = cotangent[c, i] * shapes[c, i]
            gradient[c, i - 1] = (before - i * own) / math.sqrt(i * (i + 1.0))
            before += own
    return gradient
