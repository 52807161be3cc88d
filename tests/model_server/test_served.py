"""The mark that a model server serves all that was brought."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_server.served import mark_served
from tests.answering import answering
from tests.services import model_server, process, publish_toy_model, run, until

PATH = "/v1/models/embedder"


class Server:
    """Answers what it is told to, as TensorFlow Serving writes it."""

    url, body = "", b""

    def say(self, **states: str) -> None:
        versions = {name.removeprefix("v"): state for name, state in states.items()}
        statuses = [
            {"version": version, "state": state, "status": {"error_code": "OK"}}
            for version, state in versions.items()
        ]
        self.body = json.dumps({"model_version_status": statuses}).encode()

    def answer(self, path: str) -> tuple[int, bytes]:
        return (200, self.body) if path == PATH else (404, b"")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with answering(made.answer) as port:
        made.url = f"http://127.0.0.1:{port}{PATH}"
        yield made


def test_it_comes_with_the_last_version(server: Server, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for states, served in (
        ({"v1": "AVAILABLE"}, False),
        ({"v1": "AVAILABLE", "v2": "START"}, False),
        ({"v1": "AVAILABLE", "v2": "LOADING"}, False),
        ({"v1": "AVAILABLE", "v2": "AVAILABLE"}, True),
    ):
        server.say(**states)
        mark_served(mark, server.url, ["1", "2"])
        assert mark.exists() is served, states


def test_a_version_that_cannot_be_loaded_keeps_the_others_from_nobody(
    server: Server, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    server.say(v1="END", v2="END")
    mark_served(mark, server.url, ["1", "2"])
    assert not mark.exists()
    server.say(v1="AVAILABLE", v2="END")
    mark_served(mark, server.url, ["1", "2"])
    assert mark.exists()


def test_a_version_that_comes_later_leaves_it(server: Server, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    server.say(v1="AVAILABLE")
    mark_served(mark, server.url, ["1"])
    server.say(v1="AVAILABLE", v2="LOADING")
    mark_served(mark, server.url, ["1", "2"])
    assert mark.exists()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"<html>", b"[]", b"\xff", b'{"model_version_status": 5}'),
        *(b'{"model_version_status": [7]}', b'{"model_version_status": [{"version": "1"}]}'),
    ],
)
def test_it_goes_where_the_server_is_away_or_is_none(
    server: Server, tmp_path: Path, body: bytes
) -> None:
    mark = tmp_path / "mark"
    mark.touch()
    server.body = body
    mark_served(mark, server.url, ["1"])
    assert not mark.exists()
    mark_served(mark, f"http://127.0.0.1:9{PATH}", ["1"])
    assert not mark.exists()


@contextmanager
def speaking(answer: bytes) -> Iterator[int]:
    """Answer whoever connects with these bytes, whatever they ask."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    "answer", [b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b""]
)
def test_it_goes_where_the_server_speaks_no_http_or_breaks_off(
    tmp_path: Path, answer: bytes
) -> None:
    mark = tmp_path / "mark"
    mark.touch()
    with speaking(answer) as port:
        mark_served(mark, f"http://127.0.0.1:{port}{PATH}", ["1"])
    assert not mark.exists()


def test_the_command_marks_what_a_model_server_serves(tmp_path: Path) -> None:
    publish_toy_model(tmp_path / "store")
    mark = tmp_path / "mark"
    with model_server(tmp_path / "store", tmp_path / "server.log") as environment:
        url = environment["LOOKALIKE_MODEL_SERVER_REST"]
        words = ["sync-models", str(tmp_path / "serving"), "--every", "0.1"]
        words += ["--server", url, "--mark", str(mark)]
        with process(words, environment, tmp_path / "log"):
            until(mark.exists, what="the mark")


def test_the_command_wants_both_or_none(tmp_path: Path) -> None:
    words = ["sync-models", str(tmp_path / "serving"), "--mark", str(tmp_path / "mark")]
    with process(words, {}, tmp_path / "log") as running:
        assert running.wait(30) == 2
    assert "--server and --mark go together" in (tmp_path / "log").read_text()


def test_a_server_that_is_no_url_is_told_by_its_flag(tmp_path: Path) -> None:
    words = ["sync-models", str(tmp_path / "serving"), "--mark", str(tmp_path / "mark")]
    done = run([*words, "--server", "tensorflow-serving:8501"], {})
    assert done.returncode == 2
    assert "--server is a URL of http or https" in done.stderr
