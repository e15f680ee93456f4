"""Squared extrapolation: two EM steps in, one long step out.

EM moves by a fixed share of the remaining way, which is slow where components
overlap. Two steps show that share; the third goes most of the way at once.

Varadhan and Roland (2008), *Simple and globally convergent methods for accelerating
the convergence of any EM algorithm*, Scand. J. Statist. 35:335-353, scheme S3.
"""

from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.parameters import MixtureParameters

# Weights below have no reciprocal.
TINY = np.finfo(float).tiny


class Change(NamedTuple):
    """A difference of two mixtures, in log shares, means and covariances."""

    log_weights: Floats
    means: Floats
    covariances: Floats

    @classmethod
    def between(cls, a: MixtureParameters, b: MixtureParameters) -> Self:
        log_weights = np.log(b.shares) - np.log(a.shares)
        return cls(log_weights, b.means - a.means, b.covariances - a.covariances)

    def minus(self, other: Self) -> Self:
        return type(self)(*(x - y for x, y in zip(self, other, strict=True)))

    def length(self, at: MixtureParameters) -> float:
        """Return the length in the metric of the complete-data Fisher information.

        It is the same in any units, and after any rotation of the features.
        """
        whiteners = at.precisions_cholesky
        transposed = np.swapaxes(whiteners, -1, -2)
        means = np.einsum("kij,kj->ki", transposed, self.means)
        covariances = transposed @ self.covariances @ whiteners
        squares = (means**2).sum(-1) + 0.5 * (covariances**2).sum((-1, -2))
        return float(np.sqrt(at.shares @ self.log_weights**2 + at.weights @ squares))


def extrapolate(
    start: MixtureParameters,
    first: MixtureParameters,
    second: MixtureParameters,
    longest: float,
) -> tuple[MixtureParameters | None, float]:
    """Return the point that two EM steps ``start -> first -> second`` aim at.

    Parameters
    ----------
    start, first, second : MixtureParameters
    longest : float
        Bound on the length, in which `first` to `second` is 1.

    Returns
    -------
    point : MixtureParameters or None
        None if the steps show no way ahead: they do not slow down, or no
        extrapolation keeps the covariances positive definite.
    length : float
        How far it went, before covariances shortened it.
    """
    if not (start.shares.all() and second.shares.all()):
        return None, 1.0
    step = Change.between(start, first)
    bend = Change.between(first, second).minus(step)
    step_length, bend_length = step.length(start), bend.length(start)
    if not 0 < bend_length < step_length:
        return None, 1.0
    length = min(step_length / bend_length, longest)
    return _longest_valid(start, step, bend, length), length


def _longest_valid(start, step, bend, length):
    """Shorten the extrapolation towards the plain two steps until it is a mixture."""
    while length > 1.01:  # length 1 is the second step itself
        point = _move(start, step, bend, length)
        if point.weights.min() > TINY and is_positive_definite(point.covariances):
            point = _member(point, near=start)
            if is_positive_definite(point.covariances):  # tiny weights can undo it
                return point
        length = (length + 1) / 2
    return None


def _move(start, step, bend, length):
    log_weights, means, covariances = (
        2 * length * s + length**2 * b for s, b in zip(step, bend, strict=True)
    )
    shares = start.shares * np.exp(log_weights - log_weights.max())
    moved = replace(
        start,
        means=start.means + means,
        covariances=start.covariances + covariances,
    )
    return moved.with_shares(shares / shares.sum())


def _member(point, near):
    """Return the nearest mixture of the family: most families are no linear space."""
    scatters = point.weights[:, None, None] * point.covariances
    covariances = point.family.estimate(scatters, point.weights, near.covariances)
    return replace(point, covariances=covariances)


def is_positive_definite(matrices: Floats) -> bool:
    """Tell whether every matrix has a Cholesky factor in floating point."""
    try:
        np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        return False
    return True
