"""The steps of EM: one pass over the data, then the maximum; and quicker ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.maximise import Maximiser
from bayesgmm.observations import Observations
from bayesgmm.parameters import MixtureParameters
from bayesgmm.quadratics import invert_cholesky
from bayesgmm.squarem import extrapolate, is_positive_definite

# Gradient per observation, free of units. What is left to gain is about
# n tol^2 / (2 (1 - rate)): under 1e-8 for a thousand rows at a rate of 0.999.
GRADIENT_TOLERANCE = 1e-7
# A component's variance against the data's own, in its narrowest direction. Centred
# sums keep about 1e-12 of it; a standard deviation 1e-5 of the data's is no cluster.
SINGULAR_BELOW = 1e-10
# A component with fewer rows than this, a prior's counted, has lost them all.
EMPTY_BELOW = 1e-8
# Far from an optimum EM is quick, and a long step could end at another optimum.
EXTRAPOLATE_BELOW = 1e-2
STEP_FACTOR = 4.0
# Sums of n terms agree to this much of their size, whatever the order of adding.
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one pass over the data tells about a mixture.

    Attributes
    ----------
    parameters : MixtureParameters
    log_likelihood : float
        At `parameters`.
    objective : float
        What is maximised: the log-likelihood, with a prior plus its log density.
    gradient_norm : float
        Gradient of the objective per observation, at `parameters`: the largest of
        three sums over components, for log-odds of weights, whitened means and
        whitened covariances. Free of units.
    update : MixtureParameters
        The M-step. Its objective is no lower.
    collapsed : int or None
        The component of `update` that has no spread or no rows left.
    """

    parameters: MixtureParameters
    log_likelihood: float
    objective: float
    gradient_norm: float
    update: MixtureParameters
    collapsed: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """What a fit makes as large as it can: a log-likelihood, and perhaps a log-prior.

    Attributes
    ----------
    observations : Observations
    reference : array of shape (n_features, n_features)
        Covariance of one component of the same family on all data: the yardstick
        by which a component is called singular.
    maximiser : Maximiser
    """

    observations: Observations
    reference: Floats
    maximiser: Maximiser = field(default_factory=Maximiser)
    _yardstick: Floats = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "_yardstick", invert_cholesky(self.reference))

    @property
    def n_observations(self) -> float:
        """Rows, or the sum of their weights."""
        return self.observations.n_observations

    def step(self, at: MixtureParameters) -> Step:
        """Take one EM step: score every row, then maximise."""
        quadratics = at.quadratics
        log_likelihood, statistics = self.observations.expect(at, quadratics)
        update = self.maximiser.update(at, statistics)
        whiteners = quadratics.precisions_cholesky[: at.n_components]
        return Step(
            parameters=at,
            log_likelihood=log_likelihood,
            objective=log_likelihood + self.maximiser.log_prior(at),
            gradient_norm=self.maximiser.gradient_norm(at, whiteners, statistics),
            update=update,
            collapsed=self.find_collapsed(update, statistics.counts),
        )

    def find_collapsed(self, update: MixtureParameters, counts: Floats) -> int | None:
        """Return the worst component without spread or rows, None if all are well."""
        covariances, counts = update.covariances, counts[: update.n_components]
        if not np.isfinite(covariances).all():  # volumes relative to one that is none
            return int(np.argmin(counts))
        relative = self._yardstick.T @ covariances @ self._yardstick
        spreads = np.linalg.eigvalsh(relative)
        # Where volumes are shared, a component without width is very long instead.
        narrowest = spreads[:, 0] / np.maximum(spreads[:, -1], 1.0)
        if not is_positive_definite(covariances):  # rounding, on nearly collinear data
            narrowest = np.where(
                [is_positive_definite(matrix) for matrix in covariances], narrowest, 0.0
            )
        row = self.n_observations / self.observations.n_rows
        counts = counts + self.maximiser.rows_of_prior(update)
        bad = ~(narrowest > SINGULAR_BELOW) | (counts < EMPTY_BELOW * row)
        bad &= self.maximiser.is_free(len(counts)) > 0
        return int(np.argmin(np.where(bad, narrowest, np.inf))) if bad.any() else None


def plain_steps(objective: Objective, point: MixtureParameters) -> Iterator[Step]:
    """Yield EM steps, one after the other, from `point`."""
    while True:
        now = objective.step(point)
        yield now
        point = now.update


def squarem_steps(objective: Objective, point: MixtureParameters) -> Iterator[Step]:
    """Yield EM steps, every third from an extrapolated point that is no worse.

    An extrapolation that was refused makes the next one shorter, one that reached its
    bound makes it longer (Varadhan and Roland 2008, section 6).
    """
    longest = STEP_FACTOR
    while True:
        first = objective.step(point)
        yield first
        second = objective.step(first.update)
        yield second
        point = second.update
        if second.gradient_norm > EXTRAPOLATE_BELOW:
            continue
        leap, length = extrapolate(
            first.parameters, first.update, second.update, longest
        )
        if leap is None:
            continue
        third = objective.step(objective.maximiser.hold(leap))
        if third.collapsed is None and _is_no_worse(third, second):
            yield third
            point = third.update
            longest = longest * STEP_FACTOR if length == longest else longest
        else:
            longest = max(length / STEP_FACTOR, STEP_FACTOR)


def _is_no_worse(step, than):
    slack = ROUNDING * (abs(than.objective) + 1)
    return step.objective >= than.objective - slack
