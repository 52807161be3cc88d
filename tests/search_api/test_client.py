"""The Python client and ``lookalike search``, against the real stack."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from lookalike.client import Client, ServiceError
from tests.answering import answering
from tests.search_api.conftest import Stack
from tests.search_api.far_host import FarHost, write_certificate
from tests.services import run, run_here


def test_the_client_gives_typed_hits(stack: Stack) -> None:
    picture = stack.pictures / "label-2" / "5.png"
    answer = Client(stack.url).search(picture.read_bytes(), k=2)
    assert [type(hit.distance) for hit in answer.results] == [float, float]
    assert answer.results[0].id == "label-2/5.png"
    assert answer.results[0].label == "label-2"
    assert answer.model_version == 1
    assert json.loads(answer.raw)["index_version"] == answer.index_version


def test_the_client_passes_on_the_service_s_own_words(stack: Stack) -> None:
    with pytest.raises(ServiceError, match="This is not a picture") as raised:
        Client(stack.url).search(b"no picture")
    assert raised.value.problem["type"].endswith(":not-a-picture")
    assert (raised.value.kind, raised.value.status) == ("not-a-picture", 400)


def test_the_client_says_what_to_start_where_nobody_answers() -> None:
    with pytest.raises(ServiceError, match=r"lookalike serve.*refused") as raised:
        Client("http://127.0.0.1:9", timeout=2).search(b"x")
    assert (raised.value.kind, raised.value.status, raised.value.problem) == ("", 0, {})


def test_a_certificate_that_is_refused_is_told_and_not_tried_again(tmp_path: Path) -> None:
    host = FarHost(write_certificate(tmp_path / "certificate.pem", "localhost"))
    with pytest.raises(ServiceError, match=r"certificate of the service.*is refused: .*verify"):
        Client(f"https://localhost:{host.port}").index()
    host.close()
    assert host.names == ["localhost"]


def test_a_service_that_takes_too_long_is_not_said_to_be_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = Client(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.2)
        with pytest.raises(ServiceError, match=r"gave no answer within 0\.2 seconds"):
            client.index()


@pytest.mark.parametrize("given", ["photo.jpg", Path("photo.jpg")])
def test_the_client_says_that_a_picture_is_bytes(given: Any) -> None:
    client = Client("http://127.0.0.1:9")
    kind = type(given).__name__
    with pytest.raises(TypeError, match=rf"read_bytes\(\) gives them, and no {kind}"):
        client.search(given)
    with pytest.raises(TypeError, match="a picture is the bytes of its file"):
        client.search_batch([{"picture": given}])
    with pytest.raises(TypeError, match="a picture is the bytes of its file"):
        client.put("a", given)


def test_the_client_says_that_hits_are_a_list() -> None:
    """One id would be taken for as many as it has letters."""
    with pytest.raises(TypeError, match="a list of them"):
        Client("http://127.0.0.1:9").explain(id="a", hits="cats/1.jpg")


def test_the_client_takes_numbers_of_numpy(stack: Stack) -> None:
    with Client(stack.url) as client:
        answer = client.search(id="label-2/5.png", k=np.int64(2), min_score=None)
    assert len(answer.results) == 2


class Moving(BaseHTTPRequestHandler):
    """Goes back as the service does, and loses the answer of the first time."""

    protocol_version = "HTTP/1.1"
    predecessors: ClassVar[dict[str, str | None]] = {
        "third": "second",
        "second": "first",
        "first": None,
    }
    current: str
    lost: bool

    def do_GET(self) -> None:
        versions = [
            {
                "version": name,
                "made": None,
                "current": name == type(self).current,
                "served": False,
                "predecessor": before,
            }
            for name, before in self.predecessors.items()
        ]
        self._answer({"index": "default", "current": type(self).current, "versions": versions})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        before = type(self).current
        type(self).current = asked.get("version") or self.predecessors[before]
        if not type(self).lost:
            type(self).lost = self.close_connection = True
            return
        self._answer({"version": type(self).current, "before": before})

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def moving() -> Iterator[tuple[type[Moving], int]]:
    """Serve three versions, of which the newest is current."""

    class Versions(Moving):
        current = "third"
        lost = False

    server = ThreadingHTTPServer(("127.0.0.1", 0), Versions)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Versions, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_rollback_that_is_asked_again_goes_back_by_one() -> None:
    with moving() as (service, port), Client(f"http://127.0.0.1:{port}") as client:
        assert client.roll_back().version == "second"
        assert service.current == "second"


def test_the_command_prints_hits_nearest_first(stack: Stack) -> None:
    picture = str(stack.pictures / "label-0" / "3.png")
    finished = run(["search", picture, "-k", "3", "--url", stack.url], {})
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert lines[0].split() == ["distance", "score", "label", "id"]
    assert lines[1].split()[-1] == "label-0/3.png"
    assert lines[1].split()[1] == "0.0000"
    assert len(lines) == 5
    assert "model 1" in lines[-1]


def test_the_command_can_print_json(stack: Stack) -> None:
    picture = str(stack.pictures / "label-0" / "3.png")
    finished = run_here(["search", picture, "--json", "--url", stack.url], {})
    assert len(json.loads(finished.stdout)["results"]) == 10


def test_the_command_fails_in_one_line(stack: Stack) -> None:
    finished = run_here(["search", str(stack.log), "--url", stack.url], {})
    assert finished.returncode == 8
    assert finished.stderr.startswith("lookalike: This is not a picture")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "body", "match"),
    [
        (308, b"<html>moved</html>", "308"),
        (200, b"<html>welcome</html>", "something else than the service"),
        (200, b"[]", "something else than the service"),
        (500, b"<html>oops</html>", "500"),
    ],
)
def test_what_is_no_answer_of_a_service_is_an_error(status: int, body: bytes, match: str) -> None:
    with (
        answering(lambda _: (status, body)) as port,
        pytest.raises(ServiceError, match=match) as raised,
    ):
        Client(f"http://127.0.0.1:{port}", tries=1).index()
    assert raised.value.status == status


def test_a_page_is_no_picture() -> None:
    with (
        answering(lambda _: (308, b"<html>moved</html>")) as port,
        pytest.raises(ServiceError, match="308"),
    ):
        Client(f"http://127.0.0.1:{port}", tries=1).picture_image("a")


def test_the_command_says_what_a_url_is(stack: Stack) -> None:
    picture = str(stack.pictures / "label-0" / "3.png")
    finished = run_here(["search", picture, "--url", "127.0.0.1:8080"], {})
    assert finished.returncode == 2
    assert "http://" in finished.stderr
    assert "Traceback" not in finished.stderr
