"""Tasks on threads: in order, all of them, and stopped at the first that fails."""

import threading

import numpy as np
import pytest

from bayesgmm.kernels.threads import run_tasks


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(n_threads):
    got, first = [], threading.Event()

    def run(task):
        if task == 0 and n_threads > 1:
            assert first.wait(10)  # the first task ends after the second
        else:
            first.set()
        return task

    run_tasks(run, range(40), got.append, n_threads)
    assert got == list(range(40))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_task_that_fails_stops_the_others(n_threads):
    begun, failed = [], threading.Event()

    def run(task):
        begun.append(task)
        if task == 3:
            failed.set()
            raise ValueError("task 3")
        if task > 3:
            assert failed.wait(10)

    with pytest.raises(ValueError, match="task 3"):
        run_tasks(run, range(1000), n_threads=n_threads)
    assert len(begun) < 20


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_interrupt_inside_a_kernel_is_an_interrupt(n_threads):
    """What Numba raises when Ctrl-C comes while a compiled function runs."""

    begun = threading.Event()

    def run(task):
        if threading.current_thread() is threading.main_thread():
            begun.set()
            raise SystemError("returned a result with an exception set") from (
                KeyboardInterrupt()
            )
        assert begun.wait(10)
        return task

    with pytest.raises(KeyboardInterrupt):
        run_tasks(run, range(100), n_threads=n_threads)


def test_nothing_to_do_is_done():
    run_tasks(np.sqrt, [])
