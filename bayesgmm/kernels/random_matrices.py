"""Random numbers, vectors and matrices that NumPy's generators do not offer.

All take a `numpy.random.Generator`. Written in loops: see `factors.py`.
"""

import math

import numpy as np

from bayesgmm.kernels.elementary import inner, serial
from bayesgmm.kernels.factors import invert_factor


@serial
def draw_log_gamma(rng, shape):
    """Draw the log of a gamma variable of rate one, however small its shape is.

    A gamma variable of shape e is one of shape e + 1 times a uniform one to the power
    1 / e: in logarithms it does not vanish.
    """
    if shape >= 1.0:
        return math.log(rng.standard_gamma(shape))
    return (
        math.log(rng.standard_gamma(shape + 1.0)) - rng.standard_exponential() / shape
    )


@inner
def draw_root_wishart(rng, degrees, d):
    """Draw an upper triangular U: ``U @ U.T`` is Wishart(degrees, identity).

    References
    ----------
    .. [1] M. S. Bartlett (1933), *On the theory of statistical regression*, Proc. Roy.
       Soc. Edinburgh 53:260-283. Here with the features in reverse.
    """
    upper = np.zeros((d, d))
    for i in range(d):
        chi2 = 2.0 * rng.standard_gamma(0.5 * (degrees - (d - 1 - i)))
        upper[i, i] = math.sqrt(chi2)
        for j in range(i + 1, d):
            upper[i, j] = rng.standard_normal()
    return upper


@serial
def draw_inverse_wishart(rng, degrees, root, lower, upper):
    """Draw a covariance ~ InverseWishart(degrees, root @ root.T), as its factors.

    Parameters
    ----------
    rng : numpy.random.Generator
    degrees : float
    root : array of shape (d, d)
        Lower triangular.
    lower : array of shape (d, d)
        Filled: lower triangular, covariance = lower @ lower.T.
    upper : array of shape (d, d)
        Filled with the transposed inverse: precision = upper @ upper.T.
    """
    d = len(root)
    bartlett = draw_root_wishart(rng, degrees, d)
    back = np.zeros((d, d))  # its inverse, transposed: lower triangular
    for j in range(d):
        back[j, j] = 1.0 / bartlett[j, j]
        for i in range(j - 1, -1, -1):
            total = 0.0
            for m in range(i + 1, j + 1):
                total += bartlett[i, m] * back[j, m]
            back[j, i] = -total / bartlett[i, i]
    inverse = invert_factor(root)
    for i in range(d):
        for j in range(d):
            below = above = 0.0
            for m in range(j, i + 1):
                below += root[i, m] * back[m, j]
            for m in range(i, j + 1):
                above += inverse[m, i] * bartlett[m, j]
            lower[i, j], upper[i, j] = below, above


@serial
def draw_wishart(rng, degrees, root, out):
    """Fill `out` with a draw from Wishart(degrees, inverse of root @ root.T).

    `root` is lower triangular; the mean is ``degrees`` times that inverse.
    """
    d = len(root)
    bartlett, inverse = draw_root_wishart(rng, degrees, d), invert_factor(root)
    half = np.zeros((d, d))
    for i in range(d):
        for j in range(i, d):
            for m in range(i, j + 1):
                half[i, j] += inverse[m, i] * bartlett[m, j]
    for i in range(d):
        for j in range(d):
            total = 0.0
            for m in range(max(i, j), d):
                total += half[i, m] * half[j, m]
            out[i, j] = total


@inner
def _log_hat(x, alpha, p):
    """Return the log density of the log of the variable, and its slope; both 0 at 0."""
    sinh = math.sinh(0.5 * x)
    height = -2.0 * alpha * sinh * sinh - p * (math.expm1(x) - x)
    return height, -alpha * math.sinh(x) - p * math.expm1(x)


@serial
def draw_inverse_gaussian(rng, power, a, b):
    """Draw x > 0 of density proportional to ``x**(power - 1) exp(-(a x + b / x) / 2)``.

    The generalized inverse Gaussian distribution, a > 0 and b > 0, by rejection from a
    flat top with exponential tails around the log-concave density of log x [1]_.

    References
    ----------
    .. [1] L. Devroye (2014), *Random variate generation for the generalized inverse
       Gaussian distribution*, Stat. Comput. 24:239-246.
    """
    p, omega = abs(power), math.sqrt(a * b)
    alpha = omega * (omega / (math.sqrt(omega * omega + p * p) + p))
    t, s = _right_end(alpha, p), _left_end(alpha, p)
    eta, zeta = _log_hat(t, alpha, p)
    theta, xi = _log_hat(-s, alpha, p)
    right, left = -1.0 / zeta, 1.0 / xi  # widths of the tails
    from_, to = -(s + left * theta), t + right * eta
    flat = to - from_
    while True:
        which = rng.random() * (left + flat + right)
        v = 1.0 - rng.random()
        if which < flat:
            x, hat = from_ + flat * v, 0.0
        elif which < flat + right:
            x = to - right * math.log(v)
            hat = eta + zeta * (x - t)
        else:
            x = from_ + left * math.log(v)
            hat = theta + xi * (x + s)
        height, _ = _log_hat(x, alpha, p)
        if math.log(1.0 - rng.random()) + hat <= height:
            break
    mode = (p + math.sqrt(p * p + omega * omega)) / omega
    y = mode * math.exp(x)
    return math.sqrt(b / a) * (y if power >= 0.0 else 1.0 / y)


@inner
def _right_end(alpha, p):
    height = -_log_hat(1.0, alpha, p)[0]
    if height > 2.0:
        return math.sqrt(2.0 / (alpha + p))
    if height < 0.5:
        return math.log(4.0 / (alpha + 2.0 * p))
    return 1.0


@inner
def _left_end(alpha, p):
    height = -_log_hat(-1.0, alpha, p)[0]
    if height > 2.0:
        return math.sqrt(4.0 / (alpha * math.cosh(1.0) + p))
    if height < 0.5:
        reach = math.log1p(1.0 / alpha + math.sqrt(1.0 / (alpha * alpha) + 2.0 / alpha))
        return min(1.0 / p, reach) if p > 0.0 else reach
    return 1.0
