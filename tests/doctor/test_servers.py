"""Servers that are not there, not ready, others than they should be, or no such service."""

import os
import pty
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from demo.processes import free_port
from doctor import service
from doctor.cli import SOMETHING_WRONG
from lookalike.settings import Settings
from tests.answering import answering
from tests.doctor.looking import looked, said, wrongs
from tests.search_api.conftest import Stack
from tests.services import publish_toy_model, search_service, status, until


def test_a_service_that_is_asked_for_has_to_be_there(stack: Stack) -> None:
    status, findings = looked(stack.environment, "--url", "http://127.0.0.1:9")
    assert status == SOMETHING_WRONG
    assert wrongs(findings).keys() == {"service"}
    rest = stack.environment["LOOKALIKE_MODEL_SERVER_REST"]
    told = wrongs(looked(stack.environment, "--url", rest)[1])["service"].said
    assert "is no search service" in told


def test_a_service_of_another_store_is_told(stack: Stack, broken: dict[str, str]) -> None:
    (Path(broken["LOOKALIKE_STORE"]) / "indexes" / "default" / "CURRENT").write_text(
        "20200101T000000Z-0\n"
    )
    found = [one for one in looked(broken, "--url", stack.url)[1] if one.check == "service"]
    assert any("and CURRENT is 20200101T000000Z-0" in one.said for one in found)


def test_addresses_that_are_none_are_told_by_what_names_them(stack: Stack) -> None:
    given = {**stack.environment, "LOOKALIKE_MODEL_SERVER_REST": "127.0.0.1:8501"}
    found = wrongs(looked(given, "--url", "localhost:8080")[1])
    assert "LOOKALIKE_MODEL_SERVER_REST" in found["model server"].advice
    assert "--url http://" in found["service"].advice
    assert {one.type for one in found.values()} == {"bad-configuration"}


def test_a_service_that_waits_for_its_model_server_says_why(
    broken: dict[str, str], tmp_path: Path
) -> None:
    environment = {**broken, "LOOKALIKE_MODEL_SERVER_REST": "http://127.0.0.1:9"}
    with search_service(environment, tmp_path / "log") as url:
        until(lambda: status(f"{url}/healthz") == 200, what="the process")
        told = wrongs(looked(environment, "--url", url)[1])["service"]
    assert f"{url} lives and is not ready: " in told.said


def test_a_service_behind_an_ingress_that_hides_its_probes_is_no_fault() -> None:
    hidden = service.Got(404, {}, None)
    about = {"title": "Lookalike", "version": version("lookalike")}
    answers = service.Answers(hidden, hidden, about)
    [told] = service.answered(service.Place("https://far", asked=True), Settings(), answers)
    assert told.state == "warning"
    assert "ingress" in told.advice


def test_another_version_and_another_clock_are_told(stack: Stack) -> None:
    alive = service.Got(200, {"status": "ok"}, "Thu, 01 Jan 2026 00:00:00 GMT")
    ready = service.Got(503, {"detail": "nothing has been published"}, None)
    about = {"title": "Lookalike", "version": "0.0.1"}
    answers = service.Answers(alive, ready, about)
    first, second, third = service.answered(
        service.Place(stack.url, asked=True), Settings(), answers
    )
    assert first.said.endswith("is not ready: nothing has been published")
    assert f"is lookalike 0.0.1, and this is {version('lookalike')}" in second.said
    assert "the clock at" in third.said
    assert second.state == third.state == "warning"


def test_words_are_those_of_who_said_where_the_service_is() -> None:
    with answering(lambda _: (200, b"{}")) as port:
        address = f"127.0.0.1:{port}"
        asked = wrongs(looked({}, "--url", f"http://{address}")[1])["service"]
        found = wrongs(looked({"LOOKALIKE_BIND": address})[1])["service"]
    assert asked.said == found.said == f"what answers at http://{address} is no search service"
    assert "--url" in asked.advice
    assert "LOOKALIKE_BIND" in found.advice
    assert "URL" not in found.advice.upper()


def test_an_empty_url_is_one_that_was_given() -> None:
    found = wrongs(looked({}, "--url", "")[1])["service"]
    assert found.said == "--url is empty"
    assert found.type == "bad-configuration"


def test_a_service_that_listens_on_every_address_is_asked_at_this_machines_own() -> None:
    port = free_port(0)
    [(state, told)] = said(looked({"LOOKALIKE_BIND": f":{port}"})[1], "service")
    assert state == "warning"
    assert told.startswith(f"none answers at http://127.0.0.1:{port}: ")


def test_a_service_on_a_socket_file_is_not_looked_at_and_that_is_said() -> None:
    given = {"LOOKALIKE_BIND": "unix:/run/lookalike.sock"}
    [(state, told)] = said(looked(given)[1], "service")
    assert (state, told) == (
        "warning",
        "not looked at, since it listens on unix:/run/lookalike.sock",
    )


def test_without_an_index_the_newest_model_is_asked_for(tmp_path: Path, stack: Stack) -> None:
    empty = {**stack.environment, "LOOKALIKE_STORE": str(tmp_path / "store")}
    [(state, told)] = said(looked(empty)[1], "model server")
    assert state == "warning"
    assert told.startswith("not looked at, since ")
    publish_toy_model(tmp_path / "store", seed=3)
    told = [one for _, one in said(looked(empty)[1], "model server")]
    assert told[0].endswith("serves embedder 1; there is no index to compare its vectors with")
    publish_toy_model(tmp_path / "store", seed=4)
    findings = looked(empty)[1]
    assert wrongs(findings)["model server"].type == "model-version-unavailable"


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"<h1>Not Found</h1>"), (404, b'{"detail": "Not Found"}'), (200, b"<h1>Welcome</h1>")],
)
def test_what_is_no_model_server_is_called_so(stack: Stack, status: int, body: bytes) -> None:
    with answering(lambda _: (status, body)) as port:
        url = f"http://127.0.0.1:{port}"
        found = wrongs(looked({**stack.environment, "LOOKALIKE_MODEL_SERVER_REST": url})[1])
    assert f"what answers at {url} is no model server" in found["model server"].said
    assert "LOOKALIKE_MODEL_SERVER_REST" in found["model server"].advice


def test_a_model_server_that_does_not_answer_jobs_is_told(stack: Stack) -> None:
    target = f"127.0.0.1:{free_port(0)}"
    given = {**stack.environment, "LOOKALIKE_MODEL_SERVER_GRPC": target}
    found = wrongs(looked(given)[1])
    assert found.keys() == {"model server"}
    assert target in found["model server"].said
    assert "LOOKALIKE_MODEL_SERVER_GRPC" in found["model server"].advice


@contextmanager
def silent() -> Iterator[str]:
    """Accept, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_model_server_that_never_answers_is_waited_for_shortly_and_on_a_terminal_that_is_said(
    stack: Stack,
) -> None:
    reading, writing = pty.openpty()
    with silent() as address:
        given = {**stack.environment, "LOOKALIKE_MODEL_SERVER_REST": f"http://{address}"}
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", "doctor"],
            env={**os.environ, **given},
            stdout=subprocess.PIPE,
            stderr=writing,
            text=True,
            check=False,
            timeout=50,
        )
        spent = time.monotonic() - started
    shown = os.read(reading, 1 << 16).decode()
    os.close(reading)
    os.close(writing)
    assert f"the model server at http://{address} did not answer within 5 s" in done.stdout
    assert f"asking http://{address}" in shown
    assert spent < 30
