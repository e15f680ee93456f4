"""Free variables of the covariances of a family, with their priors, to lower factors.

All families share one belief: along its axes a component has independent log-normal
standard deviations. What a family leaves to vary of them keeps the distribution that it
has there. The mean of their logs, half the log of the volume, is normal, with the
scale over the root of the number of features, and independent of their differences,
the shape, which are normal on what sums to zero. Balls, which have no differences, keep
the scale itself. Axes point anywhere with the same probability: rotations are uniform.

Around what shapes are depends on whether axes have names. Along features they are
around the relative spreads of the columns. Free axes have no column, so shapes are
around a ball, wider by the standard deviation of the logs of the spreads of columns.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.util import UNSET

from bayesgmm.dims import AXIS, COMPONENT, FEATURE
from bayesgmm.marginal.constants import as_constant
from bayesgmm.marginal.definite_ops import lower_factors
from bayesgmm.marginal.family_ops import factors_along_axes, factors_of_volumes
from bayesgmm.marginal.ops import covariance_cholesky
from bayesgmm.marginal.structure import Maps, Structure
from bayesgmm.marginal.transforms import Turn, fisher_z, log_contrasts
from bayesgmm.priors import LogNormalLKJ

OPS = Maps(covariance_cholesky, factors_of_volumes, factors_along_axes, lower_factors)

# (name, variable, dims, unconstraining transform) -> the variable in the model.
Add = Callable[..., Any]


def add_factors(structure: Structure, prior: LogNormalLKJ, add: Add, sizes, base=None):
    """Declare the free variables of a family's covariances in the model.

    Parameters
    ----------
    structure : Structure
    prior : LogNormalLKJ
    add : function
        ``add(name, variable, dims, transform)`` registers a random variable.
    sizes : dict
        Length of each dimension.
    base : array, optional
        Orientations from which turns are counted: EM's. The posterior is the same
        from any, as rotations are uniform.

    Returns
    -------
    tensor of shape (n_components, n_features, n_features)
        Lower Cholesky factors of the covariances.
    """
    parts = {}
    for name, dims in structure.dims.items():
        shape = tuple(sizes[dim] for dim in dims)
        variable, transform = _PRIORS[name](prior, dims, shape, base)
        parts[name] = add(name, variable, dims, transform)
    return structure.factors(OPS, parts, sizes[COMPONENT], sizes[FEATURE])


# -- priors: (prior, dims, shape, base) -> random variable, transform ------------


def _location(prior, dims):
    """Return medians of log standard deviations, of all components if they share."""
    location = prior.sds_log_location
    shared = location.ndim == 2 and COMPONENT not in dims
    return location.mean(axis=0) if shared else location


def _log_ratios(prior, dims):
    """Return the same of relative standard deviations of features."""
    location = _location(prior, dims)
    return location - location.mean(axis=-1, keepdims=True)


def _standard_deviations(prior, dims, shape, base):  # noqa: ARG001
    location = _location(prior, dims)
    if FEATURE not in dims:
        location = location.mean(axis=-1)
    scale = as_constant(prior.sds_log_scale)
    return pm.LogNormal.dist(as_constant(location), scale, shape=shape), UNSET


def _volumes(prior, dims, shape, base):  # noqa: ARG001
    location = as_constant(2.0 * _location(prior, dims).mean(axis=-1))
    scale = as_constant(2.0 * prior.sds_log_scale / np.sqrt(prior.n_features))
    return pm.LogNormal.dist(location, scale, shape=shape), UNSET


def _shapes(prior, dims, shape, base):  # noqa: ARG001
    ratios, scale = _log_ratios(prior, dims), prior.sds_log_scale
    if AXIS in dims:  # the axes are no columns: as wide as columns differ
        scale = np.hypot(scale, _log_ratios(prior, ()).std(ddof=1))
        ratios = 0.0 * ratios
    return _of_product_one(2.0 * ratios, 2.0 * scale, shape), log_contrasts


def _relative_standard_deviations(prior, dims, shape, base):  # noqa: ARG001
    ratios = _log_ratios(prior, dims)
    return _of_product_one(ratios, prior.sds_log_scale, shape), log_contrasts


def _of_product_one(location, scale, shape):
    """Return positive numbers whose logs are normal on what sums to zero."""
    median = np.broadcast_to(np.exp(location), shape)
    return pm.CustomDist.dist(
        as_constant(location),
        as_constant(scale),
        logp=_product_one_logp,
        random=_product_one_random,
        support_point=lambda *_: pt.as_tensor_variable(median),
        signature="(d),()->(d)",
        class_name="LogNormalOfProductOne",
        shape=shape,
    )


def _product_one_logp(value, location, scale):
    z, n = (pt.log(value) - location) / scale, value.type.shape[-1] - 1
    constant = n * (pt.log(scale) + 0.5 * np.log(2.0 * np.pi))
    return -0.5 * (z**2).sum(-1) - constant


def _product_one_random(location, scale, rng=None, size=None):
    size = np.shape(location)[:-1] if size is None else tuple(size)
    z = rng.standard_normal((*size, np.shape(location)[-1]))
    z -= z.mean(axis=-1, keepdims=True)
    return np.exp(location + np.asarray(scale)[..., None] * z)


def _orientations(prior, dims, shape, base):  # noqa: ARG001
    point = np.array(np.broadcast_to(np.eye(shape[-1]), shape))
    variable = pm.CustomDist.dist(
        np.eye(shape[-1]),  # says how many features
        logp=_uniform_logp,
        random=_uniform_random,
        support_point=lambda *_: pt.as_tensor_variable(point),
        signature="(d,d)->(d,d)",
        class_name="UniformRotation",
        shape=shape,
    )
    return variable, Turn(point if base is None else base)


def _uniform_logp(value, frame):  # noqa: ARG001
    return pt.zeros_like(value[..., 0, 0])


def _uniform_random(frame, rng=None, size=None):
    """Orthonormalise normal columns, the signs such that nothing prefers any."""
    size = np.shape(frame)[:-2] if size is None else tuple(size)
    q, r = np.linalg.qr(rng.standard_normal((*size, *np.shape(frame)[-2:])))
    q *= np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    q[..., :, 0] *= np.sign(np.linalg.det(q))[..., None]
    return q


def _partial_correlations(prior, dims, shape, base):  # noqa: ARG001
    """LKJ as independent scaled Beta variables of a C-vine.

    References
    ----------
    .. [1] Lewandowski, Kurowicka and Joe (2009), J. Multivariate Anal. 100.
    """
    n_features = prior.n_features
    level = np.array([j for j, _ in pairs(range(n_features))])
    variable = pm.CustomDist.dist(
        prior.correlations_eta + 0.5 * (n_features - 2 - level),
        logp=_partial_logp,
        random=_partial_random,
        class_name="PartialCorrelation",
        shape=shape,
    )
    return variable, fisher_z


def pairs(items):
    """Pairs below the diagonal, row by row: the order of the kernels."""
    return sorted(combinations(items, 2), key=lambda pair: items.index(pair[1]))


def _partial_logp(value, shape):
    """Beta(shape, shape), stretched from (0, 1) to (-1, 1)."""
    log_beta = 2.0 * pt.gammaln(shape) - pt.gammaln(2.0 * shape)
    log_constant = (2.0 * shape - 1.0) * np.log(2.0) + log_beta
    return (shape - 1.0) * pt.log1p(-(value**2)) - log_constant


def _partial_random(shape, rng=None, size=None):
    return 2.0 * rng.beta(shape, shape, size=size) - 1.0


_PRIORS = {
    "standard_deviations": _standard_deviations,
    "partial_correlations": _partial_correlations,
    "volumes": _volumes,
    "shapes": _shapes,
    "relative_standard_deviations": _relative_standard_deviations,
    "orientations": _orientations,
}
