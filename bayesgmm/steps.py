"""The steps of EM: one pass over the data, then the maximum; and quicker ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from bayesgmm._typing import Floats, SufficientStatistics
from bayesgmm.kernels.reduce import one_pass
from bayesgmm.parameters import MixtureParameters
from bayesgmm.quadratics import build_quadratics, invert_cholesky
from bayesgmm.squarem import extrapolate, is_positive_definite
from bayesgmm.statistics import moments

# Gradient per observation, free of units. What is left to gain is about
# n tol^2 / (2 (1 - rate)): under 1e-8 for a thousand rows at a rate of 0.999.
GRADIENT_TOLERANCE = 1e-7
# A component's variance against the data's own, in its narrowest direction. Centred
# sums keep about 1e-12 of it; a standard deviation 1e-5 of the data's is no cluster.
SINGULAR_BELOW = 1e-10
# A component with fewer rows than this has lost them all.
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
    gradient_norm : float
        Gradient of the log-likelihood per observation, at `parameters`: the largest
        of three sums over components, for log-odds of weights, whitened means and
        whitened covariances. Free of units.
    update : MixtureParameters
        The M-step. Its log-likelihood is no lower.
    collapsed : int or None
        The component of `update` that has no spread or no rows left.
    """

    parameters: MixtureParameters
    log_likelihood: float
    gradient_norm: float
    update: MixtureParameters
    collapsed: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """The data and what is fixed during a fit.

    Attributes
    ----------
    X : array of shape (n_observations, n_features)
    reference : array of shape (n_features, n_features)
        Covariance of one component of the same family on all data: the yardstick
        by which a component is called singular.
    sample_weight : array of shape (n_observations,), optional
    reg_covar : float
        Added to the diagonal of every covariance, in squared units of the data.
    """

    X: Floats
    reference: Floats
    sample_weight: Floats | None = None
    reg_covar: float = 0.0
    _yardstick: Floats = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "_yardstick", invert_cholesky(self.reference))

    @property
    def n_observations(self) -> float:
        """Rows, or the sum of their weights."""
        weight = self.sample_weight
        return float(len(self.X) if weight is None else weight.sum())

    def step(self, parameters: MixtureParameters) -> Step:
        """Take one EM step: score every row, then maximise."""
        whiteners = parameters.precisions_cholesky
        quadratics = build_quadratics(parameters.weights, parameters.means, whiteners)
        log_likelihood, statistics = one_pass(
            self.X, quadratics, sample_weight=self.sample_weight
        )
        counts, means, scatters = moments(statistics, parameters.means)
        update = replace(
            parameters,
            weights=counts / counts.sum(),
            means=means,
            covariances=self._estimate(parameters.family, scatters, counts),
        )
        return Step(
            parameters=parameters,
            log_likelihood=float(log_likelihood),
            gradient_norm=self._gradient_norm(parameters, whiteners, statistics),
            update=update,
            collapsed=self._find_collapsed(update.covariances, counts),
        )

    def _estimate(self, family, scatters, counts):
        ridge = self.reg_covar * np.eye(scatters.shape[-1])
        return family.estimate(scatters, counts) + ridge

    def _gradient_norm(self, at, whiteners, statistics: SufficientStatistics):
        """Return the gradient per observation in coordinates without units.

        With mean = mean_0 + L z and covariance = L (I + E) L^T, L L^T the covariance,
        the gradients are P^T sums and (P^T outer_products P - counts I) / 2; the
        family's estimate projects the latter on the directions the family has.
        """
        counts, sums, outer_products = statistics
        shares = counts / counts.sum()
        covariances = self._estimate(at.family, outer_products, counts)
        transposed = np.swapaxes(whiteners, -1, -2)
        excess = transposed @ covariances @ whiteners - np.eye(at.n_features)
        pulls = np.einsum("kij,kj->ki", transposed, sums) / counts.sum()
        return float(
            max(
                np.abs(shares - at.weights).sum(),
                np.linalg.norm(pulls, axis=1).sum(),
                0.5 * shares @ np.linalg.norm(excess, axis=(1, 2)),
            )
        )

    def _find_collapsed(self, covariances, counts):
        """Return the worst component without spread or rows, None if all are well."""
        relative = self._yardstick.T @ covariances @ self._yardstick
        narrowest = np.linalg.eigvalsh(relative)[:, 0]
        if not is_positive_definite(covariances):  # rounding, on nearly collinear data
            narrowest = np.where(
                [is_positive_definite(matrix) for matrix in covariances], narrowest, 0.0
            )
        row = self.n_observations / len(self.X)
        bad = ~(narrowest > SINGULAR_BELOW) | (counts < EMPTY_BELOW * row)
        return int(np.argmin(np.where(bad, narrowest, np.inf))) if bad.any() else None


def plain_steps(likelihood: Likelihood, point: MixtureParameters) -> Iterator[Step]:
    """Yield EM steps, one after the other, from `point`."""
    while True:
        now = likelihood.step(point)
        yield now
        point = now.update


def squarem_steps(likelihood: Likelihood, point: MixtureParameters) -> Iterator[Step]:
    """Yield EM steps, every third from an extrapolated point that is no worse.

    An extrapolation that was refused makes the next one shorter, one that reached its
    bound makes it longer (Varadhan and Roland 2008, section 6).
    """
    longest = STEP_FACTOR
    while True:
        first = likelihood.step(point)
        yield first
        second = likelihood.step(first.update)
        yield second
        point = second.update
        if second.gradient_norm > EXTRAPOLATE_BELOW:
            continue
        leap, length = extrapolate(
            first.parameters, first.update, second.update, longest
        )
        if leap is None:
            continue
        third = likelihood.step(leap)
        if third.collapsed is None and _is_no_worse(third, second):
            yield third
            point = third.update
            longest = longest * STEP_FACTOR if length == longest else longest
        else:
            longest = max(length / STEP_FACTOR, STEP_FACTOR)


def _is_no_worse(step, than):
    slack = ROUNDING * (abs(than.log_likelihood) + 1)
    return step.log_likelihood >= than.log_likelihood - slack
