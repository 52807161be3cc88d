"""Batching as pure logic: no threads, no model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.batching import BatchQueue, concatenate, row_count, split
from model_server.options import BatchingParameters
from model_server.status import Code, Refusal

PARAMETERS = BatchingParameters(
    max_batch_size=8, batch_timeout_micros=2_000_000, max_enqueued_batches=2
)


def test_a_batch_waits_for_its_timeout() -> None:
    queue = BatchQueue[str](PARAMETERS)
    queue.add("a", 1, now=10.0)
    queue.add("b", 1, now=11.0)
    assert queue.due() == 12.0
    assert queue.take(now=11.9) is None
    assert queue.take(now=12.0) == ["a", "b"]
    assert queue.due() is None


def test_a_full_batch_waits_no_longer() -> None:
    queue = BatchQueue[str](PARAMETERS)
    queue.add("a", 3, now=10.0)
    queue.add("b", 5, now=10.0)
    assert queue.take(now=10.0) == ["a", "b"]


def test_a_batch_that_the_next_task_does_not_fit_into_waits_no_longer() -> None:
    queue = BatchQueue[str](PARAMETERS)
    queue.add("a", 5, now=10.0)
    queue.add("b", 4, now=10.0)
    assert queue.take(now=10.0) == ["a"]
    assert queue.take(now=10.0) is None
    assert queue.take(now=12.0) == ["b"]


def test_a_task_larger_than_a_batch_is_refused() -> None:
    queue = BatchQueue[str](PARAMETERS)
    with pytest.raises(Refusal, match="Task size 9 is larger than maximum input batch size 8"):
        queue.add("a", 9, now=10.0)
    assert queue.due() is None


def test_a_full_queue_refuses_and_keeps_what_it_has() -> None:
    queue = BatchQueue[str](PARAMETERS)
    queue.add("a", 8, now=10.0)
    queue.add("b", 7, now=10.0)
    with pytest.raises(Refusal) as refusal:
        queue.add("c", 2, now=10.0)
    assert refusal.value.code is Code.UNAVAILABLE
    assert refusal.value.message == (
        "The batch scheduling queue to which this task was submitted is full;"
        " currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    queue.add("d", 1, now=10.0)
    assert queue.take(now=10.0) == ["a"]
    assert queue.take(now=10.0) == ["b", "d"]


@settings(deadline=None)
@given(st.lists(st.integers(1, 8), max_size=30))
def test_every_task_comes_out_once_and_in_order_in_batches_of_allowed_size(
    sizes: list[int],
) -> None:
    queue = BatchQueue[tuple[int, int]](BatchingParameters(max_batch_size=8))
    for position, rows in enumerate(sizes):
        queue.add((position, rows), rows, now=0.0)
    batches = []
    while (batch := queue.take(now=1.0)) is not None:
        batches.append(batch)
    assert [position for batch in batches for position, _ in batch] == list(range(len(sizes)))
    assert all(sum(rows for _, rows in batch) <= 8 for batch in batches)


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_splitting_undoes_joining(sizes: list[int]) -> None:
    requests = [
        {"x": np.full((rows, 2), rows, dtype=np.float32), "s": np.array([b"s"] * rows, object)}
        for rows in sizes
    ]
    for request, part in zip(requests, split(concatenate(requests), sizes), strict=True):
        assert part.keys() == request.keys()
        assert all(np.array_equal(part[name], request[name]) for name in request)


def test_rows_of_other_shapes_do_not_join() -> None:
    requests = [{"x": np.zeros((1, 2))}, {"x": np.zeros((1, 3))}]
    with pytest.raises(Refusal, match="different shapes and padding is turned off"):
        concatenate(requests)


@pytest.mark.parametrize("shape", [(), (3, 2)])
def test_outputs_without_a_row_for_each_input_do_not_split(shape: tuple[int, ...]) -> None:
    with pytest.raises(Refusal, match="Batched output tensor") as refusal:
        split({"y": np.zeros(shape)}, [1, 1])
    assert refusal.value.code is Code.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("shapes", "rows"), [([(3, 2), (3,)], 3), ([(3,), (2,)], 0), ([()], 0), ([], 0), ([(0, 2)], 0)]
)
def test_only_inputs_that_share_a_first_dimension_have_rows(
    shapes: list[tuple[int, ...]], rows: int
) -> None:
    inputs = {str(position): np.zeros(shape) for position, shape in enumerate(shapes)}
    assert row_count(inputs) == rows
