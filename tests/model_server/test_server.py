"""The whole look-alike: batching, overload, timeouts, metrics, and versions that come and go."""

import base64
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.errors import ConfigurationError, ModelServerError
from model_server.metrics import PATH as METRICS_PATH
from model_server.options import BatchingParameters, ServerOptions
from model_server.server import ModelServer
from tests.model_server.cases import SECTIONS, Case
from tests.model_server.http_client import Address, Reply
from tests.services import until
from tests.toy_models import write_toy_embedder

SIZE = 32
WAIT = 30.0
# Refused either way, with the batch's message instead of the reply's.
WORDED_BY_BATCHING = {"rows of outputs of unequal length"}


def address(server: ModelServer) -> Address:
    return Address("127.0.0.1", server.rest_port)


def metric(server: ModelServer, line_start: str) -> float:
    page = address(server).exchange("GET", METRICS_PATH).body.decode()
    found = re.search(rf"^{re.escape(line_start)} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def slow(where: Address, steps: float) -> Reply:
    return where.predict({"signature_name": "slow", "instances": [steps]})


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{section}: {case.name}")
        for section, cases in SECTIONS.items()
        for case in cases
        if case.path.endswith("predict") and case.name not in WORDED_BY_BATCHING
    ],
)
def test_batching_changes_no_answer(
    batching_server: ModelServer, toy_server: ModelServer, case: Case
) -> None:
    alone, batched = (
        address(server).exchange(case.method, case.path, case.body, case.headers)
        for server in (toy_server, batching_server)
    )
    assert (alone.status, alone.body) == (batched.status, batched.body)


def test_concurrent_requests_run_as_one(toy_options: ServerOptions) -> None:
    patient = BatchingParameters(max_batch_size=6, batch_timeout_micros=30_000_000)
    bodies = [{"instances": [[value, 0, 0, 0]]} for value in range(6)]
    with (
        ModelServer(replace(toy_options, batching=patient)) as server,
        ThreadPoolExecutor(6) as clients,
    ):
        replies = list(clients.map(address(server).predict, bodies))
        labels = '{model_name="toy",API="Predict",runtime="TF1"}'
        assert metric(server, f":tensorflow:serving:runtime_latency_count{labels}") == 1
    assert [reply.json["predictions"] for reply in replies] == [[[v, 0.0]] for v in range(6)]


def test_more_rows_than_a_batch_has_are_refused(toy_options: ServerOptions) -> None:
    small = BatchingParameters(max_batch_size=8, batch_timeout_micros=0)
    with ModelServer(replace(toy_options, batching=small)) as server:
        reply = address(server).predict({"instances": [[0, 0, 0, 0]] * 9})
    assert reply.status == 400
    assert reply.error == "Task size 9 is larger than maximum input batch size 8"


