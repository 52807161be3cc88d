"""One request over one connection, byte by byte as it is written, and what comes back."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

from torture.case import Case, Outcome
from torture.target import Target

MOST_BYTES = 1 << 24  # of an answer
NO_ANSWER = 0  # in place of a status
TRIES = 8
LONGEST_PAUSE_SECONDS = 10.0
_PROBLEM = "application/problem+json"
# Answers that mean "not now"; any other 5xx is a failure.
_LATER = frozenset(
    {
        Outcome(429, "too-busy"),
        Outcome(429, "rate-limited"),
        Outcome(503, "deadline-exceeded"),
        Outcome(503, "model-server-busy"),
        Outcome(503, "model-server-unavailable"),
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service made of a request.

    Attributes:
        outcome: its status and problem; a status of ``NO_ANSWER`` where none came, and why.
        seconds: from the first byte sent to the last one received.
        retry_after: seconds, where it says so.
        body: as it came.
    """

    outcome: Outcome
    seconds: float
    retry_after: float = 0.0
    body: bytes = b""


def ask(target: Target, case: Case, seconds: float) -> Answer:
    """Send a case, again where the service says that it is too busy now; give the last answer.

    Args:
        target: the service.
        case: what to send.
        seconds: to wait for each byte of an answer.
    """
    message = case.message(target)
    for _ in range(TRIES - 1):
        answer = send(target, message, seconds, hangs_up=case.hangs_up)
        if answer.outcome not in _LATER:
            return answer
        time.sleep(min(max(answer.retry_after, 0.1), LONGEST_PAUSE_SECONDS))
    return send(target, message, seconds, hangs_up=case.hangs_up)


def get(target: Target, path: str, seconds: float) -> Answer:
    """Ask for a path."""
    return send(target, target.head("GET", path), seconds)


def send(target: Target, message: bytes, seconds: float, *, hangs_up: bool = False) -> Answer:
    """Send bytes over a new connection and read one answer."""
    begun = time.perf_counter()
    try:
        with _connected(target, seconds) as connection:
            _write(connection, message, hangs_up=hangs_up)
            return _read(connection, begun)
    except (OSError, HTTPException) as error:
        reason = f"no answer ({type(error).__name__}: {error})"
        return Answer(Outcome(NO_ANSWER, reason), time.perf_counter() - begun)


@contextmanager
def _connected(target: Target, seconds: float) -> Iterator[socket.socket]:
    with socket.create_connection((target.host, target.port), timeout=seconds) as plain:
        if not target.secure:
            yield plain
            return
        context = ssl.create_default_context()
        with context.wrap_socket(plain, server_hostname=target.host) as secured:
            yield secured


def _write(connection: socket.socket, message: bytes, *, hangs_up: bool) -> None:
    try:
        connection.sendall(message)
        if hangs_up:
            connection.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has heard enough: its answer may be here already


def _read(connection: socket.socket, begun: float) -> Answer:
    response = HTTPResponse(connection)
    response.begin()
    body = response.read(MOST_BYTES)
    return Answer(
        outcome=Outcome(response.status, _problem(response, body)),
        seconds=time.perf_counter() - begun,
        retry_after=_number(response.getheader("Retry-After", "0")),
        body=body,
    )


def _problem(response: HTTPResponse, body: bytes) -> str | None:
    """Give the last part of a problem's type; None of an answer that is no problem."""
    if response.getheader("Content-Type") != _PROBLEM:
        return None
    try:
        return str(json.loads(body)["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return "a problem document that cannot be read"


def _number(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
