"""What a test computes in a process of its own."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def apart(function: Callable, *arguments: Any, **settings: Any) -> Any:
    """Return what a function returns in a fresh process, which reads kernels from disk.

    Where several processes compile kernels at the same time, as on a fresh clone, the
    code that each keeps may round differently from that on disk. Bits are compared
    between processes that read it.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **settings).result()
