"""Clocks. Nothing here needs more than Python: peers use it in theirs."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

STRETCH = 0.5
"""Seconds of runs that follow one another, at least one."""
PAUSE = 0.1
"""Threads of BLAS spin for a while after their work: the other side's must be gone."""


class Timed(NamedTuple):
    """What a run returned, and its seconds by the clock and of processors."""

    result: Any
    wall: float
    cpu: float


def timed(run: Callable, *arguments: Any) -> Timed:
    """Run once; processor seconds are of all threads and child processes."""
    wall, cpu = time.perf_counter(), processor_seconds()
    result = run(*arguments)
    return Timed(result, time.perf_counter() - wall, processor_seconds() - cpu)


def processor_seconds(pid: int | None = None) -> float:
    """Return what a process and all its children have used: Linux only."""
    pid = pid or os.getpid()
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    total = sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        total += sum(processor_seconds(int(c)) for c in children.read_text().split())
    return total


def seconds(run: Callable[[], Any], stretch: float = STRETCH) -> float:
    """Return the mean seconds of runs that follow one another, as iterations do."""
    time.sleep(PAUSE)
    start, n_runs = time.perf_counter(), 0
    while n_runs == 0 or time.perf_counter() - start < stretch:
        run()
        n_runs += 1
    return (time.perf_counter() - start) / n_runs


def in_turns(*sides: Callable[[], float], rounds: int) -> list[float]:
    """Return the median of what each side tells of its seconds, all in turns."""
    told = [[side() for side in sides] for _ in range(rounds)]
    return [median(each) for each in zip(*told, strict=True)]
