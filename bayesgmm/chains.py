"""Chains on threads: an interrupt keeps what they have, one that dies harms no other.

What a chain does must let go of the interpreter lock, or chains only take turns.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import NamedTuple

from bayesgmm.sampled import Settings

# How often the main thread looks whether the user wants to stop.
PATIENCE = 0.1


class Chains[Result](NamedTuple):
    """What the chains returned or raised, each by the number of the chain."""

    results: dict[int, Result]
    failures: dict[int, Exception]
    interrupted: bool


def run_chains[Result](
    sample_chain: Callable[[int, Event], Result], settings: Settings
) -> Chains[Result]:
    """Run all chains, `settings.cores` of them at the same time.

    Parameters
    ----------
    sample_chain : function
        ``f(chain, stop)`` returns what the chain has drawn. It looks at ``stop`` now
        and then, and returns what it has once that is set.
    settings : Settings

    Raises
    ------
    Exception
        What the first chain raised, if all chains raised something.
    KeyboardInterrupt
        If the user interrupts before any chain has begun, or a second time.
    """
    stop, interrupted = Event(), False
    with ThreadPoolExecutor(settings.cores) as threads:
        futures = [
            threads.submit(sample_chain, c, stop) for c in range(settings.chains)
        ]
        try:
            _wait(futures)
        except KeyboardInterrupt:
            interrupted = True
            stop.set()
            _wait([future for future in futures if not future.cancel()])
    return _collect(futures, interrupted)


def _wait(futures: list[Future]) -> None:
    """Wait in short naps: a thread that only waits never sees Ctrl-C on Windows."""
    while wait(futures, timeout=PATIENCE).not_done:
        pass


def _collect(futures: list[Future], interrupted: bool) -> Chains:
    results, failures = {}, {}
    for chain, future in enumerate(futures):
        if future.cancelled():
            continue
        error = future.exception()
        if error is None:
            results[chain] = future.result()
        elif isinstance(error, Exception):
            failures[chain] = error
        else:
            raise error
    if not results:
        raise next(iter(failures.values()), KeyboardInterrupt())
    return Chains(results, failures, interrupted)
