"""What a worker answers to whoever gets no turn: 429, before the application is asked."""

import json
from http.client import HTTPResponse
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

from search_api import turns
from search_api.access import KEY
from search_api.early import SOME_ID
from search_api.worker import DrainingWorker

HEADERS = [("HOST", "x"), ("CONTENT-TYPE", "application/json"), ("CONTENT-LENGTH", "11")]
ASKED = "asked the application"


class Sock:
    def __init__(self) -> None:
        self.sent = b""

    expects_word = False

    def begin(self, *, expects_word: bool) -> None:
        """As of a connection: a request begins."""

    def end(self) -> None:
        """Likewise: its body was read."""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def makefile(self, *_: object) -> BytesIO:
        return BytesIO(self.sent)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> DrainingWorker:
    """A worker with so much to do that nobody gets a turn."""
    made = DrainingWorker.__new__(DrainingWorker)
    made._ending, made.lines = False, []
    made._turns = SimpleNamespace(wait=lambda: turns._has_turn.set(False))
    made.log = SimpleNamespace(access=lambda *told: made.lines.append(told))
    monkeypatch.setattr(
        "gunicorn.workers.ggevent.GeventWorker.handle_request", lambda *_: ASKED, raising=True
    )
    return made


def request(path: str = "/search", method: str = "POST", **other: Any) -> Any:
    given = {
        "path": path,
        "method": method,
        "version": (1, 1),
        "headers": HEADERS,
        "should_close": lambda: False,
        "_expected_100_continue": False,
    }
    body = SimpleNamespace(reader=SimpleNamespace(length=0))
    return SimpleNamespace(**{**given, "body": body, **other})


@pytest.mark.parametrize("own", [None, "mine", "of-the-length-of-those-made-here"])
def test_a_search_is_told_to_come_again(worker: DrainingWorker, own: str | None) -> None:
    sock = Sock()
    headers = HEADERS if own is None else [*HEADERS, ("X-REQUEST-ID", own)]
    assert worker.handle_request("", request(headers=headers), sock, "") is True
    response = HTTPResponse(sock)  # type: ignore[arg-type]
    response.begin()
    assert response.status == 429
    headers = response.headers
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Retry-After"]) >= 1
    assert headers["Connection"] == "keep-alive"
    assert headers["X-Content-Type-Options"] == "nosniff"
    body = response.read()
    problem = json.loads(body)
    assert problem["type"] == "urn:lookalike:problem:too-busy"
    assert problem["request_id"] == headers["X-Request-ID"] == (own or problem["request_id"])

    ((answered, _, environ, _),) = worker.lines
    assert (answered.status, answered.sent) == (429, len(body))
    assert environ["REQUEST_METHOD"] == "POST"
    told = environ[KEY]
    assert (told.id, told.path, told.problem) == (problem["request_id"], "/search", "too-busy")
    assert len(told.id) == len(own or SOME_ID)


def test_a_connection_that_is_to_be_closed_is(worker: DrainingWorker) -> None:
    sock = Sock()
    with pytest.raises(StopIteration):
        worker.handle_request("", request(should_close=lambda: True), sock, "")
    assert b"Connection: close\r\n" in sock.sent


@pytest.mark.parametrize(
    "other",
    [
        request("/index", "GET"),
        request("/search", "OPTIONS"),
        request(headers=[*HEADERS, ("EXPECT", "100-continue")]),
    ],
)
def test_whatever_else_is_asked_comes_to_the_application(
    worker: DrainingWorker, other: Any
) -> None:
    assert worker.handle_request("", other, Sock(), "") is ASKED
    assert not worker.lines
