"""Common axes of several scatter matrices, by plane rotations.

Flury and Gautschi (1986), *An algorithm for simultaneous orthogonal transformation of
several positive definite symmetric matrices to nearly diagonal form*, SIAM J. Sci.
Stat. Comput. 7:169-184, rotate two axes at a time. Here every rotation is the best one
in its plane: along it, spread k is ``m_k + u`` on one axis and ``m_k - u`` on the other
with ``u = a_k cos 2t + b_k sin 2t``, so the objective is a function of one angle.
"""

import math

import numpy as np

from bayesgmm.kernels.elementary import serial

N_ANGLES = 12  # tried in a plane before Newton's method refines the best
N_NEWTON = 8
SMALLEST_ANGLE = 1e-10
MOST_SWEEPS = 200
ROUNDING = 1e-15  # a spread is none if it is less than this part of the sum of all


@serial
def common_axes(scatters, counts, one_volume, axes):
    """Rotate `axes` to a minimum of the objective and return the objective.

    Parameters
    ----------
    scatters : array of shape (n_components, n_features, n_features)
        None of them zero.
    counts : array of shape (n_components,)
    one_volume : bool
        The objective is ``sum_k det_k^(1/d)`` where components share their volume,
        else ``sum_k counts_k log det_k``, with det_k the product of the spreads of
        component k along the axes.
    axes : array of shape (n_features, n_features)
        Orthogonal, the axes in columns. Changed in place.
    """
    k, d = len(counts), len(axes)
    turned = np.empty((k, d, d))
    for c in range(k):
        turned[c] = axes.T @ scatters[c] @ axes
    weights, power = counts.copy(), 1.0 / d if one_volume else 0.0
    m, a, b = np.empty(k), np.empty(k), np.empty(k)
    for _ in range(MOST_SWEEPS):
        largest = 0.0
        for p in range(d - 1):
            for q in range(p + 1, d):
                for c in range(k):
                    t = turned[c]
                    m[c] = (t[p, p] + t[q, q]) / 2.0
                    a[c] = (t[p, p] - t[q, q]) / 2.0
                    b[c] = t[p, q]
                    if one_volume:
                        weights[c] = _root_of_others(t, p, q)
                angle = _best_angle(m, a, b, weights, power)
                if angle != 0.0:
                    _rotate(turned, axes, p, q, angle)
                largest = max(largest, abs(angle))
        if largest < SMALLEST_ANGLE:
            break
    return _objective(turned, counts, one_volume)


@serial
def _root_of_others(turned, p, q):
    """Return the product of the spreads off the plane to the power 1/d."""
    d, total = len(turned), 0.0
    for j in range(d):
        if j not in (p, q):
            total += math.log(max(turned[j, j], 1e-300))
    return math.exp(total / d)


@serial
def _cost(angle, m, a, b, weights, power):
    """Return the part of the objective that an angle changes."""
    cos, sin, total = math.cos(2.0 * angle), math.sin(2.0 * angle), 0.0
    for c in range(len(m)):
        u = a[c] * cos + b[c] * sin
        product = max(m[c] * m[c] - u * u, 1e-300)
        total += weights[c] * (product**power if power else math.log(product))
    return total


@serial
def _best_angle(m, a, b, weights, power):
    """Return the angle of lowest cost, zero unless another is lower."""
    step = 0.5 * math.pi / N_ANGLES
    best, lowest = 0.0, _cost(0.0, m, a, b, weights, power)
    for i in range(1, N_ANGLES):
        angle = i * step if 2 * i <= N_ANGLES else (i - N_ANGLES) * step
        cost = _cost(angle, m, a, b, weights, power)
        if cost < lowest - 1e-12 * abs(lowest):
            best, lowest = angle, cost
    for _ in range(N_NEWTON):
        slope, curvature = _derivatives(best, m, a, b, weights, power)
        if not curvature > 0.0:
            break
        move = min(max(-slope / curvature, -step), step)
        best += move
        if abs(move) < SMALLEST_ANGLE:
            break
    # What Newton's method wins at last is less than the rounding of the cost.
    worse = _cost(best, m, a, b, weights, power) > lowest + 1e-12 * abs(lowest)
    return 0.0 if worse else best


@serial
def _derivatives(angle, m, a, b, weights, power):
    """Return the first and second derivative of the cost."""
    cos, sin = math.cos(2.0 * angle), math.sin(2.0 * angle)
    slope = curvature = 0.0
    for c in range(len(m)):
        u = a[c] * cos + b[c] * sin
        v = 2.0 * (b[c] * cos - a[c] * sin)
        product = max(m[c] * m[c] - u * u, 1e-300)
        first, second = -2.0 * u * v, 8.0 * u * u - 2.0 * v * v
        scale = weights[c] * (power * product**power if power else 1.0) / product
        slope += scale * first
        curvature += scale * (second + (power - 1.0) * first * first / product)
    return slope, curvature


@serial
def _rotate(turned, axes, p, q, angle):
    cos, sin = math.cos(angle), math.sin(angle)
    for c in range(len(turned)):
        t = turned[c]
        for j in range(len(axes)):
            x, y = t[j, p], t[j, q]
            t[j, p], t[j, q] = cos * x + sin * y, cos * y - sin * x
        for j in range(len(axes)):
            x, y = t[p, j], t[q, j]
            t[p, j], t[q, j] = cos * x + sin * y, cos * y - sin * x
    for j in range(len(axes)):
        x, y = axes[j, p], axes[j, q]
        axes[j, p], axes[j, q] = cos * x + sin * y, cos * y - sin * x


@serial
def _objective(turned, counts, one_volume):
    d, total = turned.shape[1], 0.0
    for c in range(len(counts)):
        log_det, smallest = 0.0, ROUNDING * np.trace(turned[c])
        for j in range(d):
            spread = turned[c, j, j]
            log_det += math.log(spread if spread > smallest else 1e-300)
        total += math.exp(log_det / d) if one_volume else counts[c] * log_det
    return total
