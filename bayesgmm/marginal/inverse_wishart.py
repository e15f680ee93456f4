"""Inverse-Wishart priors on covariances in PyMC: free variables to lower factors.

Whole matrices are variables themselves, unconstrained as the logs of their standard
deviations and the Fisher-transformed partial correlations. Variances are sampled as
the standard deviations of their family.
"""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import log
from pymc.logprob.transforms import Transform
from pymc.util import UNSET

from bayesgmm.dims import COMPONENT, FEATURE, FEATURE_BIS
from bayesgmm.marginal.constants import as_constant
from bayesgmm.marginal.definite_ops import lower_factors, partials_of, whiten
from bayesgmm.marginal.ops import covariance_cholesky
from bayesgmm.marginal.spread import OPS, Add
from bayesgmm.marginal.structure import Structure
from bayesgmm.priors import HierarchicalInverseWishart
from bayesgmm.priors.covariances import draw_wishart

SCALE = "covariances_scale"


def add_inverse_wishart(structure: Structure, prior, add: Add, sizes, base=None):  # noqa: ARG001
    """Declare the covariances of a family of whole matrices or whole variances.

    As `spread.add_factors`, for `InverseWishart` and `HierarchicalInverseWishart`.
    """
    ((name, dims),) = structure.dims.items()
    shape = tuple(sizes[dim] for dim in dims)
    form = _variances if name == "standard_deviations" else _matrices
    variable, transform = form(prior, add, dims, shape)
    parts = {name: add(name, variable, dims, transform)}
    return structure.factors(OPS, parts, sizes[COMPONENT], sizes[FEATURE])


def _matrices(prior, add, dims, shape):  # noqa: ARG001
    return inverse_wishart(
        prior.degrees_of_freedom, _scale_factors(prior, add), shape
    ), definite


def _scale_factors(prior, add):
    """Return lower factors of the scale, a stack of one or of all components."""
    if not isinstance(prior, HierarchicalInverseWishart):
        return as_constant(np.linalg.cholesky(_stack(prior.scale, 3)))
    scale = _wishart(prior.scale_degrees_of_freedom, prior.scale_matrix)
    return lower_factors(add(SCALE, scale, (FEATURE, FEATURE_BIS), definite)[None])


def _variances(prior, add, dims, shape):
    degrees, scale = prior.degrees_of_freedom, _scale_variances(prior, add, dims)
    return _root_inverse_gamma(degrees, scale, shape), log


def _scale_variances(prior, add, dims):
    """Return the scale of every feature, or their mean for balls."""
    if not isinstance(prior, HierarchicalInverseWishart):
        return as_constant(_of_features(prior.scale, dims))
    own = dims[-1:] if FEATURE in dims else ()
    rates = 0.5 / _of_features(prior.scale_matrix, dims)
    gamma = pm.Gamma.dist(
        as_constant(0.5 * prior.scale_degrees_of_freedom),
        as_constant(rates),
        shape=rates.shape,
    )
    variances = add("scale_variances", gamma, own, UNSET)
    matrix = variances * np.eye(prior.n_features)
    pm.Deterministic(SCALE, matrix, dims=(FEATURE, FEATURE_BIS))
    return variances


def _of_features(matrices, dims):
    variances = np.diagonal(matrices, axis1=-2, axis2=-1)
    if FEATURE not in dims:
        variances = variances.mean(axis=-1)
    shared = matrices.ndim == 3 and COMPONENT not in dims
    return variances[0] if shared else variances


class Definite(Transform):
    """Positive definite matrices to log deviations and Fisher z of partials, joined."""

    name = "definite"
    ndim_supp = 2

    def forward(self, value, *inputs):  # noqa: ARG002
        lower = lower_factors(_stack(value, 3))
        sds = pt.sqrt((lower**2).sum(-1))
        joined = pt.concatenate([pt.log(sds), pt.arctanh(partials_of(lower))], axis=1)
        return joined if value.ndim == 3 else joined[0]

    def backward(self, value, *inputs):  # noqa: ARG002
        rows = _stack(value, 2)
        d = _n_features(rows.type.shape[1])
        lower = covariance_cholesky(pt.exp(rows[:, :d]), pt.tanh(rows[:, d:]))
        matrices = pt.matmul(lower, lower.mT)
        return matrices if value.ndim == 2 else matrices[0]

    def log_jac_det(self, value, *inputs):  # noqa: ARG002
        d = _n_features(value.type.shape[-1])
        level = np.array([m for i in range(d) for m in range(i)])
        z = value[..., d:]
        log_gaps = 2.0 * (np.log(2.0) - z - pt.softplus(-2.0 * z))
        total = (log_gaps * (0.5 * (d - level))).sum(-1)
        return total + (d + 1.0) * value[..., :d].sum(-1) + d * np.log(2.0)


