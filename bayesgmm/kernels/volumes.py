"""Volumes of scatter matrices that share a shape and axes."""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial
from bayesgmm.kernels.factors import factorise, invert_factor, solve_factor

# Newton's method doubles the digits: after a step this small they are all there.
LAST_STEP = 1e-8
LARGEST_STEP = 2.0
# Where there is no minimum, volumes run off by no more than e^100.
MOST_STEPS = 50
ROUNDING = 1e-13  # of the objective


@serial
def proportional_volumes(scatters, counts):
    """Return the volumes of the most likely covariances ``volumes[k] * matrix``.

    Parameters
    ----------
    scatters : array of shape (n_components, n_features, n_features)
        Their sum is regular.
    counts : array of shape (n_components,)
        Positive.

    Returns
    -------
    array of shape (n_components,)
        Up to a common factor.

    Notes
    -----
    With scatters W_k and t_k the logs of volumes, Newton's method minimises
    ``sum_k n_k t_k + n / d log det(sum_k W_k exp(-t_k))``. That is convex: the
    determinant is a polynomial in the ``exp(-t_k)`` with coefficients of 0 or more.
    """
    k, d = scatters.shape[:2]
    shapes, gram, step = np.zeros((k, d, d)), np.zeros((k, k)), np.zeros(k)
    logs, there = np.zeros(k), np.zeros(k)
    _describe(scatters, counts, logs, shapes)
    for c in range(k):
        logs[c] = math.log(_trace(shapes[c]) / counts[c])
    cost = _describe(scatters, counts, logs, shapes)
    for _ in range(MOST_STEPS):
        size = _newton_step(shapes, counts, gram, step)
        length = min(1.0, LARGEST_STEP / size)
        slack = ROUNDING * (1.0 + abs(cost))
        while True:
            for c in range(k):
                there[c] = logs[c] + length * step[c]
            now = _describe(scatters, counts, there, shapes)
            if now <= cost + slack or not length * size > LAST_STEP:
                break
            length *= 0.5
        logs[:], cost = there, now
        if not length * size > LAST_STEP:
            break
    for c in range(k):
        there[c] = math.exp(logs[c])
    return there


@serial
def _describe(scatters, counts, logs, shapes):
    """Fill every part of the sum as the sum sees it; return the objective, over n."""
    k, d = scatters.shape[:2]
    total, half, objective, n = np.zeros((d, d)), np.zeros((d, d)), 0.0, 0.0
    for c in range(k):
        n += counts[c]
        objective += counts[c] * logs[c]
        for i in range(d):
            for j in range(d):
                total[i, j] += scatters[c, i, j] * math.exp(-logs[c])
    objective /= n
    lower = factorise(total, 1.0)
    inverse = invert_factor(lower)
    for j in range(d):
        objective += 2.0 / d * math.log(lower[j, j])
    for c in range(k):
        _multiply(inverse, scatters[c], math.exp(-logs[c]), half)
        _multiply(inverse, half.T, 1.0, shapes[c])
    return objective


@serial
def _multiply(lower, matrix, factor, out):
    """Fill the product, the first matrix lower triangular."""
    d = len(lower)
    for i in range(d):
        for j in range(d):
            total = 0.0
            for m in range(i + 1):
                total += lower[i, m] * matrix[m, j]
            out[i, j] = factor * total


@serial
def _newton_step(shapes, counts, gram, step):
    """Fill minus the inverse Hessian times the gradient; return its largest entry."""
    k, d = shapes.shape[:2]
    n = 0.0
    for c in range(k):
        n += counts[c]
    for c in range(k):
        trace = _trace(shapes[c])
        step[c] = trace / d - counts[c] / n
        for e in range(k):
            # A common factor changes nothing; the one keeps the matrix regular.
            gram[c, e] = (1.0 / k - _dot(shapes[c], shapes[e])) / d
        gram[c, c] += trace / d
    solve_factor(factorise(gram, 1.0), step)
    largest = 0.0
    for c in range(k):
        largest = max(largest, abs(step[c]))
    return largest


@serial
def _trace(matrix):
    total = 0.0
    for i in range(len(matrix)):
        total += matrix[i, i]
    return total


@serial
def _dot(a, b):
    total, d = 0.0, len(a)
    for i in range(d):
        for j in range(d):
            total += a[i, j] * b[i, j]
    return total
