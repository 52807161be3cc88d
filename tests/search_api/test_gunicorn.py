"""gunicorn: what its master holds when it forks, and how its workers end."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from demo.processes import free_port
from tests.services import process, status, until


class Running(NamedTuple):
    """A service without an index."""

    url: str
    master: subprocess.Popen[bytes]
    log: Path


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    bind, log = f"127.0.0.1:{free_port(0)}", tmp_path / "log"
    environment = {
        "LOOKALIKE_BIND": bind,
        "LOOKALIKE_STORE": str(tmp_path / "store"),
        "LOOKALIKE_WORKERS": "2",
    }
    with process(["serve"], environment, log) as master:
        until(lambda: status(f"http://{bind}/healthz") == 200, what="the service's start")
        yield Running(f"http://{bind}", master, log)


def workers_of(service: Running) -> list[str]:
    pid = service.master.pid
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_workers_share_the_native_libraries_and_inherit_no_thread(service: Running) -> None:
    master = Path(f"/proc/{service.master.pid}")
    loaded = (master / "maps").read_text()
    assert "swigfaiss" in loaded
    assert "cv2" in loaded
    assert len(list((master / "task").iterdir())) == 1
    until(lambda: len(workers_of(service)) == 2, what="both workers")


def test_a_worker_that_is_killed_is_replaced(service: Running) -> None:
    until(lambda: len(workers_of(service)) == 2, what="both workers")
    before = workers_of(service)
    os.kill(int(before[0]), signal.SIGKILL)
    until(lambda: len(set(workers_of(service)) - set(before)) == 1, what="another worker")
    until(lambda: set(before) & set(workers_of(service)) == {before[1]}, what="the end of one")
    assert status(f"{service.url}/healthz") == 200


def test_idle_connections_do_not_hold_up_the_end(service: Running) -> None:
    with requests.Session() as client:
        for _ in range(2):  # kept open from the first to the second, and after
            assert client.get(f"{service.url}/healthz", timeout=10).status_code == 200
        service.master.terminate()
        assert service.master.wait(20) == 0  # gunicorn would wait for 30 s
    assert "graceful timeout" not in service.log.read_text()


def test_requests_sent_without_waiting_are_answered_in_their_order(service: Running) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as client:
        for path in ("healthz", "nothing", "healthz"):
            client.sendall(f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = b"".join(iter(lambda: client.recv(1 << 16), b""))
    statuses = [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200", b"200"]
