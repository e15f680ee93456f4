"""Maximum likelihood by EM: one run, and how it ends.

A run ends where the gradient of the log-likelihood is zero, not where progress is
slow: on overlapping components EM crawls long before it arrives. Dempster, Laird and
Rubin (1977), *Maximum likelihood from incomplete data via the EM algorithm*, JRSS-B
39:1-38.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice

import numpy as np

from bayesgmm._typing import Ints
from bayesgmm.observations import members
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import (
    GRADIENT_TOLERANCE,
    ROUNDING,
    Objective,
    Step,
    plain_steps,
    squarem_steps,
)


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
        "`prior='default'`."
    )
    SINGULAR = (
        "The columns are collinear as the covariance family sees them, where the "
        "likelihood has no maximum, and its value means nothing: drop columns, choose "
        "`covariance_type='diag'`, or set `prior` or `reg_covar`."
    )
    REPAIRED = (
        "A component collapsed and was repaired: the result is a maximum a posteriori "
        "estimate under the default `conjugate_prior`. Use it as such, or lower "
        "`n_components`."
    )
    DROPPED = (
        "A component collapsed and was dropped: the result has fewer components than "
        "`n_components`, and converged. Use it, or lower `n_components`."
    )
    ONLINE = (
        "The fit saw each row once, and is near the maximum: use it, or go on to the "
        "maximum by `set_params(warm_start=True).fit(X)` of all rows."
    )

    @property
    def converged(self) -> bool:
        """Whether the gradient is zero, or gains are below `tol`."""
        return self in (Status.CONVERGED, Status.REPAIRED, Status.DROPPED)


@dataclass(frozen=True, slots=True, eq=False)
class Collapse:
    """A component that collapsed.

    Attributes
    ----------
    component : int or None
        None if it was dropped.
    weight : float
        Share of the observations it shrank onto.
    rows : array of int
        Positions of the observations that belong to it at the last good iterate.
    outcome : str
        A sentence: what was done.
    """

    component: int | None
    weight: float
    rows: Ints
    outcome: str = "The parameters kept are those before the collapse."


@dataclass(frozen=True, slots=True, eq=False)
class EMRun:
    """One run of EM, from one start.

    Attributes
    ----------
    parameters : MixtureParameters
        Where the run ended; before the collapse if it collapsed.
    log_likelihood : float
        At `parameters`, summed over (weighted) observations, natural log.
    objective : float
        What was maximised: the log-likelihood, with a prior plus its log density.
    objectives : tuple of float
        At the start of every step.
    gradient_norm : float
        At `parameters`; see `Step`.
    gain : float
        What the last step added to the objective, per observation.
    status : Status
    collapse : Collapse or None
        What ended the run, or what it went on from.
    """

    parameters: MixtureParameters
    log_likelihood: float
    objective: float
    objectives: tuple[float, ...]
    gradient_norm: float
    gain: float
    status: Status
    collapse: Collapse | None = None

    @property
    def n_iter(self) -> int:
        """Steps taken, extrapolated ones included."""
        return len(self.objectives)

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
        means, weights = self.parameters.means, self.parameters.weights
        return self.permute(np.lexsort((*means.T[::-1], -weights.round(6))))

    def permute(self, order: Ints) -> "EMRun":
        """Return the run with component ``order[k]`` at place k."""
        collapse = self.collapse
        if collapse is not None and collapse.component is not None:
            place = int(np.flatnonzero(order == collapse.component)[0])
            collapse = replace(collapse, component=place)
        parameters = self.parameters.permute(order)
        return replace(self, parameters=parameters, collapse=collapse)

    def on_collinear_data(self) -> "EMRun":
        """Return the run with the status of a fit that has a floor in its way."""
        without = self.status in (Status.COLLAPSED, Status.REPAIRED)
        return self if without else replace(self, status=Status.SINGULAR)

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
        advice = (
            "Raise `max_iter`, go on with `warm_start=True`, or lower `n_components`."
            if tol is not None or abs(self.gain) > ROUNDING
            else "More steps change nothing that can be told from rounding: where data "
            "are far from zero for their spread, subtract a constant first."
        )
        return (
            f"EM did not converge in `max_iter`={self.n_iter} steps: the gradient norm "
            f"is {self.gradient_norm:.1e} and the last step added {self.gain:.1e} to "
            f"the mean log-likelihood, where {asked} is asked. {advice} "
            "(Best performing initialization did not converge. Try different init "
            "parameters, or increase max_iter, tol, or check for degenerate data.)"
        )


def run_em(
    objective: Objective,
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
    objective : Objective
    start : MixtureParameters
        With positive definite covariances.
    max_iter : int
        Steps at most; 0 scores the start.
    tol : float, optional
        None runs to a gradient of `GRADIENT_TOLERANCE`, accelerated. A number is
        scikit-learn's rule: plain steps until one of them adds less than `tol` to
        the mean log-likelihood.
    previous : float
        Objective before `start`, if a fit with `tol` is continued.
    on_step : callable
        Told the number of every step and the step.
    """
    method = squarem_steps if tol is None else plain_steps
    trace: list[float] = []
    for now in islice(method(objective, start), max_iter):
        gain = (now.objective - previous) / objective.n_observations
        previous = now.objective
        trace.append(previous)
        if on_step is not None:
            on_step(len(trace), now)
        if now.collapsed is not None:
            return _end(now, trace, gain, Status.COLLAPSED, objective)
        if tol is None and now.gradient_norm <= GRADIENT_TOLERANCE:
            return _end(now, trace, gain, Status.CONVERGED)
        if tol is not None and abs(gain) < tol:
            now = objective.step(now.update)
            return _end(now, trace, gain, Status.CONVERGED)
        start = now.update
    last = objective.step(start)
    gain = (last.objective - previous) / objective.n_observations
    return _end(last, trace, gain, Status.ITERATION_LIMIT)


def _end(step, trace, gain, status, objective=None):
    collapse = None
    if objective is not None:
        k = step.collapsed
        rows = members(objective.observations, step.parameters, k)
        collapse = Collapse(k, float(step.update.weights[k]), rows)
    return EMRun(
        parameters=step.parameters,
        log_likelihood=step.log_likelihood,
        objective=step.objective,
        objectives=tuple(trace),
        gradient_norm=step.gradient_norm,
        gain=float(gain),
        status=status,
        collapse=collapse,
    )
