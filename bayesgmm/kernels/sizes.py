"""The number of components given a partition of the rows, the rest integrated out.

With K components and weights ~ Dirichlet(g, ..., g), a partition into K+ clusters of
N_1, N_2, ... rows has probability

    K! / (K - K+)!  Gamma(g K) / Gamma(n + g K)  prod_k Gamma(N_k + g) / Gamma(g)

where g is e in static and e / K in dynamic mixtures of finite mixtures [1]_.

References
----------
.. [1] S. Fruehwirth-Schnatter, G. Malsiner-Walli, B. Gruen (2021), *Generalized
   mixtures of finite mixtures and telescoping sampling*, Bayesian Anal. 16:1279-1307.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels.elementary import exact, exp, inner, log, serial
from bayesgmm.kernels.sticks import Hyperprior, log_hyperprior

# Factors of a gamma function multiplied one by one; beyond, Stirling's series has an
# error below 1e-13.
_FACTORS = 32
# Products of so many factors stay finite below it.
_LARGEST_CONCENTRATION = 1e8


class SizesPrior(NamedTuple):
    """What is believed about the number of components and their weights.

    Attributes
    ----------
    log_prior : array of shape (largest,)
        Of K = 1, 2, ...
    dynamic : bool
    concentration : Hyperprior
    log_factorials : array of shape (largest + 1,)
    sizes : array of shape (largest,)
        1, 2, ...
    log_sizes, inverse_sizes : array of shape (largest,)
    """

    log_prior: Floats
    dynamic: bool
    concentration: Hyperprior
    log_factorials: Floats
    sizes: Floats
    log_sizes: Floats
    inverse_sizes: Floats


class SizesSpace(NamedTuple):
    """Memory: what does not depend on the partition, and two arrays to work in."""

    base: Floats
    product: Floats
    probability: Floats


@serial
def fill_base(prior, e, n, base):
    """Fill what p(K | partition) has that does not depend on the partition."""
    for i in range(len(base)):
        base[i] = prior.log_prior[i] + prior.log_factorials[i + 1]
        if not prior.dynamic:
            total = e * prior.sizes[i]
            base[i] += math.lgamma(total) - math.lgamma(n + total)


@exact
def fill_probabilities(prior, e, counts, n_filled, space):
    """Fill p(K | partition) of K = 1, 2, ...; the first counts are the clusters'."""
    p, largest, first = space.probability, len(space.probability), n_filled - 1
    p[:first] = 0.0
    for i in range(first, largest):
        p[i] = space.base[i] - prior.log_factorials[i - first]
    if prior.dynamic:
        for i in range(first, largest):
            p[i] -= n_filled * prior.log_sizes[i]
        for k in range(n_filled):
            _add_log_gammas(
                int(counts[k]),
                e,
                prior.inverse_sizes[first:],
                space.product[first:],
                p[first:],
            )
    _normalise(p[first:])


@inner
def _add_log_gammas(count, e, inverse_sizes, product, out):
    """Add log Gamma(count + e / K) / Gamma(1 + e / K) for all K, up to a constant."""
    product[:] = 1.0
    for j in range(1, min(count - 1, _FACTORS) + 1):
        c = e / j
        for i in range(len(out)):
            product[i] *= 1.0 + c * inverse_sizes[i]
    for i in range(len(out)):
        out[i] += log(product[i])
    if count - 1 > _FACTORS:
        for i in range(len(out)):
            g = e * inverse_sizes[i]
            out[i] += _stirling(count + g) - _stirling(_FACTORS + 1.0 + g)


@inner
def _stirling(z):
    """Return log Gamma(z) up to a constant, for large z."""
    w = 1.0 / z
    rest = w * (1.0 / 12.0 - w * w * (1.0 / 360.0 - w * w * (1.0 / 1260.0)))
    return (z - 0.5) * log(z) - z + rest


@inner
def _normalise(p):
    top = -np.inf
    for i in range(len(p)):
        top = max(top, p[i])
    total = 0.0
    for i in range(len(p)):
        p[i] = exp(p[i] - top)
        total += p[i]
    for i in range(len(p)):
        p[i] /= total


@serial
def draw_size(rng, probability):
    """Draw K from its probabilities."""
    aim, last = rng.random(), 0
    for i in range(len(probability)):
        if probability[i] > 0.0:
            last = i
            aim -= probability[i]
            if aim < 0.0:
                break
    return last + 1


@inner
def _log_partition(g, n_components, counts, n_filled, n):
    total = g * n_components
    value = math.lgamma(total) - math.lgamma(n + total) - n_filled * math.lgamma(g)
    for k in range(n_filled):
        value += math.lgamma(counts[k] + g)
    return value


@inner
def draw_shared_concentration(rng, prior, e, n_components, counts, n_filled, n):
    """Take one Metropolis step of log e, given K and the partition."""
    hyper = prior.concentration
    if hyper.step == 0.0:
        return e
    log_e = math.log(e)
    proposal = log_e + hyper.step * rng.standard_normal()
    other = math.exp(proposal)
    over = n_components if prior.dynamic else 1
    gain = log_hyperprior(hyper, proposal) - log_hyperprior(hyper, log_e)
    gain += _log_partition(other / over, n_components, counts, n_filled, n)
    gain -= _log_partition(e / over, n_components, counts, n_filled, n)
    accepted = rng.standard_exponential() > -gain and other < _LARGEST_CONCENTRATION
    return other if accepted else e
