"""Orientations of axes: rotations by Cayley's map, and factors along rotated axes.

``rotation = base (I + A) (I - A)^-1`` with A skew-symmetric takes every rotation but
those by half a turn from the base, each once. Serial, for stacks of small matrices.
"""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial


@serial
def cayley(skews, bases):
    """Turn bases by Cayley's map.

    Parameters
    ----------
    skews : array of shape (n, n_features (n_features - 1) / 2)
        Entries of A row by row below the diagonal.
    bases : array of shape (n, n_features, n_features)
        Orthogonal.

    Returns
    -------
    rotations : array of shape (n, n_features, n_features)
        Axes in columns.
    log_determinants : array of shape (n,)
        ``log det(I + A)``. The rotations are uniform if the density of the skews is
        proportional to the determinant to the power ``1 - n_features`` [1]_.

    References
    ----------
    .. [1] C. A. Leon, J.-C. Masse and L.-P. Rivest (2006), *A statistical model for
       random rotations*, J. Multivariate Anal. 97:412-430.
    """
    n, d = bases.shape[:2]
    rotations, log_determinants = np.zeros((n, d, d)), np.zeros(n)
    matrix, inverse = np.zeros((d, d)), np.zeros((d, d))
    for c in range(n):
        for i in range(d):
            matrix[i, i] = 1.0
            for j in range(i):
                a = skews[c, i * (i - 1) // 2 + j]
                matrix[i, j], matrix[j, i] = -a, a
        log_determinants[c] = _invert(matrix, inverse)
        for i in range(d):  # (I + A) (I - A)^-1 = 2 (I - A)^-1 - I
            for j in range(d):
                total = -bases[c, i, j]
                for m in range(d):
                    total += 2.0 * bases[c, i, m] * inverse[m, j]
                rotations[c, i, j] = total
    return rotations, log_determinants


@serial
def _invert(matrix, inverse):
    """Fill the inverse, overwrite the matrix; return the log of its determinant."""
    d, log_determinant = len(matrix), 0.0
    inverse[:] = 0.0
    for i in range(d):
        inverse[i, i] = 1.0
    for j in range(d):
        best = j
        for i in range(j + 1, d):
            if abs(matrix[i, j]) > abs(matrix[best, j]):
                best = i
        pivot = matrix[best, j]
        log_determinant += math.log(abs(pivot))
        for m in range(d):
            matrix[j, m], matrix[best, m] = matrix[best, m], matrix[j, m]
            inverse[j, m], inverse[best, m] = inverse[best, m], inverse[j, m]
        for m in range(d):
            matrix[j, m] /= pivot
            inverse[j, m] /= pivot
        for i in range(d):
            factor = matrix[i, j]
            if i == j or factor == 0.0:
                continue
            for m in range(d):
                matrix[i, m] -= factor * matrix[j, m]
                inverse[i, m] -= factor * inverse[j, m]
    return log_determinant


@serial
def cayley_pullback(skews, bases, rotations, cotangent, log_cotangent):
    """Return the gradient in the skews.

    With M = (I - A)^-1 = (I + base^T rotation) / 2, dQ = 2 M dA M and
    d log det(I - A) = -tr(M dA).
    """
    n, d = bases.shape[:2]
    gradient = np.zeros(skews.shape)
    inverse, turned, half = np.zeros((d, d)), np.zeros((d, d)), np.zeros((d, d))
    for c in range(n):
        for i in range(d):
            for j in range(d):
                total = 1.0 if i == j else 0.0
                back = 0.0
                for m in range(d):
                    total += bases[c, m, i] * rotations[c, m, j]
                    back += bases[c, m, i] * cotangent[c, m, j]
                inverse[i, j], turned[i, j] = 0.5 * total, back
        for i in range(d):  # inverse^T turned
            for j in range(d):
                total = 0.0
                for m in range(d):
                    total += inverse[m, i] * turned[m, j]
                half[i, j] = total
        for i in range(d):  # the gradient in A is 2 inverse^T turned inverse^T
            for j in range(i):
                lower = upper = 0.0
                for m in range(d):
                    lower += half[i, m] * inverse[j, m]
                    upper += half[j, m] * inverse[i, m]
                of_log = log_cotangent[c] * (inverse[j, i] - inverse[i, j])
                gradient[c, i * (i - 1) // 2 + j] = 2.0 * (lower - upper) - of_log
    return gradient


@serial
def skews_of(rotations, bases):
    """Undo `cayley`: ``A = (Q - I) (Q + I)^-1`` for ``Q = base^T rotation``."""
    n, d = bases.shape[:2]
    skews = np.zeros((n, d * (d - 1) // 2))
    matrix, inverse = np.zeros((d, d)), np.zeros((d, d))
    for c in range(n):
        for i in range(d):
            for j in range(d):
                total = 1.0 if i == j else 0.0
                for m in range(d):
                    total += bases[c, m, i] * rotations[c, m, j]
                matrix[i, j] = total
        _invert(matrix, inverse)
        for i in range(d):  # A = I - 2 (Q + I)^-1
            for j in range(i):
                skews[c, i * (i - 1) // 2 + j] = inverse[j, i] - inverse[i, j]
    return skews


@serial
def factors_along_axes(volumes, shapes, orientations):
    """Build Cholesky factors of ``volume * axes @ diag(shape) @ axes.T``.

    Parameters
    ----------
    volumes : array of shape (n_components or 1,)
    shapes : array of shape (n_components or 1, n_features)
        A single row is shared by all components, here and below.
    orientations : array of shape (n_components or 1, n_features, n_features)
        Axes in columns.

    Returns
    -------
    array of shape (n_components, n_features, n_features)
        Lower triangular.
    """
    k, d = max(len(volumes), len(shapes), len(orientations)), shapes.shape[1]
    lower, rows = np.zeros((k, d, d)), np.zeros((d, d))
    for c in range(k):
        _stretch(volumes, shapes, orientations, c, rows)
        _triangularise(rows, lower[c])
    return lower


@serial
def _stretch(volumes, shapes, orientations, c, rows):
    """Fill a square root of the covariance of component c."""
    volume = volumes[min(c, len(volumes) - 1)]
    shape = shapes[min(c, len(shapes) - 1)]
    axes = orientations[min(c, len(orientations) - 1)]
    d = len(shape)
    for j in range(d):
        sd = math.sqrt(volume * shape[j])
        for i in range(d):
            rows[i, j] = axes[i, j] * sd


@serial
def _triangularise(rows, lower):
    """Overwrite rows by orthonormal ones, ``lower @ rows``: Gram and Schmidt's."""
    d = len(rows)
    for i in range(d):
        for _ in range(2):  # twice is enough, once is not
            for j in range(i):
                total = 0.0
                for m in range(d):
                    total += rows[i, m] * rows[j, m]
                lower[i, j] += total
                for m in range(d):
                    rows[i, m] -= total * rows[j, m]
        total = 0.0
        for m in range(d):
            total += rows[i, m] * rows[i, m]
        lower[i, i] = math.sqrt(total)
        for m in range(d):
            rows[i, m] /= lower[i, i]


@serial
def factors_along_axes_pullback(volumes, shapes, orientations, lower, cotangent):
    """Return the gradients in the three of ``sum(cotangent * lower)``.

    With ``rows = lower @ Q`` the gradient in rows is ``lower^-T (P + P^T) Q``, where P
    is the lower triangle of ``lower^T cotangent`` with half its diagonal.
    """
    k, d = lower.shape[:2]
    in_volumes, in_shapes = np.zeros(volumes.shape), np.zeros(shapes.shape)
    in_orientations = np.zeros(orientations.shape)
    rows, both, gradient = np.zeros((d, d)), np.zeros((d, d)), np.zeros((d, d))
    for c in range(k):
        _stretch(volumes, shapes, orientations, c, rows)
        for i in range(d):
            for j in range(i + 1):
                total = 0.0
                for m in range(i, d):
                    total += lower[c, m, i] * cotangent[c, m, j]
                both[i, j] = both[j, i] = total
        for i in range(d):  # solve lower @ Q = rows
            for j in range(d):
                total = rows[i, j]
                for m in range(i):
                    total -= lower[c, i, m] * rows[m, j]
                rows[i, j] = total / lower[c, i, i]
        for i in range(d):
            for j in range(d):
                total = 0.0
                for m in range(d):
                    total += both[i, m] * rows[m, j]
                gradient[i, j] = total
        for i in range(d - 1, -1, -1):  # solve lower^T @ new = gradient
            for j in range(d):
                total = gradient[i, j]
                for m in range(i + 1, d):
                    total -= lower[c, m, i] * gradient[m, j]
                gradient[i, j] = total / lower[c, i, i]
        v, s = min(c, len(volumes) - 1), min(c, len(shapes) - 1)
        o = min(c, len(orientations) - 1)
        for j in range(d):
            sd, along = math.sqrt(volumes[v] * shapes[s, j]), 0.0
            for i in range(d):
                along += gradient[i, j] * orientations[o, i, j]
                in_orientations[o, i, j] += gradient[i, j] * sd
            in_shapes[s, j] += 0.5 * along * sd / shapes[s, j]
            in_volumes[v] += 0.5 * along * sd / volumes[v]
    return in_volumes, in_shapes, in_orientations
