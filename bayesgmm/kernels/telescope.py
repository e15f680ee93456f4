"""Sweeps of the telescoping sampler, the number of components not known.

Fruehwirth-Schnatter, Malsiner-Walli and Gruen (2021), *Generalized mixtures of finite
mixtures and telescoping sampling*, Bayesian Anal. 16:1279-1307, algorithm 1.
"""

from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels.components import (
    ComponentsPrior,
    draw_components,
    draw_hyperparameters,
)
from bayesgmm.kernels.elementary import inner, serial
from bayesgmm.kernels.random_matrices import draw_log_gamma
from bayesgmm.kernels.sampled import draw_key, first_of, pass_into, reserve
from bayesgmm.kernels.sizes import (
    SizesPrior,
    SizesSpace,
    draw_shared_concentration,
    draw_size,
    fill_base,
    fill_probabilities,
)
from bayesgmm.kernels.sweeps import (
    fill_quadratics,
    record_components,
    record_others,
    swap_components,
)


class TelescopingPrior(NamedTuple):
    """What is believed, the number of components included."""

    components: ComponentsPrior
    sizes: SizesPrior


class Tally(NamedTuple):
    """What is summed over sweeps, and where a chain is in its number of components.

    Attributes
    ----------
    probability : array of shape (largest,)
        Sum of p(K | partition).
    filled : array of shape (largest,)
        How often so many components had rows.
    size : array of int, shape (2,)
        How many components there are, and how many have rows.
    """

    probability: Floats
    filled: Floats
    size: np.ndarray


@inner
def _make_space(prior, e, n):
    """Return memory for the step of the number of components."""
    largest = len(prior.sizes.sizes)
    space = SizesSpace(np.empty(largest), np.empty(largest), np.zeros(largest))
    fill_base(prior.sizes, e, n, space.base)
    return space


@inner
def _update_size(rng, prior, state, tally, space, n):
    """Draw everything but the labels given their statistics: one sweep."""
    now, total = state.components, state.total
    counts, e = total.counts, state.concentration[0]
    n_filled = _fill_first(state, tally.size[0])
    first = np.int64(0)  # a literal would be one more function to compile
    draw_components(rng, prior.components, now, total, first, n_filled)
    draw_hyperparameters(rng, prior.components, now, n_filled)
    fill_probabilities(prior.sizes, e, counts, n_filled, space)
    n_components = draw_size(rng, space.probability)
    other = draw_shared_concentration(
        rng, prior.sizes, e, n_components, counts, n_filled, n
    )
    if other != e:
        state.concentration[0] = other
        fill_base(prior.sizes, other, n, space.base)
    counts[n_filled:n_components] = 0.0
    total.sums[n_filled:n_components] = 0.0
    total.outer_products[n_filled:n_components] = 0.0
    draw_components(rng, prior.components, now, total, n_filled, n_components)
    over = n_components if prior.sizes.dynamic else 1
    _draw_log_weights(rng, other / over, counts, n_components, state.log_weights)
    tally.size[0], tally.size[1] = n_components, n_filled


@inner
def _fill_first(state, n_components):
    """Bring the components that have rows to the front; return how many these are."""
    n_filled, total = 0, state.total
    for k in range(n_components):
        if total.counts[k] == 0.0:
            continue
        if n_filled < k:
            swap_components(state.components, n_filled, k)
            total.counts[n_filled] = total.counts[k]
            for i in range(total.sums.shape[1]):
                total.sums[n_filled, i] = total.sums[k, i]
                for j in range(total.sums.shape[1]):
                    product = total.outer_products[k, i, j]
                    total.outer_products[n_filled, i, j] = product
        n_filled += 1
    return n_filled


@inner
def _draw_log_weights(rng, g, counts, n_components, log_weights):
    top = -np.inf
    for k in range(n_components):
        log_weights[k] = draw_log_gamma(rng, g + counts[k])
        top = max(top, log_weights[k])
    total = 0.0
    for k in range(n_components):
        total += np.exp(log_weights[k] - top)
    for k in range(n_components):
        log_weights[k] -= top + np.log(total)


@inner
def _add_to_tally(tally, space):
    """Count a sweep."""
    tally.filled[tally.size[1] - 1] += 1.0
    for i in range(len(space.probability)):
        tally.probability[i] += space.probability[i]


@inner
def _record_sizes(state, tally, score, t, out, sizes):
    """Write the state as draw `t`."""
    now = state.components
    sizes[t, 0], sizes[t, 1] = tally.size[0], tally.size[1]
    record_components(now, state.log_weights, tally.size[0], t, out)
    record_others(now, state.concentration[0], score, t, out)


@serial
def run_telescoping(
    rng, X, repeats, n, prior, state, tally, n_sweeps, thin, out, sizes
):
    """Run sweeps on data small enough for one thread; record every `thin`-th one.

    Without room in `sizes` the sweeps are warm-up: neither recorded nor counted.
    Returns how many sweeps were run: fewer than asked for if there came to be a row
    that no component can explain.
    """
    now, log_weights = state.components, state.log_weights
    largest, n_features = now.means.shape
    memory = reserve(largest, n_features)
    space = _make_space(prior, state.concentration[0], n)
    for t in range(n_sweeps):
        _update_size(rng, prior, state, tally, space, n)
        mixture, some, total = first_of(
            memory[0], memory[1], state.total, tally.size[0]
        )
        fill_quadratics(
            now,
            log_weights,
            tally.size[0],
            mixture.offsets,
            mixture.means,
            mixture.precisions_cholesky,
        )
        score = pass_into(X, repeats, np.int64(0), mixture, some, draw_key(rng), total)
        if not score > -np.inf:
            return t
        if len(sizes) > 0:
            _add_to_tally(tally, space)
            if (t + 1) % thin == 0:
                _record_sizes(state, tally, score, (t + 1) // thin - 1, out, sizes)
    return n_sweeps


# -- the same for callers in Python, who have rows on threads ----------------------


@serial
def make_space(prior, e, n):
    """Return memory for the step of the number of components."""
    return _make_space(prior, e, n)


@serial
def update_size(rng, prior, state, tally, space, n):
    """Draw everything but the labels given their statistics."""
    _update_size(rng, prior, state, tally, space, n)


@serial
def add_to_tally(tally, space):
    """Count a sweep."""
    _add_to_tally(tally, space)


@serial
def record_sizes(state, tally, score, t, out, sizes):
    """Write the state as draw `t`."""
    _record_sizes(state, tally, score, t, out, sizes)
