"""Many starts of one fit, of which only the promising ones run to the end."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bayesgmm.candidates import Candidate
from bayesgmm.em import EMRun, Status, run_em
from bayesgmm.optima import is_spurious
from bayesgmm.steps import ROUNDING, Objective

# Steps from every start; then more from the best few; then the best goes on to its end.
SHORT, LONGER = 5, 15
PROMISING = 3
# Runs that go on to their end if none before them can be kept.
MOST_ENDS = 5
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
    runs = [(_run(objective, each.start, SHORT), each.origin) for each in candidates]
    runs = _best_first(runs)
    for place, (run, origin) in enumerate(runs[:PROMISING]):
        runs[place] = (_go_on(objective, run, LONGER), origin)
    ended: list[Winner] = []
    for run, origin in _best_first(runs)[:MOST_ENDS]:
        winner = _admit(objective, _go_on(objective, run, MAX_ITER), origin, bound)
        if winner is None:
            continue
        ended.append(winner)
        if not winner.spurious:
            break
    return best_of(ended)


def run_alone(objective: Objective, candidate: Candidate, bound: float):
    """Return the run from one candidate; None where `race` would not take it."""
    run = _run(objective, candidate.start, MAX_ITER)
    return _admit(objective, run, candidate.origin, bound)


def best_of(winners: Iterable[Winner | None]) -> Winner | None:
    """Return the highest of the winners, a spurious one if there is no other."""
    known = [each for each in winners if each is not None]
    return max(known, key=lambda w: (not w.spurious, w.run.objective), default=None)


def _admit(objective, run, origin, bound):
    if run.status is Status.COLLAPSED or run.objective < _just_below(bound):
        return None
    return Winner(run, origin, is_spurious(run, objective.observations.n_rows))


def _best_first(runs):
    alive = [pair for pair in runs if pair[0].status is not Status.COLLAPSED]
    return sorted(alive, key=lambda pair: -pair[0].objective)


def _go_on(objective, run, max_iter):
    stopped = run.status is Status.ITERATION_LIMIT
    return _run(objective, run.parameters, max_iter) if stopped else run


def _just_below(bound):
    """Return a bound that rounding does not miss."""
    return bound - 10 * ROUNDING * abs(bound) if np.isfinite(bound) else bound


def _run(objective, start, max_iter):
    return run_em(objective, start, max_iter=max_iter)
