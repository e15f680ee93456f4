"""Axes of scatter matrices, their own or common to several, by plane rotations.

Flury and Gautschi (1986), *An algorithm for simultaneous orthogonal transformation of
several positive definite symmetric matrices to nearly diagonal form*, SIAM J. Sci.
Stat. Comput. 7:169-184, rotate two axes at a time. Here what is rotated are factors of
the matrices, so that small spreads keep their digits beside large ones: Demmel and
Veselic (1992), *Jacobi's method is more accurate than QR*, SIAM J. Matrix Anal. Appl.
13:1204-1245. In a plane the product of the two spreads of component k is
``area_k + (b_k cos 2t - a_k sin 2t)^2``, so the objective is a function of one angle.
"""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial
from bayesgmm.kernels.factors import factorise

# How far axes still move, in units of the narrowest spread, when a search ends.
ROUGH, FINE = 1e-3, 1e-10
MOST_SWEEPS = 100
N_NEWTON = 3
# Moves below this, for spreads along columns at right angles, are rounding.
ROUNDING = 1e-15
# Moves below this gain less than the rounding of the cost, which is not asked then.
SURE = 1e-4
# The square of the smallest ratio of two spreads that is told from none.
SMALLEST_AREA = 1e-30
SMALLEST_SPREAD = 1e-300


@serial
def own_axes(scatters):
    """Return the spreads of every scatter matrix along its axes, and the axes.

    Parameters
    ----------
    scatters : array of shape (n_components, n_features, n_features)

    Returns
    -------
    spreads : array of shape (n_components, n_features)
        The eigenvalues, ascending.
    axes : array of shape (n_components, n_features, n_features)
        The eigenvectors, in rows.
    """
    k, d = scatters.shape[:2]
    spreads, axes = np.zeros((k, d)), np.zeros((k, d, d))
    along, one = np.zeros((1, d, d)), np.ones(1)
    for c in range(k):
        size = _size(scatters[c : c + 1])
        along[0] = factorise(scatters[c], size)
        for j in range(d):
            axes[c, j, j] = 1.0
        _rotate_to_minimum(along, axes[c], one, False, FINE)
        for j in range(d):
            spreads[c, j] = _dot(along[0, j], along[0, j]) * size
        _sort(spreads[c], axes[c])
    return spreads, axes


@serial
def _sort(values, rows):
    """Sort values, and rows with them, by insertion."""
    for i in range(1, len(values)):
        for j in range(i, 0, -1):
            if values[j - 1] <= values[j]:
                break
            values[j - 1], values[j] = values[j], values[j - 1]
            for m in range(rows.shape[1]):
                rows[j - 1, m], rows[j, m] = rows[j, m], rows[j - 1, m]


@serial
def common_axes(scatters, counts, one_volume, near):
    """Find the axes along which several scatter matrices are most likely.

    Parameters
    ----------
    scatters : array of shape (n_components, n_features, n_features)
        None of them zero.
    counts : array of shape (n_components,)
    one_volume : bool
        The objective is ``sum_k det_k^(1/d)`` where components share their volume,
        else ``sum_k counts_k log det_k``, with det_k the product of the spreads of
        component k along the axes.
    near : array of shape (n, n_features, n_features)
        Matrices with common axes from which to search too.

    Returns
    -------
    spreads : array of shape (n_components, n_features)
    axes : array of shape (n_features, n_features)
        In rows.

    Notes
    -----
    The objective has many minima. Starts are the axes of the sum, of the sum at equal
    sizes, of each, and of `near`; the best one is followed to its end.
    """
    k, d = scatters.shape[:2]
    _, starts = own_axes(_to_start_from(scatters, near))
    factors, size = np.zeros((k, d, d)), _size(scatters)
    for c in range(k):
        factors[c] = factorise(scatters[c], size)
    along, best_along = np.zeros((k, d, d)), np.zeros((k, d, d))
    best, lowest = starts[0], np.inf
    for s in range(len(starts)):
        _project(factors, starts[s], along)
        cost = _rotate_to_minimum(along, starts[s], counts, one_volume, ROUGH)
        if s == 0 or cost < lowest:
            best, lowest = starts[s], cost
            best_along[:] = along
    _rotate_to_minimum(best_along, best, counts, one_volume, FINE)
    # Once more from the factors: rotations one after the other add up their rounding.
    _project(factors, best, along)
    spreads = np.zeros((k, d))
    for c in range(k):
        for j in range(d):
            spreads[c, j] = _dot(along[c, j], along[c, j]) * size
    return spreads, best


