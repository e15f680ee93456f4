"""Priors on weights and means in PyMC: a table from each part to its variables.

Every form declares its variables through ``add(name, variable, dims, transform)``. What
a prior says of a number that is not known itself is one more variable.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import log
from pymc.util import UNSET

from bayesgmm.dims import COMPONENT, FEATURE
from bayesgmm.marginal.constants import as_constant
from bayesgmm.marginal.definite_ops import whiten
from bayesgmm.marginal.spread import Add
from bayesgmm.marginal.transforms import log_ratio
from bayesgmm.priors import (
    Dirichlet,
    FDistribution,
    Gamma,
    NormalGammaMeans,
    NormalMeans,
    ScaledNormalMeans,
    StickBreaking,
)
from bayesgmm.priors.means import MeansPrior
from bayesgmm.priors.weights import WeightsPrior


def add_weights(prior: WeightsPrior, add: Add, sizes, name: str = "weights"):
    """Declare the weights, tensor of shape (n_components,)."""
    weights = _WEIGHTS[type(prior)](prior, add, sizes[COMPONENT])
    return add(name, weights, (COMPONENT,), log_ratio)


def add_shares(
    prior: WeightsPrior, concentration: tuple[float, float], add: Add, sizes
):
    """Declare the weights of components and of noise, which sum to one.

    Parameters
    ----------
    prior : WeightsPrior
        Of the weights of components relative to their sum.
    concentration : tuple of float
        The weight of noise is Beta of these.
    add, sizes

    Returns
    -------
    tensor of shape (n_components + 1,)
        That of noise is the last.
    """
    relative = add_weights(prior, add, sizes, "relative_weights")
    beta = pm.Beta.dist(*map(as_constant, concentration))
    noise = add("noise_weight", beta, (), UNSET)
    weights = (1.0 - noise) * relative
    pm.Deterministic("weights", weights, dims=(COMPONENT,))
    return pt.concatenate([weights, noise[None]])


def add_means(prior: MeansPrior, add: Add, sizes, lower):
    """Declare the means, tensor of shape (n_components, n_features).

    `lower` are Cholesky factors of the covariances.
    """
    shape = (sizes[COMPONENT], sizes[FEATURE])
    means = _MEANS[type(prior)](prior, add, shape, lower)
    return add("means", means, (COMPONENT, FEATURE), UNSET)


# -- numbers that are not known ----------------------------------------------------


def _gamma(prior: Gamma):
    return pm.Gamma.dist(as_constant(prior.shape), as_constant(prior.rate)), UNSET


def _f(prior: FDistribution):
    """Fisher's F, which PyMC does not have."""
    a, b = as_constant(prior.numerator), as_constant(prior.denominator)
    variable = pm.CustomDist.dist(
        a,
        b,
        logp=_f_logp,
        random=lambda a, b, rng=None, size=None: rng.f(a, b, size=size),
        support_point=lambda rv, size, a, b: pt.ones_like(a * b),  # noqa: ARG005
        class_name="F",
    )
    return variable, log


def _f_logp(value, a, b):
    log_beta = pt.gammaln(a / 2) + pt.gammaln(b / 2) - pt.gammaln((a + b) / 2)
    ratio = a / b
    return (
        a / 2 * pt.log(ratio)
        + (a / 2 - 1) * pt.log(value)
        - (a + b) / 2 * pt.log1p(ratio * value)
        - log_beta
    )


_HYPER = {Gamma: _gamma, FDistribution: _f}


def _concentration(prior, add) -> Any:
    """Return the concentration: a variable where it has a distribution."""
    if prior.hyperprior is None:
        return as_constant(prior.concentration)
    variable, transform = _HYPER[type(prior.hyperprior)](prior.hyperprior)
    return add("concentration", variable, (), transform)


# -- weights -----------------------------------------------------------------------


def _dirichlet(prior: Dirichlet, add, k):
    concentration = _concentration(prior, add)
    share = concentration / k if prior.shared else concentration
    return pm.Dirichlet.dist(share * np.ones(k))


def _stick_breaking(prior: StickBreaking, add, k):
    return pm.CustomDist.dist(
        _concentration(prior, add),
        np.ones(k),  # says how many
        logp=_sticks_logp,
        random=_sticks_random,
        support_point=lambda *_: pt.as_tensor_variable(np.full(k, 1.0 / k)),
        signature="(),(k)->(k)",
        class_name="StickBreaking",
    )


def _sticks_logp(value: Any, concentration, ones):  # noqa: ARG001
    """See `priors.StickBreaking.log_density`."""
    k = value.type.shape[-1]
    if k == 1:
        return pt.zeros_like(concentration)
    left: Any = pt.cumsum(value[::-1])
    log_left: Any = pt.log(left[::-1])
    total = (k - 1) * pt.log(concentration) - pt.sum(log_left[1:-1])
    return total + (concentration - 1.0) * log_left[-1]


def _sticks_random(concentration, ones, rng=None, size=None):
    concentration = np.asarray(concentration)
    shape = concentration.shape if size is None else tuple(size)
    left = rng.random((*shape, len(ones) - 1)) ** (1.0 / concentration[..., None])
    ends = np.ones((*shape, 1))
    rest = np.cumprod(np.concatenate([ends, left], axis=-1), axis=-1)
    return rest * np.concatenate([1.0 - left, ends], axis=-1)


_WEIGHTS = {Dirichlet: _dirichlet, StickBreaking: _stick_breaking}


# -- means -------------------------------------------------------------------------


def _normal(prior: NormalMeans, add, shape, lower):  # noqa: ARG001
    location, scale = as_constant(prior.location), as_constant(prior.scale)
    return pm.Normal.dist(location, scale, shape=shape)


def _normal_gamma(prior: NormalGammaMeans, add, shape, lower):  # noqa: ARG001
    gamma = pm.Gamma.dist(
        as_constant(prior.shape), as_constant(prior.rate), shape=shape[1:]
    )
    spread = add("means_spread", gamma, (FEATURE,), UNSET)
    scale = pt.sqrt(spread) * as_constant(prior.ranges)
    return pm.Normal.dist(as_constant(prior.location), scale, shape=shape)


def _scaled_normal(prior: ScaledNormalMeans, add, shape, lower):  # noqa: ARG001
    location = np.broadcast_to(prior.location, shape)
    return pm.CustomDist.dist(
        as_constant(location),
        lower,
        as_constant(prior.shrinkage),
        logp=_scaled_normal_logp,
        random=_scaled_normal_random,
        support_point=lambda rv, size, location, *_: location,  # noqa: ARG005
        signature="(k,d),(k,d,d),()->(k,d)",
        class_name="ScaledNormal",
    )


def _scaled_normal_logp(value, location, lower, shrinkage):
    """Return one term a number, as transforms of single numbers ask for."""
    z = whiten(lower, (value - location)[..., None])[..., 0]
    log_roots = pt.log(pt.diagonal(lower, axis1=1, axis2=2))
    constant = 0.5 * (pt.log(shrinkage) - np.log(2.0 * np.pi))
    return constant - 0.5 * shrinkage * z**2 - log_roots


def _scaled_normal_random(location, lower, shrinkage, rng=None, size=None):
    shape = np.shape(location) if size is None else (*size, *np.shape(location)[-2:])
    noise = rng.standard_normal(shape) / np.sqrt(shrinkage)[..., None, None]
    return location + (lower @ noise[..., None])[..., 0]


_MEANS = {
    NormalMeans: _normal,
    NormalGammaMeans: _normal_gamma,
    ScaledNormalMeans: _scaled_normal,
}
