"""Independent runs of a search on threads; an interrupt keeps those that are done."""

import warnings
from collections.abc import Callable
from threading import Event

from bayesgmm.chains import run_chains
from bayesgmm.errors import ConvergenceWarning
from bayesgmm.kernels.threads import available_cores
from bayesgmm.sampled import Settings


def run_all[Result](
    run: Callable[[int, Event], Result | None], n_runs: int
) -> list[Result]:
    """Return the results of all runs, or of those that are done at an interrupt.

    Parameters
    ----------
    run : function
        ``f(number, stop)`` returns a result. It looks at ``stop`` now and then, and
        returns None if that is set. Random numbers are its own: results do not depend
        on the number of threads.
    n_runs : int

    Raises
    ------
    Exception
        What a run raised.
    KeyboardInterrupt
        If the user interrupts before any run is done.
    """
    settings = Settings(1, 0, n_runs, available_cores(), seed=0, progress=False)
    chains = run_chains(run, settings)
    for failure in chains.failures.values():
        raise failure
    done = [result for result in chains.results.values() if result is not None]
    if not done:
        raise KeyboardInterrupt
    return done


def warn_of_interrupt(done: str) -> None:
    """Tell the caller of the caller what the result is of."""
    warnings.warn(
        f"The search was interrupted: {done}, and the best that was found is returned. "
        "There may be better.",
        ConvergenceWarning,
        stacklevel=3,
    )