@serial
def _size(scatters):
    """Return a unit in which spreads can be squared: axes are the same in any."""
    largest = 0.0
    for c in range(len(scatters)):
        largest = max(largest, _trace(scatters[c]))
    return largest if largest > 0.0 else 1.0


@serial
def _to_start_from(scatters, near):
    """Return the matrices whose axes are the starts of a search."""
    k, d = scatters.shape[:2]
    n_near = 1 if len(near) else 0
    out = np.zeros((2 + k + n_near, d, d))
    for c in range(k):
        out[2 + c] = scatters[c]
        _add(1.0, scatters[c], out[0])
        _add(1.0 / _trace(scatters[c]), scatters[c], out[1])
    for c in range(len(near)):
        # Unlike weights, so that spreads that differ in one differ in the sum.
        _add((1.0 + 0.618 * c) / _trace(near[c]), near[c], out[2 + k])
    return out


@serial
def _add(factor, matrix, out):
    d = len(matrix)
    for i in range(d):
        for j in range(d):
            out[i, j] += factor * matrix[i, j]


@serial
def _trace(matrix):
    total = 0.0
    for i in range(len(matrix)):
        total += matrix[i, i]
    return total


@serial
def _sum(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i]
    return total


@serial
def _dot(x, y):
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


@serial
def _project(factors, axes, along):
    """Fill ``along[c, j] = factors[c].T @ axes[j]``."""
    k, d = factors.shape[:2]
    for c in range(k):
        for j in range(d):
            for m in range(d):
                total = 0.0
                for i in range(m, d):
                    total += factors[c, i, m] * axes[j, i]
                along[c, j, m] = total


@serial
def _rotate_to_minimum(along, axes, counts, one_volume, precision):
    """Turn axes and what lies along them until they rest; return the objective."""
    k, d = along.shape[:2]
    logs = np.zeros((k, d))
    for c in range(k):
        for j in range(d):
            logs[c, j] = _log_square(along[c, j])
    weights, power = counts.copy(), 1.0 / d if one_volume else 0.0
    plane = np.zeros((3, k))
    for _ in range(MOST_SWEEPS):
        largest = 0.0
        for p in range(d - 1):
            for q in range(p + 1, d):
                if one_volume:
                    for c in range(k):
                        others = _sum(logs[c]) - logs[c, p] - logs[c, q]
                        weights[c] = math.exp(others / d)
                narrow, rounding = _describe_plane(along, p, q, plane)
                explore = precision == ROUGH
                angle = _best_angle(plane, weights, power, narrow, explore)
                if not abs(angle) * narrow > rounding:
                    continue
                largest = max(largest, abs(angle) * narrow)
                cos, sin = math.cos(angle), math.sin(angle)
                _rotate(axes[p], axes[q], cos, sin)
                for c in range(k):
                    _rotate(along[c, p], along[c, q], cos, sin)
                    logs[c, p] = _log_square(along[c, p])
                    logs[c, q] = _log_square(along[c, q])
        if largest < precision:
            break
    total = 0.0
    for c in range(k):
        log_det = _sum(logs[c])
        total += math.exp(log_det / d) if one_volume else counts[c] * log_det
    return total


@serial
def _log_square(x):
    return math.log(max(_dot(x, x), SMALLEST_SPREAD))


@serial
def _rotate(x, y, cos, sin):
    for i in range(len(x)):
        x[i], y[i] = cos * x[i] + sin * y[i], cos * y[i] - sin * x[i]


