"""Runs batches on a few threads: the clock and the threads around ``batching``.

One batcher belongs to one loaded version. It must not know what a batch computes.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from model_server.batching import (
    BatchQueue,
    concatenate,
    split,
)
from model_server.options import BatchingParameters
from model_server.signature import Array, Tensors
from model_server.status import Code, Refusal

Run = Callable[[str, Tensors], dict[str, Array]]


@dataclass(frozen=True)
class _Task:
    inputs: Tensors
    rows: int
    queued: float
    outcome: Future[dict[str, Array]] = field(default_factory=Future)


class Batcher:
    """Collects requests to the same signature and runs them together.

    Args:
        parameters: sizes and waits.
        run: computes a batch for a signature's name; its errors reach every request in it.
        observe_wait: told the microseconds that each task waited.
    """

    def __init__(
        self, parameters: BatchingParameters, run: Run, observe_wait: Callable[[float], None]
    ) -> None:
        self._parameters, self._run, self._observe_wait = parameters, run, observe_wait
        self._queues: dict[str, BatchQueue[_Task]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._idle = threading.Semaphore(parameters.num_batch_threads)
        self._threads = ThreadPoolExecutor(parameters.num_batch_threads, "batch")
        self._dispatcher = threading.Thread(target=self._dispatch, name="batches", daemon=True)
        self._dispatcher.start()

    def submit(self, signature: str, inputs: Tensors, rows: int) -> Future[dict[str, Array]]:
        """Queue one request; cancelling the future drops it unless it has started.

        Raises:
            Refusal: what ``BatchQueue.add`` refuses; UNAVAILABLE after ``close``.
        """
        task = _Task(inputs, rows, time.monotonic())
        with self._changed:
            if self._closed:
                raise Refusal(Code.UNAVAILABLE, "The model version is being unloaded")
            queue = self._queues.setdefault(signature, BatchQueue(self._parameters))
            queue.add(task, rows, task.queued)
            self._changed.notify()
        return task.outcome

    def close(self) -> None:
        """Run what is queued, then end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._dispatcher.join()
        self._threads.shutdown()

    def _dispatch(self) -> None:
        # A batch is taken only when a thread is free for it: until then it still grows.
        self._idle.acquire()
        while (batch := self._next()) is not None:
            signature, tasks = batch
            running = [task for task in tasks if task.outcome.set_running_or_notify_cancel()]
            work = self._threads.submit(self._compute, signature, running)
            work.add_done_callback(partial(self._settle, running))
            self._idle.acquire()

    def _next(self) -> tuple[str, list[_Task]] | None:
        """Wait for a batch that may run; None when closed and empty."""
        with self._changed:
            while True:
                now = time.monotonic()
                waiting = [(due, name) for name, due in self._dues() if due is not None]
                if waiting:
                    due, name = min(waiting)
                    tasks = self._queues[name].take(max(now, due) if self._closed else now)
                    if tasks is not None:
                        return name, tasks
                    self._changed.wait(due - now)
                elif self._closed:
                    return None
                else:
                    self._changed.wait()

    def _dues(self) -> list[tuple[str, float | None]]:
        return [(name, queue.due()) for name, queue in self._queues.items()]

    def _compute(self, signature: str, tasks: list[_Task]) -> list[dict[str, Array]]:
        if not tasks:
            return []
        for task in tasks:
            self._observe_wait((time.monotonic() - task.queued) * 1e6)
        outputs = self._run(signature, concatenate([task.inputs for task in tasks]))
        return split(outputs, [task.rows for task in tasks])

    def _settle(self, tasks: list[_Task], done: Future[list[dict[str, Array]]]) -> None:
        self._idle.release()
        error = done.exception()
        if error is not None:
            for task in tasks:
                task.outcome.set_exception(error)
            return
        for task, outputs in zip(tasks, done.result(), strict=True):
            task.outcome.set_result(outputs)
