"""The REST client against servers that misbehave in ways a real one does on a bad day."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from lookalike.errors import (
    ModelServerBusy,
    ModelServerError,
    ModelServerRejected,
    ModelServerUnavailable,
    ModelVersionUnavailable,
)
from lookalike.picture.contract import PictureContract
from lookalike.serving import ModelAddress, RestEmbedder
from lookalike.serving.rest import predict_body
from tests.answering import Listener

ADDRESS = ModelAddress(name="embedder", version=3, picture=PictureContract(size=32), dimensions=4)
PIXELS = np.zeros((1, 32, 32, 3), np.uint8)
VECTOR = {"predictions": [[0.5, 0.0, 1.0, 2.0]]}

Reply = bytes | None  # None: close the connection without an answer


def http(status: int, document: object) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Scripted(Listener):
    """A server that answers one reply after the other, and records what it was sent."""

    def __init__(self, replies: list[Reply]) -> None:
        self.requests: list[bytes] = []
        self._replies = iter(replies)
        super().__init__(self._answer)

    def _answer(self, connection: socket.socket) -> None:
        while (request := _read(connection)) is not None:
            self.requests.append(request)
            reply = next(self._replies, b"")
            if reply is None:
                return
            if not reply:
                threading.Event().wait(5)  # never answers
                return
            connection.sendall(reply)


def _read(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(x.split(b":")[1])
            for x in head.split(b"\r\n")
            if x.lower().startswith(b"content-len")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def scripted(*replies: Reply) -> Iterator[tuple[Scripted, RestEmbedder]]:
    server = Scripted(list(replies))
    embedder = RestEmbedder(server.url, ADDRESS, timeout=1)
    try:
        yield server, embedder
    finally:
        embedder.close()
        server.close()


def test_the_version_of_the_address_is_asked_for_with_raw_bytes() -> None:
    with scripted(http(200, VECTOR)) as (server, embedder):
        vectors = embedder.embed(PIXELS)
    assert vectors.dtype == np.float32
    assert vectors.tolist() == VECTOR["predictions"]
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/models/embedder/versions/3:predict ")
    assert body == predict_body([memoryview(PIXELS.tobytes())])
    assert json.loads(body)["instances"][0]["b64"][:4] == "AAAA"


def test_a_connection_that_died_before_an_answer_is_tried_once_more() -> None:
    with scripted(http(200, VECTOR), None, http(200, VECTOR)) as (server, embedder):
        embedder.embed(PIXELS)
        assert embedder.embed(PIXELS).tolist() == VECTOR["predictions"]
    assert len(server.requests) == 3


def test_two_deaths_in_a_row_are_unavailable() -> None:
    with (
        scripted(None, None, http(200, VECTOR)) as (server, embedder),
        pytest.raises(ModelServerUnavailable),
    ):
        embedder.embed(PIXELS)
    assert len(server.requests) == 2


def test_nobody_listening_is_unavailable_and_says_what_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    embedder = RestEmbedder(f"http://127.0.0.1:{port}", ADDRESS, timeout=1)
    with pytest.raises(ModelServerUnavailable, match="lookalike model-server"):
        embedder.embed(PIXELS)
    with pytest.raises(ModelServerUnavailable):
        embedder.available_versions()


def test_no_answer_in_time_is_unavailable_and_not_tried_again() -> None:
    with scripted(b"") as (server, embedder), pytest.raises(ModelServerUnavailable, match="1 s"):
        embedder.embed(PIXELS)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ModelServerRejected),
        (404, ModelVersionUnavailable),
        (429, ModelServerBusy),
        (500, ModelServerError),
        (501, ModelServerError),
        (503, ModelServerBusy),
        (504, ModelServerBusy),
    ],
)
def test_a_status_has_its_error_with_the_server_s_words(
    status: int, error: type[ModelServerError]
) -> None:
    with scripted(http(status, {"error": "its own words"})) as (_, embedder):
        with pytest.raises(error, match="its own words") as raised:
            embedder.embed(PIXELS)
        assert type(raised.value) is error


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[1]",
        {"outputs": []},
        {"predictions": []},
        {"predictions": [[1.0, 2.0]]},
        {"predictions": [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]},
        {"predictions": [["a", "b", "c", "d"]]},
        {"predictions": [[1.0, 2.0, 3.0, None]]},
        b'{"predictions": [[1.0, 2.0, 3.0, NaN]]}',
        b'{"predictions": [[1.0, 2.0, 3.0, Infinity]]}',
        b'{"predictions": [[1.0], [2.0, 3.0]]}',
        b'{"predictions": [[1.0, 2.0, 3.0, 1%b]]}' % (b"0" * 400),
        b'{"predictions": [["1.0", "2.0", "3.0", "4.0"]]}',
        b'{"predictions": [[true, true, true, true]]}',
        b'{"predictions": %b' % (b"[" * 100_000),
    ],
)
def test_an_answer_that_is_no_vector_is_rejected(answer: object) -> None:
    with scripted(http(200, answer)) as (_, embedder), pytest.raises(ModelServerRejected):
        embedder.embed(PIXELS)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 31, 32, 3), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((1, 32, 32, 4), np.uint8),
    ],
)
def test_pixels_of_a_wrong_shape_are_never_sent(pixels: np.ndarray) -> None:
    with scripted() as (server, embedder), pytest.raises(ModelServerRejected, match="uint8"):
        embedder.embed(pixels)
    assert server.requests == []


def test_a_version_that_was_there_is_looked_for_on_a_new_connection() -> None:
    gone = http(404, {"error": "Servable not found for request: Specific(embedder, 3)"})
    with scripted(http(200, VECTOR), gone, gone, http(200, VECTOR)) as (server, embedder):
        embedder.embed(PIXELS)
        assert embedder.embed(PIXELS).tolist() == VECTOR["predictions"]
    assert server.opened == 3


def test_only_available_versions_count() -> None:
    status = {
        "model_version_status": [
            {"version": "5", "state": "LOADING", "status": {}},
            {"version": "4", "state": "AVAILABLE", "status": {}},
            {"version": "3", "state": "END", "status": {}},
        ]
    }
    unknown = http(404, {"error": "Could not find any versions of model embedder"})
    with scripted(http(200, status), unknown) as (_, embedder):
        assert embedder.available_versions() == {4}
        assert embedder.available_versions() == set()


@pytest.mark.parametrize(
    "answer",
    [
        http(404, {"error": "none"}),
        http(404, {"detail": "Not Found"}),
        http(200, {"status": "ok"}),
        http(200, {"model_version_status": ["embedder"]}),
    ],
)
def test_another_server_is_not_taken_for_a_model_server_without_versions(answer: bytes) -> None:
    with scripted(answer) as (_, embedder), pytest.raises(ModelServerRejected, match="no model"):
        embedder.available_versions()