@serial
def _describe_plane(along, p, q, plane):
    """Fill a, b and area of every component.

    Return how narrow the narrowest is, which makes a move of an angle, and what is
    rounding of such a move.
    """
    narrow = rounding = 0.0
    for c in range(len(along)):
        x, y = along[c, p], along[c, q]
        xx, xy, yy = _dot(x, x), _dot(x, y), _dot(y, y)
        if xx < yy:
            x, y = y, x
        longer = max(xx, yy)
        share = xy / longer if longer > 0.0 else 0.0
        rest = 0.0
        for i in range(len(x)):
            rest += (y[i] - share * x[i]) ** 2
        area = max(longer * rest, SMALLEST_AREA * longer * longer, SMALLEST_SPREAD)
        plane[0, c], plane[1, c], plane[2, c] = (xx - yy) / 2.0, xy, area
        root = math.sqrt(area)
        narrow = max(narrow, math.hypot(plane[0, c], xy) / root)
        rounding = max(rounding, ROUNDING * math.sqrt(xx * yy) / root)
    return narrow, rounding


@serial
def _best_angle(plane, weights, power, narrow, explore):
    """Return an angle of lower cost, zero if none is found."""
    a, b = plane[0], plane[1]
    best, lowest = 0.0, _cost(0.0, plane, weights, power) if explore else np.inf
    if explore:  # the minima of a sum are near those of its terms
        for c in range(len(weights)):
            angle = _fold(0.5 * math.atan2(b[c], a[c]))
            cost = _cost(angle, plane, weights, power)
            if cost < lowest - 1e-12 * abs(lowest):
                best, lowest = angle, cost
    for _ in range(N_NEWTON):
        newton, safe = _steps(best, plane, weights, power)
        if abs(newton) * narrow > SURE:
            if lowest == np.inf:
                lowest = _cost(best, plane, weights, power)
            cost = _cost(best + newton, plane, weights, power)
            if not cost < lowest:
                newton, cost = safe, _cost(best + safe, plane, weights, power)
            if not cost < lowest:
                break
            lowest = cost
        best += newton
        if abs(newton) * narrow < SURE:
            break
    return _fold(best)


@serial
def _fold(angle):
    """Turn by right angles, which only renames axes, into -pi/4 to pi/4."""
    return angle - 0.5 * math.pi * math.floor(2.0 * angle / math.pi + 0.5)


@serial
def _cost(angle, plane, weights, power):
    """Return the part of the objective that an angle changes."""
    a, b, area = plane[0], plane[1], plane[2]
    cos, sin, total = math.cos(2.0 * angle), math.sin(2.0 * angle), 0.0
    for c in range(len(weights)):
        v = b[c] * cos - a[c] * sin
        product = area[c] + v * v
        total += weights[c] * (product**power if power else math.log(product))
    return total


@serial
def _steps(angle, plane, weights, power):
    """Return Newton's step, and Flury and Gautschi's, which never raises the cost.

    Theirs minimises a bound: the cost is concave in v^2, and v^2 is quadratic in the
    sine and cosine. For one matrix it is exact, and so it is both; it also is where
    Newton's has no curvature to go by.
    """
    a, b, area = plane[0], plane[1], plane[2]
    cos, sin = math.cos(2.0 * angle), math.sin(2.0 * angle)
    slope = curvature = even = mixed = 0.0
    for c in range(len(weights)):
        v = b[c] * cos - a[c] * sin
        u = a[c] * cos + b[c] * sin
        product = area[c] + v * v
        scale = weights[c] * (power * product**power if power else 1.0) / product
        # v turns into -2 u, and u into 2 v, as the angle grows.
        first = -4.0 * u * v
        slope += scale * first
        curvature += scale * (8.0 * (u * u - v * v))
        curvature += scale * (power - 1.0) * first * first / product
        even += scale * (u * u - v * v)
        mixed += scale * u * v
    safe = 0.25 * math.atan2(2.0 * mixed, even)
    if len(weights) == 1 or not curvature > 0.0:
        return safe, safe
    return -slope / curvature, safe
