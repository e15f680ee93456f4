"""Tasks whose questions are answered all at once: none goes on before all have asked.

A pass over lazy rows costs what reading costs. So each task runs on a thread of its
own, and one pass answers the questions of all that have not ended.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import Any

AT_ONCE = 64
"""Tasks that run at a time. One that has ended makes room for the next."""


def run_together[Task, Result](
    run: Callable[[Task, Callable[[Any], Any]], Result],
    tasks: Sequence[Task],
    answer: Callable[[list[Any]], Sequence[Any]],
) -> list[Result]:
    """Return the results of all tasks, in their order.

    Parameters
    ----------
    run : callable
        ``run(task, ask)``, where ``ask(question)`` waits for the answer.
    tasks : sequence
    answer : callable
        From questions to their answers; called on this thread. What it raises, the
        tasks that asked raise, and then this function.
    """
    events: SimpleQueue[tuple[Any, Future] | None] = SimpleQueue()

    def ask(question):
        answered: Future = Future()
        events.put((question, answered))
        return answered.result()

    def work(task):
        try:
            return run(task, ask)
        finally:
            events.put(None)

    with ThreadPoolExecutor(min(AT_ONCE, len(tasks))) as threads:
        waiting = iter(tasks)
        results = [threads.submit(work, task) for task in islice(waiting, AT_ONCE)]
        n_busy, asked = len(results), []
        while n_busy:
            event = events.get()
            n_busy -= 1
            if event is not None:
                asked.append(event)
            else:
                for task in waiting:
                    results.append(threads.submit(work, task))
                    n_busy += 1
                    break
            if n_busy == 0:
                _answer(asked, answer)
                n_busy, asked = len(asked), []
    return [each.result() for each in results]


def _answer(asked, answer):
    if not asked:
        return
    questions, futures = zip(*asked, strict=True)
    try:
        answers = answer(list(questions))
    except BaseException as error:
        for future in futures:
            future.set_exception(error)
        raise
    for future, each in zip(futures, answers, strict=True):
        future.set_result(each)