definite = Definite()


def _n_features(n_numbers):
    return int((np.sqrt(8 * n_numbers + 1) - 1) / 2)


def _stack(value, ndim):
    return value if value.ndim == ndim else value[None]


# -- whole matrices ----------------------------------------------------------------


def inverse_wishart(degrees, scale_factors, shape):
    """Return covariances as a random variable.

    Parameters
    ----------
    degrees : float
    scale_factors : tensor of shape (n, n_features, n_features)
        Lower factors of the scales; n is 1 or the number of matrices.
    shape : tuple
        (n_features, n_features), or with components before.
    """
    return pm.CustomDist.dist(
        as_constant(degrees),
        scale_factors if len(shape) == 3 else scale_factors[0],
        logp=_inverse_wishart_logp,
        random=_inverse_wishart_random,
        support_point=lambda rv, size, nu, lower: _spread(lower, shape) / nu,  # noqa: ARG005
        signature="(),(d,d)->(d,d)",
        class_name="InverseWishart",
        shape=shape,
    )


def _spread(lower, shape):
    return pt.broadcast_to(pt.matmul(lower, lower.mT), shape)


def _inverse_wishart_logp(value, degrees, scale_factors):
    lower, scale = lower_factors(_stack(value, 3)), _stack(scale_factors, 3)
    d = value.type.shape[-1]
    traces = (whiten(lower, scale) ** 2).sum((-2, -1))
    logs = degrees * _log_roots(scale) - (degrees + d + 1.0) * _log_roots(lower)
    total = logs - 0.5 * traces - _log_constant(degrees, d)
    return total if value.ndim == 3 else total[0]


def _inverse_wishart_random(degrees, scale_factors, rng=None, size=None):
    lower = _of_size(scale_factors, size)
    scale = lower @ np.swapaxes(lower, -1, -2)
    precisions = draw_wishart(rng, np.ravel(degrees)[0], np.linalg.inv(scale))
    return np.linalg.inv(precisions)


def _wishart(degrees, matrix):
    """Return one scale as a random variable."""
    factor = np.linalg.cholesky(matrix)
    return pm.CustomDist.dist(
        as_constant(degrees),
        as_constant(factor),
        logp=_wishart_logp,
        random=_wishart_random,
        support_point=lambda rv, size, h, lower: h * _spread(lower, matrix.shape),  # noqa: ARG005
        signature="(),(d,d)->(d,d)",
        class_name="Wishart",
        shape=matrix.shape,
    )


def _wishart_logp(value, degrees, factor):
    lower, d = lower_factors(value[None]), value.type.shape[-1]
    trace = (whiten(factor[None], lower) ** 2).sum()
    log_roots = (degrees - d - 1.0) * _log_roots(lower)[0]
    log_roots -= degrees * _log_roots(factor[None])[0]
    return log_roots - 0.5 * trace - _log_constant(degrees, d)


def _wishart_random(degrees, factor, rng=None, size=None):
    lower = _of_size(factor, size)
    return draw_wishart(rng, np.ravel(degrees)[0], lower @ np.swapaxes(lower, -1, -2))


def _of_size(factors, size):
    shape = np.shape(factors)
    shape = shape if size is None else (*size, *shape[-2:])
    return np.array(np.broadcast_to(factors, shape))


def _log_roots(lower):
    """Half the log determinants."""
    return pt.log(pt.diagonal(lower, axis1=-2, axis2=-1)).sum(-1)


def _log_constant(degrees, d):
    """What both distributions are divided by, but for their scale."""
    total = pt.gammaln(0.5 * (degrees - np.arange(d))).sum(-1)
    pi, two = d * (d - 1) / 4 * np.log(np.pi), 0.5 * d * np.log(2.0)
    return total + pi + degrees * two


# -- variances ---------------------------------------------------------------------


def _root_inverse_gamma(degrees, scale, shape):
    """Return standard deviations whose squares are inverse-gamma."""
    return pm.CustomDist.dist(
        as_constant(degrees),
        scale,
        logp=_root_logp,
        random=_root_random,
        support_point=lambda rv, size, nu, s: pt.broadcast_to(pt.sqrt(s / nu), shape),  # noqa: ARG005
        class_name="RootInverseGamma",
        shape=shape,
    )


def _root_logp(value, degrees, scale):
    shape, half = 0.5 * degrees, 0.5 * scale
    constant = np.log(2.0) + shape * pt.log(half) - pt.gammaln(shape)
    return constant - (degrees + 1.0) * pt.log(value) - half / value**2


def _root_random(degrees, scale, rng=None, size=None):
    return np.sqrt(0.5 * scale / rng.standard_gamma(0.5 * degrees, size=size))
