"""Tasks on threads, results in order: the kernels let go of the GIL."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_tasks[Task](
    run: Callable[[Task], Any],
    tasks: Sequence[Task],
    add: Callable[[Any], object] | None = None,
    n_threads: int | None = None,
) -> None:
    """Run every task; add the results in the order of the tasks, one at a time.

    The calling thread works too: one that only waited for results would take a core
    from the others at every result.
    """
    n_threads = min(n_threads or available_cores(), len(tasks))
    todo, done, lock = iter(enumerate(tasks)), {}, Lock()
    n_added = 0

    def work():
        nonlocal n_added
        for i, task in todo:  # one iterator: each thread takes the next task
            result = run(task)
            with lock:
                done[i] = result
                while n_added in done:
                    ready = done.pop(n_added)
                    n_added += 1
                    if add is not None:
                        add(ready)

    def work_or_stop():
        try:
            work()
        except BaseException as error:
            deque(todo, maxlen=0)  # leave nothing for the other threads
            if _is_interrupt(error):
                raise KeyboardInterrupt from error
            raise

    if n_threads <= 1:
        work_or_stop()
        return
    with ThreadPoolExecutor(n_threads - 1) as others:
        futures = [others.submit(work_or_stop) for _ in range(n_threads - 1)]
        work_or_stop()
    for future in futures:
        future.result()


def _is_interrupt(error: BaseException | None) -> bool:
    """Tell Ctrl-C, of which Numba makes a SystemError if it comes inside a kernel."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
