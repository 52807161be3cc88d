"""The service's log: an object a line, ids of requests, and nothing that is secret."""

import json
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest
import requests

from lookalike.key_file import line_of
from search_api import logs, worker
from search_api.access import KEY, ServiceLogger
from search_api.access import Line as AccessLine
from search_api.logs import CURRENT, JsonFormatter, Told, told
from tests.documents.reading import ROOT
from tests.search_api.conftest import Stack
from tests.search_api.test_search import JPEG
from tests.services import search_service, status, until

API_KEY = "the-key-itself"
Line = dict[str, Any]


class Journal(NamedTuple):
    """A service that logs JSON, and its log."""

    url: str
    log: Path

    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def of(self, response: requests.Response) -> Line:
        """Give the one access line of a request."""
        request_id = response.headers["X-Request-ID"]

        def found() -> list[Line]:
            told = [line for line in self.lines() if line.get("request_id") == request_id]
            return [line for line in told if line["logger"] == "search_api.access"]

        until(found, what="the line of a request")
        (line,) = found()
        return line

    def post(self, data: bytes = JPEG, **headers: str) -> requests.Response:
        given = {"Content-Type": "image/jpeg", "X-API-Key": API_KEY, **headers}
        return requests.post(f"{self.url}/search", data=data, headers=given, timeout=30)

    def get(self, path: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        return requests.get(f"{self.url}{path}", headers=headers, timeout=30)


@pytest.fixture(scope="module")
def journal(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    folder = tmp_path_factory.mktemp("journal")
    (folder / "keys").write_text(f"{line_of('office', ['search'], API_KEY)}\n")
    settings = {"LOOKALIKE_LOG_FORMAT": "json", "LOOKALIKE_API_KEYS": str(folder / "keys")}
    with search_service({**stack.environment, **settings}, folder / "log") as url:
        until(lambda: status(f"{url}/readyz") == 200, what="readiness")
        yield Journal(url, folder / "log")
    lines = Journal(url, folder / "log").lines()  # from the start to the end
    assert all({"time", "level", "logger", "message", "pid"} <= line.keys() for line in lines)
    assert {"gunicorn.error", "search_api.replica", "search_api.access"} <= {
        line["logger"] for line in lines
    }


def test_a_search_has_a_line_that_tells_what_came_of_it(journal: Journal) -> None:
    response = journal.post()
    line, answer = journal.of(response), response.json()
    assert response.status_code == 200
    assert (line["method"], line["path"], line["status"]) == ("POST", "/search", 200)
    assert (line["bytes_in"], line["bytes_out"]) == (len(JPEG), len(response.content))
    assert line["index_version"] == answer["index_version"]
    assert line["model_version"] == answer["model_version"]
    assert answer["took_ms"]["total"] / 1000 <= line["duration_seconds"] < 30
    assert "problem" not in line


def test_a_refused_search_has_its_problem_and_both_have_its_id(journal: Journal) -> None:
    response = journal.post(b"no picture", **{"X-Request-ID": "order/66:a"})
    assert response.headers["X-Request-ID"] == "order/66:a"
    assert response.json()["request_id"] == "order/66:a"
    line = journal.of(response)
    assert (line["status"], line["problem"]) == (400, "not-a-picture")


def test_what_a_decoder_says_of_a_picture_is_a_line_too(journal: Journal, stack: Stack) -> None:
    picture = bytearray((stack.pictures / "label-0/3.png").read_bytes())
    begin = picture.index(b"IDAT") + 4
    picture[begin : begin + 40] = b"no zlib " * 5
    assert journal.post(bytes(picture)).status_code == 400

    def said() -> list[str]:
        return [line["message"] for line in journal.lines() if line["logger"] == "stderr"]

    until(lambda: any(line.startswith("libpng error: ") for line in said()), 10, "the line")
    assert not any(line.startswith("{") for line in said())  # what is logged does not go that way


@pytest.mark.parametrize("given", ["x" * 129, "two words", 'quote"', "é", "{}", None])
def test_an_id_that_cannot_be_used_is_replaced(journal: Journal, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given.encode()}
    made = [
        requests.get(f"{journal.url}/healthz", headers=headers, timeout=10).headers["X-Request-ID"]
        for _ in range(2)
    ]
    assert all(logs.USABLE.fullmatch(one) for one in made)
    assert made[0] != made[1]
    assert given not in made


def test_what_is_asked_often_by_itself_is_told_only_where_it_fails(journal: Journal) -> None:
    assert status(f"{journal.url}/metrics") == 200
    journal.of(journal.get("/index"))  # whatever was asked before has its line by now
    good = {line.get("path") for line in journal.lines() if line.get("status") == 200}
    assert "/index" in good
    assert not good & {"/healthz", "/readyz", "/metrics"}


def test_no_line_has_ids_queries_keys_or_pictures(journal: Journal) -> None:
    responses = [
        journal.get("/pictures/private-name?token=hush"),
        journal.get("/pictures/private-name/image?size=hush"),
        journal.post(b"P1XELS" * 10),
        requests.post(f"{journal.url}/search?private-name", data=JPEG, timeout=10),
        requests.get(f"{journal.url}/private-name", timeout=10),
    ]
    assert [response.status_code for response in responses] == [404, 400, 400, 401, 404]
    assert journal.of(responses[0])["path"] == "/pictures/<id:id>"
    assert journal.of(responses[4])["path"] == "none"
    log = journal.log.read_text()
    for secret in ("private-name", "hush", "P1XELS", API_KEY):
        assert secret not in log


def raw(url: str, request: bytes) -> bytes:
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), 10) as client:
        client.sendall(request)
        return client.recv(65536)


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /healthz?private-line HTTP/9.private-line\r\n\r\n",
        b"private-line\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-API-Key private-line\r\n\r\n",
        b"GET / HTTP/1.1\r\nprivate-line\x00: 1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_not_quoted(journal: Journal, request_head: bytes) -> None:
    def refused() -> int:
        return sum("is no HTTP" in line["message"] for line in journal.lines())

    before = refused()
    assert raw(journal.url, request_head).startswith(b"HTTP/1.1 400")
    until(lambda: refused() == before + 1, what="the line")
    assert "private-line" not in journal.log.read_text()


