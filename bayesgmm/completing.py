"""Labels and missing values of rows seen in part, drawn for Gibbs sampling.

Labels are drawn given what was observed, among the components allowed; then what is
missing, given the label. Sweeps thus have complete rows. Of noise there are labels too,
and a share that is Beta given their number.
"""

from typing import Any, NamedTuple

import numpy as np

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.kernels.gaps import draw_gaps
from bayesgmm.kernels.reduce import sampled_moments
from bayesgmm.kernels.sampled import draw_key
from bayesgmm.kernels.sweeps import State
from bayesgmm.noise import Noise
from bayesgmm.target import Target


class NoiseShare:
    """The weight of noise in one chain, which draws overwrite.

    Attributes
    ----------
    now : array of shape (2,)
        The weight, and how many rows are labelled so: NaN before there are labels.
    """

    def __init__(self, target: Target):
        own, others = self.concentration = target.noise_concentration
        self.now = np.array([own / (own + others), np.nan])
        if target.em is not None and target.em.noise is not None:
            self.now[0] = target.em.noise.weight

    @property
    def weight(self) -> float:
        return float(self.now[0])

    def draw(self, rng, n_labels: int) -> float:
        """Draw the weight given the labels, if there are any."""
        own, others = self.concentration
        count = self.now[1]
        if not np.isnan(count):
            self.now[0] = rng.beta(own + count, others + (n_labels - count))
        return self.weight


class Some(NamedTuple):
    """Rows of a group without gaps."""

    X: Floats
    repeats: Floats
    limits: Floats


class Parts(NamedTuple):
    """Rows by what was observed of them and where they may come from.

    Attributes
    ----------
    complete : tuple of Some
    gaps : Some or None
        All rows with gaps, whose limits are of the patterns.
    starts : array of int
        Where patterns begin among the rows with gaps, and the end.
    noise : Noise or None
    """

    complete: tuple[Some, ...]
    gaps: Some | None
    starts: Any
    noise: Noise | None


def parts_of(target: Target, X: Floats, repeats: Floats) -> Parts:
    """Return the rows as `draw_parts` takes them.

    Parameters
    ----------
    target : Target
    X : array of shape (n_observations, n_features)
    repeats : array of shape (n_observations,) or (0,)
        How many observations each row stands for; one each if there are none.
    """
    groups, n = target.groups, target.groups.n_complete
    limits = groups.limits
    if target.allowed is None and target.noise is None:
        limits = limits[:, :1]  # for any number of components

    def some(rows, own):
        return Some(X[rows], repeats[rows] if len(repeats) else repeats, own)

    complete = tuple(some(groups.rows(g), limits[g]) for g in range(n))
    left = groups.order[groups.starts[n] :]
    if not len(left):
        return Parts(complete, None, None, target.noise)
    gaps = some(left, limits[n:])
    if not len(repeats):
        gaps = gaps._replace(repeats=np.ones(len(left)))
    return Parts(complete, gaps, groups.starts[n:] - groups.starts[n], target.noise)


def draw_parts(
    parts: Parts,
    share: NoiseShare | None,
    state: State,
    quadratics: Quadratics,
    rng,
    n_threads: int,
    n_labels: int,
) -> float:
    """Draw labels and what is missing, keep the moments, return the log-likelihood.

    Parameters
    ----------
    parts : Parts
    share : NoiseShare or None
    state : State
        Its `total` is overwritten.
    quadratics : Quadratics
        Of the components of `state`, their weights summing to one.
    rng : numpy.random.Generator
    n_threads, n_labels : int
    """
    k, d = quadratics.means.shape
    total, score, n_noise = state.total, 0.0, 0.0
    for array in total:
        array[...] = 0.0
    if parts.noise is not None and share is not None:
        weight = share.draw(rng, n_labels)
        offsets = quadratics.offsets + np.log1p(-weight)
        quadratics = parts.noise.join(quadratics._replace(offsets=offsets), weight)
    for X, repeats, limits in parts.complete:
        each = quadratics._replace(offsets=quadratics.offsets + limits)
        key = np.uint64(draw_key(rng))
        more, drawn = sampled_moments(X, repeats, each, key, n_threads)
        score += more
        n_noise += drawn.counts[k:].sum()
        total.counts[:k] += drawn.counts[:k]
        total.sums[:k, :d] += drawn.sums[:k]
        total.outer_products[:k, :d, :d] += drawn.outer_products[:k]
    if parts.gaps is not None:
        lower = state.components.lower[:k]
        score += draw_gaps(
            rng,
            parts.gaps.X,
            parts.gaps.repeats,
            parts.starts,
            state.log_weights[:k] + parts.gaps.limits,
            state.components.means[:k],
            lower @ np.swapaxes(lower, 1, 2),
            *total,
        )
    if share is not None:
        share.now[1] = n_noise
    return score
