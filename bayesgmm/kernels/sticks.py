"""Weights as the pieces of a broken stick: Dirichlet, and truncated Dirichlet process.

Piece k is a part v_k ~ Beta of what pieces before it left; the last one takes the rest.
Dirichlet weights are that with ``v_k ~ Beta(e_k, e_(k+1) + ... + e_K)`` [1]_.

References
----------
.. [1] R. J. Connor, J. E. Mosimann (1969), *Concepts of independence for proportions
   with a generalization of the Dirichlet distribution*, JASA 64:194-206.
"""

import math
from typing import NamedTuple

from bayesgmm._typing import Floats
from bayesgmm.kernels.elementary import inner
from bayesgmm.kernels.random_matrices import draw_log_gamma


class Hyperprior(NamedTuple):
    """Density of e > 0, ``e**(shape - 1) exp(-rate e) (1 + slope e)**-power``.

    Gamma has power 0; F has rate 0. A `step` of 0 says that e is known.
    """

    shape: float
    rate: float
    power: float
    slope: float
    step: float


class Sticks(NamedTuple):
    """v_k ~ Beta(own + own_slope e, rest + rest_slope e), arrays of (n_components,)."""

    own: Floats
    own_slope: Floats
    rest: Floats
    rest_slope: Floats


@inner
def draw_log_weights(rng, sticks, concentration, counts, log_weights):
    """Fill the logs of weights given how many rows each component has."""
    left, log_left = 0.0, 0.0
    for k in range(len(counts)):
        left += counts[k]
    last = len(counts) - 1
    for k in range(last):
        left -= counts[k]
        own = sticks.own[k] + sticks.own_slope[k] * concentration + counts[k]
        rest = sticks.rest[k] + sticks.rest_slope[k] * concentration + left
        a, b = draw_log_gamma(rng, own), draw_log_gamma(rng, rest)
        total = max(a, b) + math.log1p(math.exp(-abs(a - b)))
        log_weights[k] = log_left + a - total
        log_left += b - total
    log_weights[last] = log_left


@inner
def log_hyperprior(prior, log_e):
    """Return the log density of log e, up to a constant."""
    e = math.exp(log_e)
    return (
        prior.shape * log_e - prior.rate * e - prior.power * math.log1p(prior.slope * e)
    )


@inner
def _log_counts(sticks, e, counts):
    """Return log p(labels | e) with the weights integrated out."""
    left = value = 0.0
    for k in range(len(counts)):
        left += counts[k]
    for k in range(len(counts) - 1):
        left -= counts[k]
        own = sticks.own[k] + sticks.own_slope[k] * e
        rest = sticks.rest[k] + sticks.rest_slope[k] * e
        value += math.lgamma(own + counts[k]) - math.lgamma(own)
        value += math.lgamma(rest + left) - math.lgamma(rest)
        value -= math.lgamma(own + rest + counts[k] + left) - math.lgamma(own + rest)
    return value


@inner
def draw_concentration(rng, sticks, hyper, counts, e):
    """Take one Metropolis step of log e, given how many rows each component has."""
    if hyper.step == 0.0:
        return e
    log_e = math.log(e)
    proposal = log_e + hyper.step * rng.standard_normal()
    gain = log_hyperprior(hyper, proposal) - log_hyperprior(hyper, log_e)
    gain += _log_counts(sticks, math.exp(proposal), counts)
    gain -= _log_counts(sticks, e, counts)
    return math.exp(proposal) if rng.standard_exponential() > -gain else e