def test_a_url_that_is_too_long_has_an_id_too(journal: Journal) -> None:
    response = journal.get(f"/pictures/{'x' * 9000}")
    assert response.status_code == 414
    line = journal.of(response)
    assert response.json()["request_id"] == line["request_id"]
    assert (line["status"], line["problem"], line["path"]) == (414, "uri-too-long", "none")


def test_people_get_text(stack: Stack) -> None:
    response = requests.get(f"{stack.url}/index", headers={"X-Request-ID": "for-people"}, timeout=9)
    assert response.status_code == 200
    until(lambda: "[for-people]" in stack.log.read_text(), what="the line")
    (line,) = [line for line in stack.log.read_text().splitlines() if "[for-people]" in line]
    assert "[INFO] search_api.access: GET /index 200 in " in line


@pytest.fixture
def request_told() -> Iterator[Told]:
    before = CURRENT.set(None)
    yield told("request-1")
    CURRENT.reset(before)


def test_a_traceback_is_part_of_its_line_which_has_the_request(request_told: Told) -> None:
    record = logging.makeLogRecord({"msg": "of %s\nand more", "args": ("a \udcff name",)})
    try:
        int("wrong\nin two lines")
    except ValueError:
        record.exc_info = sys.exc_info()
    text = JsonFormatter().format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert line["message"] == "of a \\udcff name\nand more"
    assert line["request_id"] == request_told.id
    assert "ValueError" in line["exception"].splitlines()[-1]


def test_what_nobody_catches_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("uncaught")
    worker._log_uncaught(object(), ValueError, error, None)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.fixture
def access(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    def written(setting: str, statuses: list[int], path: str) -> list[int]:
        monkeypatch.setenv("LOOKALIKE_ACCESS_LOG", setting)
        monkeypatch.setenv("LOOKALIKE_LOG_FORMAT", "json")
        monkeypatch.setattr("search_api.access.configure", lambda _: None)
        from gunicorn.config import Config

        log = ServiceLogger(Config())
        for code in statuses:
            environ = {KEY: Told("1", path=path), "REQUEST_METHOD": "GET"}
            response = SimpleNamespace(status=f"{code} X", sent=1)
            log.access(response, None, environ, timedelta(seconds=1))
        return [json.loads(line)["status"] for line in capfd.readouterr().err.splitlines()]

    return written


@pytest.mark.parametrize(
    ("setting", "path", "expected"),
    [
        ("all", "/search", [200, 400, 503]),
        ("failed", "/search", [400, 503]),
        ("off", "/search", []),
        ("all", "/readyz", [400, 503]),
    ],
)
def test_a_setting_says_which_requests_have_lines(
    access: Callable[..., list[int]], setting: str, path: str, expected: list[int]
) -> None:
    assert access(setting, [200, 400, 503], path) == expected


def test_the_documented_line_has_the_members_of_one() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    documented = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert msgspec.convert(documented, AccessLine)
    assert documented.keys() == set(AccessLine.__struct_fields__)
