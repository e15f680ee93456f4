"""What a run ran on, and how much memory a process has taken (Linux tells most)."""

import os
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

OURS = ("numpy", "numba", "scipy", "scikit-learn", "pymc", "dask")


def cpu_name() -> str:
    """Return the processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line for line in lines if line.startswith("model name")]
        return names[0].split(":")[1].strip()
    except (OSError, IndexError):
        return platform.processor()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def memory_gb() -> float:
    """Return the memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def facts() -> dict[str, str]:
    """Return what figures depend on; nothing that tells whose machine it is."""
    return {
        "processor": cpu_name(),
        "cores": str(cores()),
        "memory": f"{memory_gb():.0f} GB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        **versions(*OURS),
    }


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of those packages that are installed here."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def resident() -> float:
    """Return the megabytes of this process that are in memory."""
    return _status("VmRSS")


def peak() -> float:
    """Return the most megabytes that this process had in memory since `reset_peak`."""
    # What `getrusage` tells of a new process begins at its parent's.
    return _status("VmHWM")


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _status(kind: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    kibibytes = next(int(x.split()[1]) for x in lines if x.startswith(kind))
    return kibibytes * 1024 / 1e6


def in_fresh_process(run: Callable, *arguments: Any) -> Any:
    """Return what a function of a module returns in a process that did nothing yet."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, *arguments).result()