def test_a_full_queue_answers_503(toy_options: ServerOptions) -> None:
    narrow = BatchingParameters(
        max_batch_size=1, batch_timeout_micros=0, max_enqueued_batches=2, num_batch_threads=1
    )
    with (
        ModelServer(replace(toy_options, batching=narrow)) as server,
        ThreadPoolExecutor(8) as clients,
    ):
        replies = list(clients.map(slow, [address(server)] * 8, [5e4] * 8))
    refused = [reply for reply in replies if reply.status == 503]
    assert len([reply for reply in replies if reply.status == 200]) == 8 - len(refused) >= 3
    message = (
        "The batch scheduling queue to which this task was submitted is full;"
        " currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    assert {reply.error for reply in refused} == {message}


@pytest.mark.parametrize("batching", [None, BatchingParameters()])
def test_a_request_past_the_timeout_answers_504(
    toy_options: ServerOptions, batching: BatchingParameters | None
) -> None:
    with ModelServer(replace(toy_options, batching=batching, rest_timeout_ms=50)) as server:
        reply = slow(address(server), 5e4)
        status = ':tensorflow:serving:request_count{model_name="toy",status="DEADLINE_EXCEEDED"}'
        assert metric(server, status) == 1
    assert reply.status == 504
    assert reply.error == "Timed out waiting for notification"


def test_metrics_count_requests_by_status_and_time_those_that_succeed(
    toy_options: ServerOptions,
) -> None:
    with ModelServer(toy_options) as server:
        where = address(server)
        where.predict({"instances": [[0, 0, 0, 0]]})
        where.predict({"instances": [[0, 0, 0, 0]]}, "/versions/99")
        page = where.exchange("GET", METRICS_PATH)
        assert page.headers["Content-Type"] == "text/plain"
        counts = ':tensorflow:serving:request_count{model_name="toy",status='
        assert metric(server, counts + '"OK"}') == 1
        assert metric(server, counts + '"NOT_FOUND"}') == 1
        latency = '{model_name="toy",API="predict",entrypoint="REST"'
        name = ":tensorflow:serving:request_latency"
        assert metric(server, f"{name}_count{latency}}}") == 1
        assert metric(server, f'{name}_bucket{latency},le="+Inf"}}') == 1
        assert metric(server, f"{name}_sum{latency}}}") > 0
        queuing = ":tensorflow:serving:batching_session:queuing_latency_count"
        assert metric(server, queuing + '{thread_pool_name="batch_threads"}') == 1
        assert f"# TYPE {name} histogram" in page.body.decode()
        assert ":tensorflow:cc:saved_model:load_latency{model_path=" in page.body.decode()
        assert where.exchange("GET", f"{METRICS_PATH}?x=1").status == 400


def test_a_name_of_any_characters_leaves_the_metrics_whole(toy_options: ServerOptions) -> None:
    with ModelServer(toy_options) as server:
        assert address(server).exchange("POST", "/v1/models/a%0Ab%22c%5Cn:predict").status == 400
        labels = r'{model_name="a\nb\"c\\n",status="INVALID_ARGUMENT"}'
        assert metric(server, f":tensorflow:serving:request_count{labels}") == 1


@pytest.fixture
def embedder_options(tmp_path: Path) -> ServerOptions:
    return ServerOptions(model_name="embedder", base_path=tmp_path / "embedder", poll_seconds=0.05)


def embed(where: Address, version: int, pictures: list[bytes]) -> Reply:
    instances = [{"b64": base64.b64encode(picture).decode()} for picture in pictures]
    body = json.dumps({"instances": instances}).encode()
    return where.exchange("POST", f"/v1/models/embedder/versions/{version}:predict", body)


def test_the_production_signature_fails_a_string_of_the_wrong_length(
    embedder_options: ServerOptions,
) -> None:
    write_toy_embedder(embedder_options.base_path, 1, size=SIZE)
    picture = bytes(SIZE * SIZE * 3)
    with ModelServer(embedder_options) as server:
        vectors = np.array(embed(address(server), 1, [picture, picture]).json["predictions"])
        assert vectors.shape == (2, 128)
        assert np.array_equal(vectors[0], vectors[1])
        # Twice the bytes of one picture must not become two rows.
        reply = embed(address(server), 1, [picture * 2])
        assert reply.status == 400
        assert "reshape" in reply.error


def test_ports_open_when_a_first_version_appears_and_versions_follow_the_folder(
    embedder_options: ServerOptions,
) -> None:
    server = ModelServer(embedder_options)
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(server.start)
        until(lambda: starting.running())
        assert server.rest_port == 0
        write_toy_embedder(embedder_options.base_path, 1, size=SIZE)
        starting.result(WAIT)
    try:
        where, pictures = address(server), [bytes(SIZE * SIZE * 3)]
        assert embed(where, 1, pictures).status == 200
        assert embed(where, 2, pictures).status == 404
        write_toy_embedder(embedder_options.base_path, 2, size=SIZE)
        until(lambda: embed(where, 2, pictures).status == 200)
        shutil.rmtree(embedder_options.base_path / "1")
        until(lambda: embed(where, 1, pictures).status == 404)

        def states() -> list[tuple[str, str]]:
            listed = where.exchange("GET", "/v1/models/embedder").json["model_version_status"]
            return [(item["version"], item["state"]) for item in listed]

        # It answers no more from the moment that it is being unloaded.
        until(lambda: states() == [("2", "AVAILABLE"), ("1", "END")])
    finally:
        server.stop()


def test_a_folder_that_cannot_be_read_for_a_while_is_looked_at_again(
    embedder_options: ServerOptions, caplog: pytest.LogCaptureFixture
) -> None:
    base, aside = embedder_options.base_path, embedder_options.base_path.with_name("aside")
    write_toy_embedder(base, 1, size=SIZE)
    with ModelServer(embedder_options) as server:
        base.rename(aside)
        base.touch()
        until(lambda: "versions cannot be looked for: [Errno 20]" in caplog.text)
        base.unlink()
        aside.rename(base)
        write_toy_embedder(base, 2, size=SIZE)
        until(lambda: embed(address(server), 2, [bytes(SIZE * SIZE * 3)]).status == 200)
        assert caplog.text.count("versions cannot be looked for") == 1


def test_a_broken_model_at_the_start_is_an_error_that_names_it(
    embedder_options: ServerOptions,
) -> None:
    (embedder_options.base_path / "7").mkdir(parents=True)
    server = ModelServer(embedder_options)
    with pytest.raises(ModelServerError, match=r"embedder.* version 7 \(NOT_FOUND"):
        server.start()
    server.stop()


@pytest.mark.parametrize("port", ["rest_port", "grpc_port"])
def test_a_port_that_is_taken_is_an_error(
    toy_options: ServerOptions, toy_server: ModelServer, port: str
) -> None:
    server = ModelServer(replace(toy_options, **{port: getattr(toy_server, port)}))
    flag = f"--{port.replace('_', '-')}"
    with pytest.raises(ConfigurationError, match=f"cannot be had.*with {flag}, 0 for any"):
        server.start()
    server.stop()


def test_an_address_of_another_machine_is_an_error_that_names_it(
    toy_options: ServerOptions,
) -> None:
    server = ModelServer(replace(toy_options, host="192.0.2.1"))
    with pytest.raises(ConfigurationError, match=r"cannot be had at 192\.0\.2\.1 .*--host"):
        server.start()
    server.stop()
