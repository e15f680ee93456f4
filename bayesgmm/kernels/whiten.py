"""Triangular systems of stacks of small matrices, and their gradients. Serial."""

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
