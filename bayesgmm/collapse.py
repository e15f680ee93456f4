"""What to do where a component collapses: tell it, repair it, or go on without it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bayesgmm.em import EMRun, Status, run_em
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import Objective

# From the objective and the run that collapsed to what goes on, and from where.
GoOn = Callable[[Objective, EMRun], tuple[Objective, MixtureParameters] | None]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What the user may choose.

    Attributes
    ----------
    go_on : function
        ``(objective, run) -> (objective, start)`` of the run that goes on; None if
        nothing can.
    status : Status
        Of such a run if it converges.
    outcome : str
        A sentence: what was done.
    needs_prior, drops : bool
    """

    go_on: GoOn
    status: Status = Status.COLLAPSED
    outcome: str = ""
    needs_prior: bool = False
    drops: bool = False


def _report(objective, run):  # noqa: ARG001
    return None


def _repair(objective, run):
    maximiser = objective.maximiser.repaired()
    if maximiser is None:  # empty in spite of a prior
        return None
    return replace(objective, maximiser=maximiser), maximiser.hold(run.parameters)


def _drop(objective, run):
    parameters, component = run.parameters, run.collapse.component
    if parameters.n_components == 1:
        return None
    rest = parameters.permute(np.delete(range(parameters.n_components), component))
    share = parameters.weights.sum() / rest.weights.sum()  # noise keeps its own
    rest = replace(rest, weights=share * rest.weights)
    maximiser = objective.maximiser.without(component)
    return replace(objective, maximiser=maximiser), maximiser.hold(rest)


ON_COLLAPSE = {
    "report": Remedy(_report),
    "repair": Remedy(
        _repair,
        Status.REPAIRED,
        "The default conjugate prior repaired it: the parameters are those of highest "
        "posterior density.",
        needs_prior=True,
    ),
    "drop": Remedy(
        _drop,
        Status.DROPPED,
        "It was dropped, and EM went on with the others.",
        drops=True,
    ),
}


def run_through(
    objective: Objective,
    start: MixtureParameters,
    on_collapse: str,
    *,
    previous: float = -np.inf,
    **how,
) -> EMRun:
    """Run EM from one start, through collapses if the user wants.

    Parameters
    ----------
    objective, start, previous, **how
        As in `run_em`.
    on_collapse : str
        A key of `ON_COLLAPSE`.

    Returns
    -------
    EMRun
        The last one; its steps and objectives are those since the last collapse.
    """
    remedy = ON_COLLAPSE[on_collapse]
    run = run_em(objective, start, previous=previous, **how)
    while run.status is Status.COLLAPSED:
        more = remedy.go_on(objective, run)
        if more is None:
            break
        assert run.collapse is not None
        objective, start = more
        place = None if remedy.drops else run.collapse.component
        collapse = replace(run.collapse, component=place, outcome=remedy.outcome)
        run = run_em(objective, start, **how)
        if run.status is not Status.COLLAPSED:
            done = run.status is Status.CONVERGED
            status = remedy.status if done else run.status
            run = replace(run, status=status, collapse=collapse)
    return run
