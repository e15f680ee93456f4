"""Triangular factors and their gradients: serial, for stacks of small matrices."""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial


@serial
def covariance_cholesky(sds, partials):
    """Build Cholesky factors of covariances.

    Parameters
    ----------
    sds : array of shape (n_components, n_features)
        Standard deviations.
    partials : array of shape (n_components or 1, n_features (n_features - 1) / 2)
        Partial correlations of a C-vine [1]_, row by row below the diagonal; a single
        row is shared by all components, no columns mean no correlations.

    Returns
    -------
    array of shape (n_components, n_features, n_features)
        Lower triangular: row i has length ``sds[:, i]``.

    References
    ----------
    .. [1] Lewandowski, Kurowicka and Joe (2009), *Generating random correlation
       matrices based on vines and extended onion method*, J. Multivariate Anal. 100.
    """
    n, d = sds.shape
    lower = np.zeros((n, d, d))
    for k in range(n):
        source = min(k, partials.shape[0] - 1)
        for i in range(d):
            left = 1.0  # squared length of the row that is still to be given out
            if partials.shape[1] > 0:
                for j in range(i):
                    z = partials[source, i * (i - 1) // 2 + j]
                    lower[k, i, j] = sds[k, i] * z * math.sqrt(left)
                    left *= (1.0 - z) * (1.0 + z)
            lower[k, i, i] = sds[k, i] * math.sqrt(left)
    return lower


@serial
def covariance_cholesky_pullback(sds, partials, lower, cotangent):
    """Return the gradient in `sds` and `partials` of ``sum(cotangent * lower)``.

    Walks each row backwards; ``carried`` is the gradient in log(left), to which every
    later entry of the row is proportional by one half.
    """
    n, d = sds.shape
    in_sds, in_partials = np.zeros(sds.shape), np.zeros(partials.shape)
    for k in range(n):
        source = min(k, partials.shape[0] - 1)
        for i in range(d):
            for j in range(i + 1):
                in_sds[k, i] += cotangent[k, i, j] * lower[k, i, j] / sds[k, i]
            if partials.shape[1] == 0:
                continue
            carried = 0.5 * cotangent[k, i, i] * lower[k, i, i]
            root = lower[k, i, i]
            for j in range(i - 1, -1, -1):
                place = i * (i - 1) // 2 + j
                z = partials[source, place]
                gap = (1.0 - z) * (1.0 + z)
                root /= math.sqrt(gap)  # the length left before step j, times the sd
                in_partials[source, place] += (
                    cotangent[k, i, j] * root - 2.0 * z * carried / gap
                )
                carried += 0.5 * cotangent[k, i, j] * z * root
    return in_sds, in_partials


@serial
def factors_of_volumes(volumes, sds, partials):
    """Build Cholesky factors of covariances with given volumes.

    Parameters
    ----------
    volumes : array of shape (n_components or 1,)
        Determinants of the covariances to the power ``1 / n_features``.
    sds : array of shape (n_components or 1, n_features)
        Standard deviations, up to a common factor.
    partials : array of shape (n_components or 1, n_features (n_features - 1) / 2)
        As those of `covariance_cholesky`; no more rows than `sds`.

    Returns
    -------
    array of shape (n_components, n_features, n_features)
    """
    k, d = max(len(volumes), len(sds)), sds.shape[1]
    shapes, lower = covariance_cholesky(sds, partials), np.zeros((k, d, d))
    for c in range(k):
        shape = shapes[min(c, len(shapes) - 1)]
        factor = _factor_to_volume(volumes[min(c, len(volumes) - 1)], shape)
        for i in range(d):
            for j in range(i + 1):
                lower[c, i, j] = factor * shape[i, j]
    return lower


@serial
def _factor_to_volume(volume, lower):
    """Return what to multiply a factor by to get a volume."""
    d, log = len(lower), 0.0
    for i in range(d):
        log += math.log(lower[i, i])
    return math.sqrt(volume) * math.exp(-log / d)


@serial
def factors_of_volumes_pullback(volumes, sds, partials, lower, cotangent):
    """Return the gradients in the three of ``sum(cotangent * lower)``."""
    k, d = lower.shape[:2]
    shapes, in_volumes = covariance_cholesky(sds, partials), np.zeros(volumes.shape)
    in_shapes = np.zeros(shapes.shape)
    for c in range(k):
        v, s = min(c, len(volumes) - 1), min(c, len(shapes) - 1)
        factor, in_log = _factor_to_volume(volumes[v], shapes[s]), 0.0
        for i in range(d):
            for j in range(i + 1):
                in_shapes[s, i, j] += factor * cotangent[c, i, j]
                in_log += cotangent[c, i, j] * lower[c, i, j]
        for i in range(d):
            in_shapes[s, i, i] -= in_log / (d * shapes[s, i, i])
        in_volumes[v] += 0.5 * in_log / volumes[v]
    in_sds, in_partials = covariance_cholesky_pullback(sds, partials, shapes, in_shapes)
    return in_volumes, in_sds, in_partials


@serial
def partial_correlations(lower):
    """Read the partial correlations out of Cholesky factors of covariances."""
    n, n_features = lower.shape[0], lower.shape[1]
    partials = np.zeros((n, n_features * (n_features - 1) // 2))
    for k in range(n):
        place = 0
        for i in range(n_features):
            left = 0.0
            for j in range(i + 1):
                left += lower[k, i, j] ** 2
            for j in range(i):
                partials[k, place] = lower[k, i, j] / math.sqrt(left)
                left -= lower[k, i, j] ** 2
                place += 1
    return partials


@serial
def precision_cholesky(lower):
    """Turn Cholesky factors of covariances into those of precisions.

    Returns
    -------
    upper : array of shape (n, n_features, n_features)
        The inverse transpose, upper triangular.
    half_log_determinant : array of shape (n,)
        Of the precision: minus the sum of the logs of the diagonal of `lower`.
    """
    n, d = lower.shape[0], lower.shape[1]
    upper = np.zeros((n, d, d))
    half_log_determinant = np.zeros(n)
    for k in range(n):
        for i in range(d):
            half_log_determinant[k] -= math.log(lower[k, i, i])
            upper[k, i, i] = 1.0 / lower[k, i, i]
            for j in range(i):  # row i of the inverse of `lower`, transposed
                total = 0.0
                for m in range(j, i):
                    total += lower[k, i, m] * upper[k, j, m]
                upper[k, j, i] = -total / lower[k, i, i]
    return upper, half_log_determinant


@serial
def precision_cholesky_pullback(upper, upper_cotangent, log_cotangent):
    """Return the gradient in `lower`: ``-tril(P Pbar^T P)``, and the log's part."""
    n, d = upper.shape[0], upper.shape[1]
    gradient = np.zeros((n, d, d))
    product = np.zeros((d, d))
    for k in range(n):
        for i in range(d):
            for j in range(d):
                total = 0.0
                for m in range(i, d):
                    total += upper[k, i, m] * upper_cotangent[k, j, m]
                product[i, j] = total
        for i in range(d):
            for j in range(i + 1):
                total = 0.0
                for m in range(j + 1):
                    total += product[i, m] * upper[k, m, j]
                gradient[k, i, j] = -total
            gradient[k, i, i] -= log_cotangent[k] * upper[k, i, i]
    return gradient
