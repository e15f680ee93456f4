"""One draw of means and covariances, given what the rows say: all conjugate priors.

A number that is neutral stands for a prior that is not there: precision 0 or shrinkage
0 for means, rate 0 or degrees 0 for what has no distribution of its own.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels.elementary import inner
from bayesgmm.kernels.factors import factorise, invert_factor
from bayesgmm.kernels.random_matrices import (
    draw_inverse_gaussian,
    draw_inverse_wishart,
    draw_wishart,
)

_SMALLEST = 1e-290


class ComponentsPrior(NamedTuple):
    """What is believed about means and covariances.

    means[k] ~ Normal(location, (shrinkage / covariance + precision / spread)^-1).

    Attributes
    ----------
    location, precision : array of shape (n_components or 1, n_features)
        Of normal means that do not depend on covariances; precision 0 where they do.
    shrinkage : float
        How many rows at `location` every component has beside its own; 0 for none.
    spread_shape, spread_rate : float
        spread[j] ~ Gamma(shape, rate) divides precisions; rate 0: it is one.
    degrees : float
        covariances ~ InverseWishart(degrees, scale) or, without `matrices`,
        variances ~ InverseGamma(degrees / 2, scale / 2).
    matrices, shared : bool
        Whether covariances are full, and whether there is one for all components.
    n_axes : int
        How many variances a component has: one a feature, or one. Feature j has that of
        axis ``j % n_axes``.
    scale_degrees : float
        scale ~ Wishart(scale_degrees, inverse of scale_precision), or, without
        `matrices`, independent gamma variables on its diagonal; 0: it is known.
    scale_precision : array of shape (n_features, n_features)
    """

    location: Floats
    precision: Floats
    shrinkage: float
    spread_shape: float
    spread_rate: float
    degrees: float
    matrices: bool
    shared: bool
    n_axes: int
    scale_degrees: float
    scale_precision: Floats


class Components(NamedTuple):
    """Where a chain is; draws overwrite it.

    Attributes
    ----------
    means : array of shape (n_components, n_features)
    lower : array of shape (n_components, n_features, n_features)
        Cholesky factors of covariances.
    upper : array of the same shape
        Their transposed inverses: precision = upper @ upper.T.
    spread : array of shape (n_features,)
    scale : array of shape (n_components or 1, n_features, n_features)
        Where there are axes: of axis j at [j, j].
    """

    means: Floats
    lower: Floats
    upper: Floats
    spread: Floats
    scale: Floats


@inner
def draw_components(rng, prior, now, total, first, last):
    """Draw means and covariances of the components `first` to `last`.

    Where `prior.shrinkage` is above zero the covariances are drawn with the means
    integrated out; else the means given the covariances, then these given the means.
    Statistics are centred on ``now.means``. A shared covariance is drawn if `first` is
    0, from the statistics of these components alone.
    """
    n_features = now.means.shape[1]
    shift = np.zeros((last - first, n_features))  # from the centre to the mean
    for k in range(first, last):
        if prior.shrinkage > 0.0:
            _expect_mean(prior, now, total, k, shift[k - first])
        elif prior.matrices:
            _draw_mean(rng, prior, now, total, k, shift[k - first])
        else:
            _draw_mean_by_feature(rng, prior, now, total, k, shift[k - first])
    _draw_covariances(rng, prior, now, total, first, last, shift)
    for k in range(first, last):
        if prior.shrinkage > 0.0:
            size = math.sqrt(total.counts[k] + prior.shrinkage)
            _add_noise(rng, now.lower[k], size, shift[k - first])
        for i in range(n_features):
            now.means[k, i] += shift[k - first, i]


@inner
def _expect_mean(prior, now, total, k, shift):
    """Fill the shift to the mean of the rows and those the prior stands for."""
    location = prior.location[k % len(prior.location)]
    size = total.counts[k] + prior.shrinkage
    for i in range(len(shift)):
        own = prior.shrinkage * (location[i] - now.means[k, i])
        shift[i] = (total.sums[k, i] + own) / size


@inner
def _add_noise(rng, lower, size, shift):
    d = len(shift)
    for j in range(d):
        z = rng.standard_normal() / size
        for i in range(j, d):
            shift[i] += lower[i, j] * z


@inner
def _draw_mean_by_feature(rng, prior, now, total, k, shift):
    """Draw a mean given variances."""
    row, n = k % len(prior.location), total.counts[k]
    for i in range(len(shift)):
        own = prior.precision[row, i] / now.spread[i]
        each = now.upper[k, i, i] * now.upper[k, i, i]
        q = n * each + own
        gap = prior.location[row, i] - now.means[k, i]
        shift[i] = (each * total.sums[k, i] + own * gap) / q
        shift[i] += rng.standard_normal() / math.sqrt(q)


@inner
def _draw_mean(rng, prior, now, total, k, shift):
    """Draw a mean given a covariance matrix."""
    d, row, upper = len(shift), k % len(prior.location), now.upper[k]
    q, along = np.zeros((d, d)), np.zeros(d)
    for m in range(d):
        for i in range(m + 1):
            along[m] += upper[i, m] * total.sums[k, i]
    for i in range(d):
        own = prior.precision[row, i] / now.spread[i]
        shift[i] = own * (prior.location[row, i] - now.means[k, i])
        for m in range(i, d):
            shift[i] += upper[i, m] * along[m]
        for j in range(i + 1):
            for m in range(i, d):
                q[i, j] += total.counts[k] * upper[i, m] * upper[j, m]
        q[i, i] += own
    inverse = invert_factor(factorise(q, 1.0))
    for i in range(d):
        along[i] = rng.standard_normal()
        for j in range(i + 1):
            along[i] += inverse[i, j] * shift[j]
    for i in range(d):
        shift[i] = 0.0
        for m in range(i, d):
            shift[i] += inverse[m, i] * along[m]


@inner
def _draw_covariances(rng, prior, now, total, first, last, shift):
    d = now.means.shape[1]
    if prior.shared:
        if first == 0:
            pooled, n = np.zeros((d, d)), 0.0
            for k in range(last):
                n += total.counts[k]
                _add_scatter(prior, now, total, k, shift[k], pooled)
            _draw_covariance(rng, prior, now, first, n, pooled)
        for k in range(max(first, 1), last):
            _copy_covariance(now, k)
        return
    for k in range(first, last):
        scatter = np.zeros((d, d))
        _add_scatter(prior, now, total, k, shift[k - first], scatter)
        _draw_covariance(rng, prior, now, k, total.counts[k], scatter)


@inner
def _copy_covariance(now, k):
    """Give a component the covariance of the first one."""
    # In loops: Numba takes five seconds to compile a copy between slices.
    d = now.means.shape[1]
    for i in range(d):
        for j in range(d):
            now.lower[k, i, j] = now.lower[0, i, j]
            now.upper[k, i, j] = now.upper[0, i, j]


@inner
def _add_scatter(prior, now, total, k, shift, scatter):
    """Add the scatter of a component's rows about its mean, and of the prior's rows."""
    d, location = len(shift), prior.location[k % len(prior.location)]
    n, s = total.counts[k], prior.shrinkage
    sums, outer = total.sums[k], total.outer_products[k]
    for i in range(d):
        gap = location[i] - now.means[k, i] - shift[i]
        for j in range(i, d if prior.matrices else i + 1):
            other = location[j] - now.means[k, j] - shift[j]
            value = outer[i, j] - sums[i] * shift[j] - shift[i] * sums[j]
            value += n * shift[i] * shift[j] + s * gap * other
            scatter[i, j] += value
            if j > i:
                scatter[j, i] += value


@inner
def _draw_covariance(rng, prior, now, k, n, scatter):
    """Draw the covariance of `n` rows, which overwrites `scatter`."""
    d, scale = len(scatter), now.scale[k % len(now.scale)]
    if prior.matrices:
        for i in range(d):
            for j in range(d):
                scatter[i, j] += scale[i, j]
        root = factorise(scatter, 1.0)
        degrees = prior.degrees + n
        draw_inverse_wishart(rng, degrees, root, now.lower[k], now.upper[k])
        return
    n_axes = prior.n_axes
    for axis in range(n_axes):
        rate = scale[axis, axis]
        for i in range(axis, d, n_axes):
            rate += scatter[i, i]
        n_numbers = n * ((d - axis - 1) // n_axes + 1)
        gamma = rng.standard_gamma(0.5 * (prior.degrees + n_numbers))
        sd = math.sqrt(0.5 * rate / gamma)
        for i in range(axis, d, n_axes):
            now.lower[k, i, i], now.upper[k, i, i] = sd, 1.0 / sd


@inner
def draw_hyperparameters(rng, prior, now, n_components):
    """Draw the scale of covariances and the spread of means, given the components."""
    if prior.scale_degrees > 0.0:
        n_covariances = 1 if prior.shared else n_components
        degrees = prior.scale_degrees + n_covariances * prior.degrees
        if prior.matrices:
            _draw_scale(rng, prior, now, n_covariances, degrees)
        else:
            _draw_scales(rng, prior, now, n_covariances, degrees)
    if prior.spread_rate > 0.0:
        _draw_spread(rng, prior, now, n_components)


@inner
def _draw_scale(rng, prior, now, n_covariances, degrees):
    d = now.means.shape[1]
    precision = prior.scale_precision.copy()
    for k in range(n_covariances):
        upper = now.upper[k]
        for i in range(d):
            for j in range(d):
                for m in range(max(i, j), d):
                    precision[i, j] += upper[i, m] * upper[j, m]
    draw_wishart(rng, degrees, factorise(precision, 1.0), now.scale[0])


@inner
def _draw_scales(rng, prior, now, n_covariances, degrees):
    for axis in range(prior.n_axes):
        rate = prior.scale_precision[axis, axis]
        for k in range(n_covariances):
            rate += now.upper[k, axis, axis] ** 2
        now.scale[0, axis, axis] = 2.0 * rng.standard_gamma(0.5 * degrees) / rate


@inner
def _draw_spread(rng, prior, now, n_components):
    power = prior.spread_shape - 0.5 * n_components
    for j in range(len(now.spread)):
        b = _SMALLEST
        for k in range(n_components):
            row = k % len(prior.location)
            gap = now.means[k, j] - prior.location[row, j]
            b += gap * gap * prior.precision[row, j]
        now.spread[j] = draw_inverse_gaussian(rng, power, 2.0 * prior.spread_rate, b)
