"""Sweeps of a chain in segments: what an interrupt waits for, and what a file keeps."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np

from bayesgmm.checkpoint import Checkpoint

_SECONDS = 0.1
"""Of a segment, about."""

Drawn = tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Diary:
    """A chain of sweeps that goes on where it was when it last reached a file.

    Attributes
    ----------
    checkpoint : Checkpoint
    chain : str
        Its name in the file.
    rng : numpy.random.Generator
    state : sequence of arrays
        All that sweeps overwrite, in place.
    """

    checkpoint: Checkpoint
    chain: str
    rng: np.random.Generator
    state: Sequence[np.ndarray]

    def segments(
        self,
        phase: str,
        n_sweeps: int,
        stop: Event,
        run: Callable[[int, int], Drawn],
        unit: int = 1,
    ) -> Iterator[Drawn]:
        """Run sweeps in segments of about a tenth of a second, until stopped.

        Parameters
        ----------
        phase : str
            Such as the warm-up.
        n_sweeps : int
            A multiple of `unit`.
        stop : threading.Event
        run : callable
            ``run(first, n)`` makes n sweeps of which the first is number `first`, and
            returns arrays of what it drew.
        unit : int
            Of which segments are multiples.

        Yields
        ------
        tuple of arrays
            What a segment drew, from the file if it was in it.
        """
        done, size = 0, unit
        while done < n_sweeps and not stop.is_set():
            seconds, found = self._recall(phase, done, min(size, n_sweeps - done), run)
            size = int(found["n_sweeps"])
            done += size
            yield tuple(_listed("drawn", found))
            if seconds is not None:
                size = _next_size(size, seconds, unit)

    def _recall(self, phase, first, n, run) -> tuple[float | None, Mapping[str, Any]]:
        """Bring the chain to the end of a segment; return seconds if it was run."""
        seconds = None

        def compute() -> dict[str, Any]:
            nonlocal seconds
            begun = time.perf_counter()
            drawn = run(first, n)
            seconds = time.perf_counter() - begun
            random = json.dumps(self.rng.bit_generator.state)
            own = {"n_sweeps": n, "random": random}
            return own | _number("state", self.state) | _number("drawn", drawn)

        found = self.checkpoint.recall(self.chain, (phase, first), compute)
        self.rng.bit_generator.state = json.loads(str(found["random"]))
        for array, kept in zip(self.state, _listed("state", found), strict=True):
            array[...] = kept
        return seconds, found


def _next_size(size, seconds, unit):
    if seconds < _SECONDS / 2:
        return size * 2
    return max(size // 2 // unit, 1) * unit if seconds > 2 * _SECONDS else size


def _number(name, arrays) -> dict[str, Any]:
    return {f"{name} {i}": array for i, array in enumerate(arrays)}


def _listed(name, found) -> list[np.ndarray]:
    n = sum(key.startswith(f"{name} ") for key in found)
    return [np.asarray(found[f"{name} {i}"]) for i in range(n)]


def leaves(state: Any) -> list[np.ndarray]:
    """Return the arrays of nested tuples, in order."""
    if isinstance(state, np.ndarray):
        return [state]
    return [array for part in state for array in leaves(part)]
