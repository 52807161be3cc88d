"""Threads around the queue, with a model that is a function of the test's own."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from model_server.batcher import Batcher
from model_server.options import BatchingParameters
from model_server.signature import Array, Tensors
from model_server.status import Refusal, invalid

PATIENT = BatchingParameters(max_batch_size=4, batch_timeout_micros=60_000_000)
PROMPT = BatchingParameters(max_batch_size=4, batch_timeout_micros=0, num_batch_threads=1)
WAIT = 30.0


class Model:
    """Doubles its input, remembers batch sizes, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.started = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, signature: str, inputs: Tensors) -> dict[str, Array]:
        self.started.set()
        assert self.may_go_on.wait(WAIT)
        self.batches.append(len(inputs["x"]))
        if np.any(inputs["x"] < 0):
            raise invalid(f"{signature} takes nothing negative")
        return {"y": inputs["x"] * 2}


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    yield model
    model.may_go_on.set()


def start(model: Model, parameters: BatchingParameters) -> Batcher:
    return Batcher(parameters, model, lambda _: None)


def rows(*values: float) -> dict[str, Array]:
    return {"x": np.array(values)}


def test_requests_run_together_and_each_gets_its_own_rows(model: Model) -> None:
    batcher = start(model, PATIENT)
    outcomes = [batcher.submit("s", rows(value), 1) for value in range(4)]
    assert [outcome.result(WAIT)["y"].tolist() for outcome in outcomes] == [[0], [2], [4], [6]]
    assert model.batches == [4]
    batcher.close()


def test_signatures_do_not_mix(model: Model) -> None:
    batcher = start(model, PATIENT)
    for signature in ("a", "b"):
        batcher.submit(signature, rows(1, 2), 2)
    outcomes = [batcher.submit(signature, rows(3, 4), 2) for signature in ("a", "b")]
    for outcome in outcomes:
        assert outcome.result(WAIT)["y"].tolist() == [6, 8]
    assert model.batches == [4, 4]
    batcher.close()


def test_one_bad_row_fails_its_batch_and_no_other(model: Model) -> None:
    batcher = start(model, PATIENT)
    outcomes = [batcher.submit("s", rows(*values), 2) for values in ((1, 2), (-1, 1))]
    for outcome in outcomes:
        with pytest.raises(Refusal, match="s takes nothing negative"):
            outcome.result(WAIT)
    assert batcher.submit("s", rows(1, 1, 1, 1), 4).result(WAIT)["y"].tolist() == [2] * 4
    batcher.close()


def test_an_abandoned_request_is_dropped_unless_it_has_started(model: Model) -> None:
    model.may_go_on.clear()
    batcher = start(model, PROMPT)
    running = batcher.submit("s", rows(1), 1)
    assert model.started.wait(WAIT)
    abandoned, waiting = (batcher.submit("s", rows(value), 1) for value in (2, 3))
    assert abandoned.cancel()
    assert not running.cancel()
    model.may_go_on.set()
    assert waiting.result(WAIT)["y"].tolist() == [6]
    assert model.batches == [1, 1]
    batcher.close()


def test_a_batch_grows_while_every_thread_is_busy(model: Model) -> None:
    model.may_go_on.clear()
    batcher = start(model, PROMPT)
    outcomes = [batcher.submit("s", rows(0), 1)]
    assert model.started.wait(WAIT)
    outcomes += [batcher.submit("s", rows(value), 1) for value in (1, 2, 3)]
    model.may_go_on.set()
    assert [outcome.result(WAIT)["y"].tolist() for outcome in outcomes] == [[0], [2], [4], [6]]
    assert model.batches == [1, 3]
    batcher.close()


def test_closing_runs_what_waits_and_refuses_what_comes_after(model: Model) -> None:
    batcher = start(model, PATIENT)
    outcome = batcher.submit("s", rows(1), 1)
    batcher.close()
    assert outcome.result(0)["y"].tolist() == [2]
    with pytest.raises(Refusal, match="unloaded"):
        batcher.submit("s", rows(1), 1)


def test_waits_are_observed(model: Model) -> None:
    waits: list[float] = []
    batcher = Batcher(PATIENT, model, waits.append)
    batcher.submit("s", rows(1, 2), 2)
    batcher.submit("s", rows(1, 2), 2).result(WAIT)
    assert len(waits) == 2
    assert min(waits) > 0
    batcher.close()
