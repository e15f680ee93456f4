"""Many starts of one fit, of which only the promising ones run to the end."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bayesgmm.candidates import Candidate
from bayesgmm.em import EMRun, Status, run_em
from bayesgmm.optima import is_spurious
from bayesgmm.steps import ROUNDING, Objective

# Steps from every start, before the best of them go on.
SHORT = 10
# Runs that go on: so many at least, and more while none of them can be kept.
FINALISTS, MOST_FINALISTS = 2, 5
MAX_ITER = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Winner:
    """The best run of a race, and what it began with."""

    run: EMRun
    origin: str
    spurious: bool


def race(
    objective: Objective, candidates: Iterable[Candidate], bound: float = -np.inf
) -> Winner | None:
    """Return the best of the runs from some candidates.

    The highest objective wins among runs that did not collapse and are not below
    `bound`; a spurious one only if no other is among those that went on.

    Parameters
    ----------
    objective : Objective
    candidates : iterable of Candidate
    bound : float
        What one of them has from the start.
    """
    short = [(_run(objective, each.start, SHORT), each.origin) for each in candidates]
    short = [pair for pair in short if pair[0].status is not Status.COLLAPSED]
    short.sort(key=lambda pair: -pair[0].objective)
    bound -= ROUNDING * abs(bound) * 10 if np.isfinite(bound) else 0.0
    ended: list[Winner] = []
    for number, (run, origin) in enumerate(short[:MOST_FINALISTS]):
        if number >= FINALISTS and any(not winner.spurious for winner in ended):
            break
        if run.status is Status.ITERATION_LIMIT:
            run = _run(objective, run.parameters, MAX_ITER)
        if run.status is not Status.COLLAPSED and run.objective >= bound:
            spurious = is_spurious(run, objective.observations.n_rows)
            ended.append(Winner(run, origin, spurious))
    return max(ended, key=lambda w: (not w.spurious, w.run.objective), default=None)


def _run(objective, start, max_iter):
    return run_em(objective, start, max_iter=max_iter)
