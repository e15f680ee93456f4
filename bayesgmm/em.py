"""Maximum likelihood by EM: one run, its steps, and where it ends.

A run ends where the gradient of the log-likelihood is zero, not where progress is
slow: on overlapping components EM crawls long before it arrives. Dempster, Laird and
Rubin (1977), *Maximum likelihood from incomplete data via the EM algorithm*, JRSS-B
39:1-38.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice

import numpy as np

from bayesgmm._typing import Floats, Ints, SufficientStatistics
from bayesgmm.kernels.reduce import labels, one_pass
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


class Status(Enum):
    """How a run ended, in a sentence that says what to do."""

    CONVERGED = "The fit converged: use it."
    ITERATION_LIMIT = (
        "The fit stopped at `max_iter` before it converged: raise `max_iter`, or go "
        "on from here with `warm_start=True`."
    )
    COLLAPSED = (
        "A component shrank onto rows without spread, where the likelihood has no "
        "maximum: lower `n_components`, choose a simpler `covariance_type`, or set "
        "`reg_covar` above 0."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Collapse:
    """The component that ended a run.

    Attributes
    ----------
    component : int
    weight : float
        At the last good iterate.
    rows : array of int
        Positions of the observations that belong to it there.
    """

    component: int
    weight: float
    rows: Ints


@dataclass(frozen=True, slots=True, eq=False)
class EMRun:
    """One run of EM, from one start.

    Attributes
    ----------
    parameters : MixtureParameters
        Where the run ended; before the collapse if it collapsed.
    log_likelihood : float
        At `parameters`, summed over (weighted) observations, natural log.
    log_likelihoods : tuple of float
        At the start of every step.
    gradient_norm : float
        At `parameters`; see `Step`.
    gain : float
        What the last step added to the mean log-likelihood.
    status : Status
    collapse : Collapse or None
    """

    parameters: MixtureParameters
    log_likelihood: float
    log_likelihoods: tuple[float, ...]
    gradient_norm: float
    gain: float
    status: Status
    collapse: Collapse | None = None

    @property
    def n_iter(self) -> int:
        """Steps taken, extrapolated ones included."""
        return len(self.log_likelihoods)

    def __str__(self):
        return (
            f"{self.status.name.lower()} after {self.n_iter} steps, log-likelihood "
            f"{self.log_likelihood:.6f}, gradient norm {self.gradient_norm:.1e}"
        )

    def largest_first(self) -> "EMRun":
        """Return the run with components by descending weight, then by mean.

        Weights that agree to six digits count as equal: the order must not depend on
        what EM leaves undone.
        """
        parameters = self.parameters
        order = np.lexsort((*parameters.means.T[::-1], -parameters.weights.round(6)))
        collapse = self.collapse
        if collapse is not None:
            place = int(np.flatnonzero(order == collapse.component)[0])
            collapse = replace(collapse, component=place)
        return replace(self, parameters=parameters.permute(order), collapse=collapse)

    def with_positions(self, positions: Ints) -> "EMRun":
        """Return the run with the rows of a collapse counted among all rows."""
        if self.collapse is None:
            return self
        rows = positions[self.collapse.rows]
        return replace(self, collapse=replace(self.collapse, rows=rows))

    def describe_limit(self, tol: float | None) -> str:
        """Return where a run stands that ended at `max_iter`, and what helps."""
        asked = (
            f"a gradient norm of {GRADIENT_TOLERANCE:.0e}"
            if tol is None
            else f"a gain below tol={tol:g}"
        )
        return (
            f"EM did not converge in `max_iter`={self.n_iter} steps: the gradient norm "
            f"is {self.gradient_norm:.1e} and the last step added {self.gain:.1e} to "
            f"the mean log-likelihood, where {asked} is asked. Raise `max_iter`, go on "
            "with `warm_start=True`, or lower `n_components`."
        )


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


def run_em(
    likelihood: Likelihood,
    start: MixtureParameters,
    *,
    max_iter: int,
    tol: float | None = None,
    previous: float = -np.inf,
    on_step: Callable[[int, Step], None] | None = None,
) -> EMRun:
    """Run EM from one start until it converges.

    Parameters
    ----------
    likelihood : Likelihood
    start : MixtureParameters
        With positive definite covariances.
    max_iter : int
        Steps at most; 0 scores the start.
    tol : float, optional
        None runs to a gradient of `GRADIENT_TOLERANCE`, accelerated. A number is
        scikit-learn's rule: plain steps until one of them adds less than `tol` to
        the mean log-likelihood.
    previous : float
        Log-likelihood before `start`, if a fit with `tol` is continued.
    on_step : callable
        Told the number of every step and the step.
    """
    method = squarem_steps if tol is None else plain_steps
    trace: list[float] = []
    for now in islice(method(likelihood, start), max_iter):
        gain = (now.log_likelihood - previous) / likelihood.n_observations
        previous = now.log_likelihood
        trace.append(previous)
        if on_step is not None:
            on_step(len(trace), now)
        if now.collapsed is not None:
            return _end(now, trace, gain, Status.COLLAPSED, likelihood)
        if tol is None and now.gradient_norm <= GRADIENT_TOLERANCE:
            return _end(now, trace, gain, Status.CONVERGED)
        if tol is not None and abs(gain) < tol:
            now = likelihood.step(now.update)
            return _end(now, trace, gain, Status.CONVERGED)
        start = now.update
    last = likelihood.step(start)
    gain = (last.log_likelihood - previous) / likelihood.n_observations
    return _end(last, trace, gain, Status.ITERATION_LIMIT)


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


def _end(step, trace, gain, status, likelihood=None):
    collapse = None
    if likelihood is not None:
        k = step.collapsed
        rows = find_rows(likelihood.X, step.parameters, k)
        collapse = Collapse(k, float(step.parameters.weights[k]), rows)
    return EMRun(
        parameters=step.parameters,
        log_likelihood=step.log_likelihood,
        log_likelihoods=tuple(trace),
        gradient_norm=step.gradient_norm,
        gain=float(gain),
        status=status,
        collapse=collapse,
    )


def find_rows(X, parameters: MixtureParameters, component: int) -> Ints:
    """Return the rows that belong to a component more than to any other."""
    return np.flatnonzero(labels(X, parameters.quadratics) == component)
