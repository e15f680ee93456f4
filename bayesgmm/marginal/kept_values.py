"""Values of a log-posterior that a file keeps, so that chains go on where they were.

Samplers here are deterministic given a seed and these values. Run again they take the
same path, over the values that are in the file in no time.
"""

from collections.abc import Callable

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.checkpoint import Checkpoint, FileCheckpoint
from bayesgmm.errors import InputError
from bayesgmm.marginal.mode import LogPosterior


def remember(
    log_posterior: LogPosterior, start: Floats, checkpoint: Checkpoint
) -> LogPosterior:
    """Return a log-posterior that reads what is in the file, and writes what is not.

    Raises
    ------
    InputError
        If the file has another value at the start: it is of another model.
    """
    if not isinstance(checkpoint, FileCheckpoint):
        return log_posterior

    def compute(x):
        value, gradient = log_posterior(x)
        return {"value": value, "gradient": gradient}

    now = compute(start)
    _check_same(now, checkpoint.recall("start", (), lambda: now))

    def remembered(x):
        found = checkpoint.recall("log-posterior", (x,), lambda: compute(x))
        return float(found["value"]), found["gradient"]

    return remembered


def remember_many(
    log_posteriors: Callable[[Floats], Floats], checkpoint: Checkpoint
) -> Callable[[Floats], Floats]:
    """Do the same for a function of many vectors at once."""

    def remembered(values):
        def compute():
            return {"values": log_posteriors(values)}

        return checkpoint.recall("log-posteriors", (values,), compute)["values"]

    return remembered


def _check_same(now, then):
    if all(np.array_equal(now[name], then[name], equal_nan=True) for name in now):
        return
    raise InputError(
        "checkpoint",
        "be a file of the same model, or a new one",
        f"one whose log-density at the start is {float(then['value']):.10g}, and not "
        f"{now['value']:.10g}",
        "Choose another file, or delete this one to begin anew.",
    )
