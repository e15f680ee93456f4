"""Triangular factors of scatter matrices, good in any mixture of units.

Written in loops here and in what uses it: an expression of arrays costs Numba seconds.
"""

import math

import numpy as np

from bayesgmm.kernels.elementary import inner

# A pivot is none if it is less than this part of the variance it is left of.
ROUNDING = 1e-15


@inner
def factorise(matrix, size):
    """Return lower triangular L, ``L @ L.T = matrix / size``; it may be singular.

    Every row of L has the accuracy of its own length, whatever the units of the others.
    """
    d = len(matrix)
    lower = np.zeros((d, d))
    for j in range(d):
        pivot = matrix[j, j] / size
        for m in range(j):
            pivot -= lower[j, m] * lower[j, m]
        if not pivot > ROUNDING * d * matrix[j, j] / size:
            continue
        lower[j, j] = math.sqrt(pivot)
        for i in range(j + 1, d):
            rest = matrix[i, j] / size
            for m in range(j):
                rest -= lower[i, m] * lower[j, m]
            lower[i, j] = rest / lower[j, j]
    return lower


@inner
def invert_factor(lower):
    """Return the inverse of a lower triangular matrix without zeros on its diagonal."""
    d = len(lower)
    inverse = np.zeros((d, d))
    for j in range(d):
        inverse[j, j] = 1.0 / lower[j, j]
        for i in range(j + 1, d):
            total = 0.0
            for m in range(j, i):
                total -= lower[i, m] * inverse[m, j]
            inverse[i, j] = total / lower[i, i]
    return inverse


@inner
def solve_factor(lower, x):
    """Overwrite x by the solution of ``lower @ lower.T @ solution = x``.

    Where the matrix is singular the solution is zero.
    """
    d = len(lower)
    for i in range(d):
        for m in range(i):
            x[i] -= lower[i, m] * x[m]
        x[i] = x[i] / lower[i, i] if lower[i, i] > 0.0 else 0.0
    for i in range(d - 1, -1, -1):
        for m in range(i + 1, d):
            x[i] -= lower[m, i] * x[m]
        x[i] = x[i] / lower[i, i] if lower[i, i] > 0.0 else 0.0
