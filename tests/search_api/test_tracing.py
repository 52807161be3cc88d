"""Spans of a real service, as a collector gets them; and how little is there while it is off."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from demo.processes import free_port
from lookalike.errors import ConfigurationError
from lookalike.settings import Settings
from search_api import tracing
from tests.search_api.collector import Collector, Listener, attributes, listening
from tests.search_api.conftest import Stack, running_stack
from tests.search_api.test_search import encoded, noise
from tests.services import run, search_service, status, until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PICTURE = encoded(".jpg", noise(50, 40, 3))


class Traced(NamedTuple):
    """A service that is traced, and what stands around it."""

    url: str
    collector: Collector
    model_server: Listener
    log: Path

    def ask(self, trace: str, data: bytes = PICTURE, **params: str) -> requests.Response:
        headers = {"traceparent": f"00-{trace}-{PARENT}-01", "Content-Type": "image/jpeg"}
        url = f"{self.url}/search"
        return requests.post(url, data=data, params=params, headers=headers, timeout=30)

    def spans(self, trace: str, *names: str) -> dict[str, Span]:
        until(lambda: self.collector.of_trace(trace).keys() >= set(names), what="the spans")
        return self.collector.of_trace(trace)


@pytest.fixture(scope="module")
def traced(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    log = tmp_path_factory.mktemp("traced") / "log"
    beyond = stack.environment["LOOKALIKE_MODEL_SERVER_REST"]
    with listening(Collector()) as collector, listening(Listener(beyond)) as listener:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "LOOKALIKE_MODEL_SERVER_REST": listener.url,
            "LOOKALIKE_LOG_FORMAT": "json",
        }
        with search_service({**stack.environment, **settings}, log) as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            yield Traced(url, collector, listener, log)


def trace(number: int) -> str:
    return f"{TRACE[:-2]}{number:02x}"


def test_a_search_is_one_trace_with_that_of_its_caller(traced: Traced) -> None:
    wanted = json.dumps({"attribute": "label", "eq": "label-1"})
    response = traced.ask(trace(1), k="3", filter=wanted)
    assert response.status_code == 200, response.text
    names = {"POST /search", "decode", "embed", "filter", "search", "describe"}
    spans = traced.spans(trace(1), *names)
    assert spans.keys() == names
    whole = spans["POST /search"]
    assert whole.parent_span_id.hex() == PARENT
    assert whole.kind == Span.SPAN_KIND_SERVER
    stages = [spans[name] for name in ("decode", "embed", "filter", "search", "describe")]
    assert {span.parent_span_id for span in stages} == {whole.span_id}
    # One after the other, within the request.
    bounds = [(span.start_time_unix_nano, span.end_time_unix_nano) for span in stages]
    times = [moment for both in bounds for moment in both]
    assert times == sorted(times)
    assert whole.start_time_unix_nano <= times[0]
    assert times[-1] <= whole.end_time_unix_nano
    assert traced.collector.resource["service.name"] == "lookalike-search-api"


def test_spans_tell_what_was_searched_and_by_what(traced: Traced) -> None:
    response = traced.ask(trace(2), k="7")
    spans = traced.spans(trace(2), "POST /search", "search")
    whole, search = attributes(spans["POST /search"]), attributes(spans["search"])
    assert whole["http.request.method"] == "POST"
    assert whole["http.route"] == "/search"
    assert whole["http.response.status_code"] == 200
    assert whole["lookalike.request_id"] == response.headers["X-Request-ID"]
    assert whole["lookalike.index_version"] == response.json()["index_version"]
    assert search == {
        "lookalike.segments": 1,
        "lookalike.queries": 1,
        "lookalike.k": 7,
        "lookalike.filtered": False,
    }


@pytest.mark.long
def test_each_shard_has_its_span_within_that_of_the_search(tmp_path: Path) -> None:
    with (
        running_stack(tmp_path, None, "--shard-limit", "20") as stack,
        listening(Collector()) as collector,
        search_service(
            {**stack.environment, "LOOKALIKE_OTLP_ENDPOINT": collector.url}, tmp_path / "log"
        ) as url,
    ):
        until(lambda: status(f"{url}/readyz") == 200, what="readiness")
        headers = {"traceparent": f"00-{trace(10)}-{PARENT}-01"}
        asked = {"id": "label-0/0.jpg"}
        answer = requests.post(f"{url}/search", json=asked, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        until(lambda: "merge" in collector.of_trace(trace(10)), what="the spans")
    whole = collector.of_trace(trace(10))
    shards = [span for span in collector.spans if span.name == "shard"]
    count = attributes(whole["search"])["lookalike.segments"]
    assert count > 1
    assert [attributes(span) for span in shards] == [{"lookalike.shard": n} for n in range(count)]
    parents = {span.parent_span_id for span in (*shards, whole["merge"])}
    assert parents == {whole["search"].span_id}


def test_the_model_server_is_told_of_the_trace(traced: Traced) -> None:
    assert traced.ask(trace(3), encoded(".png", noise(41, 31, 3))).status_code == 200
    embed = traced.spans(trace(3), "embed")["embed"]
    assert embed.kind == Span.SPAN_KIND_CLIENT
    assert f"00-{trace(3)}-{embed.span_id.hex()}-01" in traced.model_server.heard


def test_a_failure_is_told_by_its_type_and_not_in_words(traced: Traced) -> None:
    assert traced.ask(trace(4), b"private words").status_code == 400
    spans = traced.spans(trace(4), "POST /search", "decode")
    assert attributes(spans["POST /search"])["error.type"] == "not-a-picture"
    assert attributes(spans["decode"])["error.type"] == "not-a-picture"
    assert spans["decode"].status.code == Status.STATUS_CODE_ERROR
    assert not any(span.events or span.status.message for span in spans.values())
    assert not any("private" in str(span) for span in traced.collector.spans)


def test_a_batch_is_one_trace_too(traced: Traced) -> None:
    queries = {"queries": [{"id": "label-0/0.jpg"}, {"id": "label-0/1.png"}, {"id": "no such"}]}
    headers = {"traceparent": f"00-{trace(5)}-{PARENT}-01"}
    answer = requests.post(f"{traced.url}/search/batch", json=queries, headers=headers, timeout=30)
    assert answer.status_code == 200
    spans = traced.spans(trace(5), "POST /search/batch", "search", "describe")
    whole = spans["POST /search/batch"].span_id
    assert spans["search"].parent_span_id == spans["describe"].parent_span_id == whole


def test_log_lines_name_the_trace(traced: Traced) -> None:
    response = traced.ask(trace(6))
    request_id = response.headers["X-Request-ID"]
    until(lambda: request_id in traced.log.read_text(), what="the line")
    lines = map(json.loads, traced.log.read_text().splitlines())
    (line,) = [line for line in lines if line.get("request_id") == request_id]
    assert line["trace_id"] == trace(6)


def test_a_caller_that_traces_nothing_is_heard(traced: Traced) -> None:
    headers = {"traceparent": f"00-{trace(7)}-{PARENT}-00", "Content-Type": "image/jpeg"}
    asked = requests.post(f"{traced.url}/search", data=PICTURE, headers=headers, timeout=30)
    assert asked.status_code == 200
    assert traced.ask(trace(8)).status_code == 200
    traced.spans(trace(8), "POST /search")
    assert not traced.collector.of_trace(trace(7))


def test_requests_that_only_look_after_it_have_none(traced: Traced) -> None:
    assert status(f"{traced.url}/healthz") == 200
    assert traced.ask(trace(9)).status_code == 200
    traced.spans(trace(9), "POST /search")
    assert not {"GET /healthz", "GET /readyz"} & {span.name for span in traced.collector.spans}


@pytest.mark.long
def test_what_has_ended_is_sent_as_the_service_ends_and_a_collector_may_be_away(
    stack: Stack, tmp_path: Path
) -> None:
    asked = {"id": "label-0/0.jpg"}
    with listening(Collector()) as collector:
        environment = {**stack.environment, "LOOKALIKE_OTLP_ENDPOINT": f"{collector.url}/"}
        with search_service(environment, tmp_path / "log") as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            headers = {"traceparent": f"00-{trace(10)}-{PARENT}-01"}
            requests.post(f"{url}/search", json=asked, headers=headers, timeout=30)
        assert collector.of_trace(trace(10)).keys() >= {"POST /search", "search"}
    nobody = {"LOOKALIKE_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port(0)}"}
    with search_service({**stack.environment, **nobody}, tmp_path / "log") as url:
        until(lambda: status(f"{url}/readyz") == 200, what="readiness")

        def given_up() -> bool:
            assert requests.post(f"{url}/search", json=asked, timeout=30).status_code == 200
            text = requests.get(f"{url}/metrics", timeout=10).text
            return 'lookalike_spans_total{outcome="failed"}' in text

        until(given_up, what="the loss of spans")


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "search_api.otlp", raising=False)
    monkeypatch.delattr("search_api.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)


@pytest.mark.usefixtures("without_the_extra")
def test_without_its_packages_the_error_says_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match=r"pip install 'lookalike\[tracing\]'"):
        tracing.check(Settings(otlp_endpoint="http://127.0.0.1:4318"))
    tracing.check(Settings())


def test_an_endpoint_is_a_url() -> None:
    refused = run(["serve"], {"LOOKALIKE_OTLP_ENDPOINT": "collector:4318"})
    assert refused.returncode == ConfigurationError.exit_code
    assert "LOOKALIKE_OTLP_ENDPOINT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_standard_variable_gives_way_to_ours() -> None:
    standard = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://standard"}
    assert Settings.from_environment(standard).otlp_endpoint == "http://standard"
    both = {**standard, "LOOKALIKE_OTLP_ENDPOINT": ""}
    assert Settings.from_environment(both).otlp_endpoint == ""


def test_nothing_of_it_is_loaded_while_it_is_off(tmp_path: Path) -> None:
    program = (
        "import sys; from search_api.app import create_app; create_app();"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'google'))])"
    )
    environment = {**os.environ, "LOOKALIKE_STORE": str(tmp_path), "LOOKALIKE_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
