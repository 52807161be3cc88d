"""Dynamic batching as pure logic: which tasks run together, and how arrays join and part.

No threads, no clock and no TensorFlow here; ``batcher`` adds those. The rules are those of
TensorFlow Serving's ``SharedBatchScheduler`` and ``BatchingSession`` without splitting.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from model_server.options import BatchingParameters
from model_server.signature import Array, Tensors
from model_server.status import Code, Refusal, invalid

Task = TypeVar("Task")


@dataclass
class _Batch(Generic[Task]):
    opened: float
    rows: int = 0
    tasks: list[Task] = field(default_factory=list)


class BatchQueue(Generic[Task]):
    """Batches of one signature that wait for their turn; only the newest still grows."""

    def __init__(self, parameters: BatchingParameters) -> None:
        self._limits = parameters
        self._batches: deque[_Batch[Task]] = deque()

    def add(self, task: Task, rows: int, now: float) -> None:
        """Put a task into the growing batch, or into a new one where it does not fit.

        Args:
            task: anything; it comes back from ``take``.
            rows: how many rows it has.
            now: seconds of a monotonic clock.

        Raises:
            Refusal: INVALID_ARGUMENT for more rows than a batch may have, UNAVAILABLE where
                no further batch may wait.
        """
        limit = self._limits.max_batch_size
        if rows > limit:
            raise invalid(f"Task size {rows} is larger than maximum input batch size {limit}")
        if not self._batches or self._batches[-1].rows + rows > limit:
            self._open(now)
        newest = self._batches[-1]
        newest.tasks.append(task)
        newest.rows += rows

    def take(self, now: float) -> list[Task] | None:
        """Remove the oldest batch where it is full, superseded or has waited long enough."""
        due = self.due()
        if due is None or now < due:
            return None
        return self._batches.popleft().tasks

    def due(self) -> float | None:
        """When the oldest batch may run, on the clock of ``add``; None where none waits."""
        if not self._batches:
            return None
        oldest = self._batches[0]
        if len(self._batches) > 1 or oldest.rows >= self._limits.max_batch_size:
            return oldest.opened
        return oldest.opened + self._limits.batch_timeout_micros / 1e6

    def _open(self, now: float) -> None:
        most = self._limits.max_enqueued_batches
        if len(self._batches) >= most:
            raise Refusal(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; currently"
                f" {len(self._batches)} batches enqueued and max_enqueued_batches is {most}",
            )
        self._batches.append(_Batch(opened=now))


def row_count(inputs: Tensors) -> int:
    """The first dimension that all inputs share; 0 where they share none and cannot batch."""
    sizes = {array.shape[:1] for array in inputs.values()}
    return max(sizes.pop(), default=0) if len(sizes) == 1 else 0


def concatenate(requests: Sequence[Tensors]) -> dict[str, Array]:
    """Lay the rows of several requests one after the other.

    Raises:
        Refusal: FAILED_PRECONDITION where rows differ in shape; it ends the whole batch.
    """
    first = requests[0]
    for name, array in first.items():
        if any(request[name].shape[1:] != array.shape[1:] for request in requests):
            raise Refusal(
                Code.FAILED_PRECONDITION,
                f"Tensors with name '{name}' from different tasks have different shapes and"
                " padding is turned off. Set pad_variable_length_inputs to true, or ensure that"
                " all tensors with the same name have equal dimensions starting with the first"
                " dim.",
            )
    if len(requests) == 1:
        return dict(first)
    return {name: np.concatenate([request[name] for request in requests]) for name in first}


def split(outputs: Tensors, rows: Sequence[int]) -> list[dict[str, Array]]:
    """Give each request its rows back.

    Raises:
        Refusal: FAILED_PRECONDITION where an output does not have one row for each of the
            inputs'.
    """
    for array in outputs.values():
        if array.ndim == 0:
            raise Refusal(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if len(array) != sum(rows):
            raise Refusal(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th"
                " dimension sizes of the input tensors",
            )
    ends = np.cumsum(rows)
    starts = ends - rows
    return [
        {name: array[start:end] for name, array in outputs.items()}
        for start, end in zip(starts, ends, strict=True)
    ]
