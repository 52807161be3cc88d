"""The Python client against a service that answers what a test says."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from lookalike.client import Answer, Client, ServiceError
from tests.answering import Listener

NOBODY = "http://127.0.0.1:9"


def http(status: int, body: bytes = b"{}", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


@contextmanager
def replying(*replies: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Serve replies one after the other; give the URL, and the requests that come."""
    requests: list[bytes] = []
    left = iter(replies)

    def talk(connection: socket.socket) -> None:
        while request := connection.recv(65536):
            requests.append(request)
            connection.sendall(next(left, http(500)))

    server = Listener(talk)
    try:
        yield server.url, requests
    finally:
        server.close()


@pytest.mark.parametrize(
    "number", [float("nan"), float("-inf"), np.float32("inf"), np.float64("nan")]
)
def test_numbers_that_json_cannot_tell_are_refused(number: Any) -> None:
    """As null they would have another meaning: no limit, or no value."""
    client = Client(NOBODY)
    with pytest.raises(ValueError, match="no number that JSON can tell"):
        client.search(id="a", min_score=number)
    with pytest.raises(ValueError, match="no number that JSON can tell"):
        client.search_batch([{"id": "a", "filter": {"attribute": "price", "in": (1, number)}}])
    with pytest.raises(ValueError, match="no number that JSON can tell"):
        client.put("a", b"", attributes={"price": number})


@pytest.mark.parametrize(("timeout", "pauses"), [(60, [25.0]), (20, [])])
def test_it_comes_again_when_the_service_says_or_not_at_all(
    timeout: float, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with (
        replying(http(429, Retry_After="25"), http(200)) as (url, requests),
        Client(url, timeout=timeout) as client,
    ):
        if pauses:
            assert client.index() == {}
        else:
            with pytest.raises(ServiceError, match="429"):
                client.index()
    assert slept == pauses
    assert len(requests) == len(pauses) + 1


@pytest.mark.parametrize("told", [b"", b', "status": null', b', "status": "x"', b', "status": 418'])
def test_the_status_is_that_of_the_answer_whatever_the_document_says(told: bytes) -> None:
    problem = b'{"title": "Away", "detail": "Come again"' + told + b"}"
    with (
        replying(http(502, problem)) as (url, _),
        Client(url) as client,
        pytest.raises(ServiceError, match="Away: Come again") as raised,
    ):
        client.index()
    assert raised.value.status == 502


def test_a_query_of_a_batch_has_a_status_of_its_own() -> None:
    outcome = b'{"status": 404, "problem": {"title": "Gone", "detail": "It is"}}'
    with (
        replying(http(200, b'{"outcomes": [' + outcome + b"]}")) as (url, _),
        Client(url) as client,
    ):
        (error,) = client.search_batch([{"id": "a"}])
    assert isinstance(error, ServiceError)
    assert error.status == 404


def test_there_is_a_try_at_least() -> None:
    with pytest.raises(ValueError, match="once at least, not 0 times"):
        Client(NOBODY, tries=0)


def test_none_is_a_parameter_that_is_not_given() -> None:
    with replying(http(400), http(400)) as (url, requests), Client(url) as client:
        with pytest.raises(ServiceError):
            client.quarantine(type=None, k=2)
        with pytest.raises(ServiceError):
            client.duplicates("a", distance=None)
    lines = [request.partition(b"\r\n")[0] for request in requests]
    assert lines == [b"GET /quarantine?k=2 HTTP/1.1", b"GET /duplicates?id=a HTTP/1.1"]


def test_an_answer_of_a_batch_is_there_as_it_came() -> None:
    raw = b'{"results": [{"id": "\xc3\xa9"}], "index_version": "1", "model_version": 1,'
    raw += b' "took_ms": {}}'
    outcomes = b'{"outcomes": [{"status": 200, "answer": ' + raw + b"}]}"
    with replying(http(200, outcomes)) as (url, _), Client(url) as client:
        (answer,) = client.search_batch([{"id": "a"}])
    assert isinstance(answer, Answer)
    assert answer.results[0].id == "é"
    assert answer.raw == raw.decode()


@pytest.mark.parametrize("outcome", [b"", b', "answer": null', b', "answer": {}'])
def test_an_outcome_that_is_none_is_an_error(outcome: bytes) -> None:
    outcomes = b'{"outcomes": [{"status": 200' + outcome + b"}]}"
    with (
        replying(http(200, outcomes)) as (url, _),
        Client(url) as client,
        pytest.raises(ServiceError, match="something else than the service"),
    ):
        client.search_batch([{"id": "a"}])
