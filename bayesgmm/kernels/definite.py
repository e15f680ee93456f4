"""Positive definite matrices: factors, systems, and their gradients.

Serial, for stacks of small matrices.
"""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial


@serial
def whiten(lower, columns):
    """Solve ``lower[k] @ result[k] = columns[k]``.

    Parameters
    ----------
    lower : array of shape (k, d, d)
        Lower triangular, positive diagonals.
    columns : array of shape (k or 1, d, m)

    Returns
    -------
    array of shape (k, d, m)
    """
    k, d, m = lower.shape[0], lower.shape[1], columns.shape[2]
    result = np.empty((k, d, m))
    for c in range(k):
        source = columns[min(c, len(columns) - 1)]
        for i in range(d):
            for j in range(m):
                rest = source[i, j]
                for l in range(i):  # noqa: E741
                    rest -= lower[c, i, l] * result[c, l, j]
                result[c, i, j] = rest / lower[c, i, i]
    return result


@serial
def whiten_pullback(lower, columns, result, cotangent):
    """Return the gradients in `lower` and `columns` of ``sum(cotangent * result)``."""
    k, d, m = result.shape
    in_lower, in_columns = np.zeros(lower.shape), np.zeros(columns.shape)
    back = np.empty((d, m))
    for c in range(k):
        for i in range(d - 1, -1, -1):
            for j in range(m):
                rest = cotangent[c, i, j]
                for l in range(i + 1, d):  # noqa: E741
                    rest -= lower[c, l, i] * back[l, j]
                back[i, j] = rest / lower[c, i, i]
                in_columns[min(c, len(columns) - 1), i, j] += back[i, j]
        for i in range(d):
            for l in range(i + 1):  # noqa: E741
                for j in range(m):
                    in_lower[c, i, l] -= back[i, j] * result[c, l, j]
    return in_lower, in_columns


@serial
def cholesky(matrices):
    """Return lower factors; NaN in one whose matrix is not positive definite.

    Parameters
    ----------
    matrices : array of shape (k, d, d)
        Only lower triangles are read.
    """
    k, d = matrices.shape[:2]
    lower = np.zeros((k, d, d))
    for c in range(k):
        for j in range(d):
            pivot = matrices[c, j, j]
            for l in range(j):  # noqa: E741
                pivot -= lower[c, j, l] * lower[c, j, l]
            lower[c, j, j] = math.sqrt(pivot) if pivot > 0.0 else np.nan
            for i in range(j + 1, d):
                rest = matrices[c, i, j]
                for l in range(j):  # noqa: E741
                    rest -= lower[c, i, l] * lower[c, j, l]
                lower[c, i, j] = rest / lower[c, j, j]
    return lower


@serial
def cholesky_pullback(matrices, lower, cotangent):
    """Return the gradient in the lower triangles of ``sum(cotangent * lower)``.

    The loops of `cholesky`, walked backwards.
    """
    k, d = matrices.shape[:2]
    gradient = np.zeros((k, d, d))
    for c in range(k):
        back = cotangent[c].copy()
        for j in range(d - 1, -1, -1):
            pivot = lower[c, j, j]
            for i in range(d - 1, j, -1):
                step = back[i, j] / pivot
                back[j, j] -= step * lower[c, i, j]
                gradient[c, i, j] = step
                for l in range(j):  # noqa: E741
                    back[i, l] -= step * lower[c, j, l]
                    back[j, l] -= step * lower[c, i, l]
            step = 0.5 * back[j, j] / pivot
            gradient[c, j, j] = step
            for l in range(j):  # noqa: E741
                back[j, l] -= 2.0 * step * lower[c, j, l]
    return gradient
