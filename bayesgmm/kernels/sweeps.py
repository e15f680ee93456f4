"""Sweeps of the Gibbs sampler, the number of components known.

A sweep draws everything but the labels given the labels' statistics, then the labels.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels.components import (
    Components,
    ComponentsPrior,
    draw_components,
    draw_hyperparameters,
)
from bayesgmm.kernels.elementary import inner, serial
from bayesgmm.kernels.sampled import Sums, draw_key, pass_into, reserve
from bayesgmm.kernels.sticks import (
    Hyperprior,
    Sticks,
    draw_concentration,
    draw_log_weights,
)

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
# Of a component that is there: a weight of zero has no finite prior density.
SMALLEST_WEIGHT = float(np.finfo(np.float64).tiny)


class GibbsPrior(NamedTuple):
    """What is believed, and how labels may be changed in between.

    Attributes
    ----------
    components : ComponentsPrior
    sticks : Sticks
    concentration : Hyperprior
    permutes : bool
        Whether components get random labels after every sweep: where the prior is the
        same for all orders of them [1]_.
    n_swaps : int
        How often two pieces of the stick are proposed to exchange rows and parameters:
        where only the weights have an order [2]_.

    References
    ----------
    .. [1] S. Fruehwirth-Schnatter (2001), *Markov chain Monte Carlo estimation of
       classical and dynamic switching and mixture models*, JASA 96:194-209.
    .. [2] O. Papaspiliopoulos, G. O. Roberts (2008), *Retrospective Markov chain Monte
       Carlo methods for Dirichlet process hierarchical models*, Biometrika 95:169-186.
    """

    components: ComponentsPrior
    sticks: Sticks
    concentration: Hyperprior
    permutes: bool
    n_swaps: int


class State(NamedTuple):
    """Where a chain is: what a sweep overwrites.

    Attributes
    ----------
    components : Components
    log_weights : array of shape (n_components,)
    concentration : array of shape (1,)
    total : Sums
        Of the last labels, centred on the means of the components.
    """

    components: Components
    log_weights: Floats
    concentration: Floats
    total: Sums


class Record(NamedTuple):
    """Draws, each with a leading axis of them."""

    log_likelihood: Floats
    weights: Floats
    means: Floats
    covariances: Floats
    concentration: Floats
    spread: Floats
    scale: Floats


@inner
def _update(rng, prior, state):
    """Draw weights, components and hyperparameters given the labels' statistics."""
    now, log_weights, counts = state.components, state.log_weights, state.total.counts
    e = draw_concentration(
        rng, prior.sticks, prior.concentration, counts, state.concentration[0]
    )
    state.concentration[0] = e
    draw_log_weights(rng, prior.sticks, e, counts, log_weights)
    first = np.int64(0)  # a literal would be one more function to compile
    draw_components(rng, prior.components, now, state.total, first, len(counts))
    draw_hyperparameters(rng, prior.components, now, len(counts))
    if prior.permutes:
        _permute(rng, state)
    for _ in range(prior.n_swaps):
        _propose_swap(rng, state)


@inner
def _place(rng, n):
    """Draw one of n places; n is small, so that rounding says nothing."""
    return min(int(rng.random() * n), n - 1)


@inner
def _permute(rng, state):
    log_weights = state.log_weights
    for k in range(len(log_weights) - 1, 0, -1):
        other = _place(rng, k + 1)
        log_weights[k], log_weights[other] = log_weights[other], log_weights[k]
        swap_components(state.components, k, other)


@inner
def _propose_swap(rng, state):
    """Swap rows and parameters of two components, which keep their weights."""
    counts, log_weights = state.total.counts, state.log_weights
    j, k = _place(rng, len(counts)), _place(rng, len(counts))
    more, heavier = counts[j] - counts[k], log_weights[k] - log_weights[j]
    gain = more * heavier if more != 0.0 else 0.0
    if rng.standard_exponential() > -gain:
        counts[j], counts[k] = counts[k], counts[j]
        swap_components(state.components, j, k)


@inner
def swap_components(now, j, k):
    """Exchange the parameters at two places."""
    if j == k:
        return
    for i in range(now.means.shape[1]):
        now.means[j, i], now.means[k, i] = now.means[k, i], now.means[j, i]
        for m in range(i + 1):
            one, other = now.lower[j, i, m], now.lower[k, i, m]
            now.lower[j, i, m], now.lower[k, i, m] = other, one
            one, other = now.upper[j, m, i], now.upper[k, m, i]
            now.upper[j, m, i], now.upper[k, m, i] = other, one


@serial
def fill_quadratics(now, log_weights, n_components, offsets, means, upper):
    """Write the quadratics of the first components; arrays may have padded features."""
    d = now.means.shape[1]
    for k in range(n_components):
        offset = log_weights[k] - d * HALF_LOG_2PI
        for i in range(d):
            offset += math.log(now.upper[k, i, i])
            means[k, i] = now.means[k, i]
            for j in range(i, d):
                upper[k, i, j] = now.upper[k, i, j]
        offsets[k] = offset


@inner
def record_components(now, log_weights, n_components, t, out):
    """Write the first components as draw `t`."""
    d = now.means.shape[1]
    for k in range(n_components):
        out.weights[t, k] = max(math.exp(log_weights[k]), SMALLEST_WEIGHT)
        for i in range(d):
            out.means[t, k, i] = now.means[k, i]
            for j in range(i + 1):
                total = 0.0
                for m in range(j + 1):
                    total += now.lower[k, i, m] * now.lower[k, j, m]
                out.covariances[t, k, i, j] = out.covariances[t, k, j, i] = total


@inner
def record_others(now, concentration, score, t, out):
    """Write what is not of one component as draw `t`."""
    d = now.means.shape[1]
    out.log_likelihood[t], out.concentration[t] = score, concentration
    for i in range(d):
        out.spread[t, i] = now.spread[i]
        for j in range(d):
            out.scale[t, i, j] = now.scale[0, i, j]


@inner
def _record(state, score, t, out):
    """Write the state as draw `t`."""
    now, log_weights = state.components, state.log_weights
    record_components(now, log_weights, len(log_weights), t, out)
    record_others(now, state.concentration[0], score, t, out)


@serial
def run_sweeps(rng, X, repeats, prior, state, n_sweeps, out):
    """Run sweeps on data small enough for one thread; record the last ones.

    The last ``len(out.weights)`` sweeps are recorded. `state.total` must be that of
    labels under the state, and is so again at the end. Returns how many sweeps were
    run: fewer than asked for if there came to be a row that no component can explain.
    """
    now, log_weights = state.components, state.log_weights
    n_components, n_features = now.means.shape
    mixture, space, _ = reserve(n_components, n_features)
    skipped = n_sweeps - len(out.weights)
    for t in range(n_sweeps):
        _update(rng, prior, state)
        fill_quadratics(
            now,
            log_weights,
            n_components,
            mixture.offsets,
            mixture.means,
            mixture.precisions_cholesky,
        )
        key = draw_key(rng)
        score = pass_into(X, repeats, np.int64(0), mixture, space, key, state.total)
        if not score > -np.inf:
            return t
        if t >= skipped:
            _record(state, score, t - skipped, out)
    return n_sweeps


@serial
def update(rng, prior, state):
    """Draw all but the labels for a caller in Python, who has rows on threads."""
    _update(rng, prior, state)


@serial
def record(state, score, t, out):
    """Write the state as draw `t`, for a caller in Python."""
    _record(state, score, t, out)
