"""gunicorn: what its master holds when it forks, and how its workers end."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from demo.processes import free_port
from tests.services import process, status, until

# Opened at once; without a rest between them, one worker takes nearly all.
CONNECTIONS = 24


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


def test_a_log_that_nobody_reads_holds_up_no_request(tmp_path: Path) -> None:
    log, url = tmp_path / "log", f"http://127.0.0.1:{free_port(0)}"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    environment = {"LOOKALIKE_STORE": str(tmp_path / "store"), "LOOKALIKE_WORKERS": "1"}
    with process(["serve"], {**environment, "LOOKALIKE_BIND": url.partition("//")[2]}, log):
        until(lambda: status(f"{url}/healthz") == 200, what="the service's start")
        with requests.Session() as session:
            for _ in range(200):
                assert session.get(f"{url}/nothing", timeout=30).status_code == 404
        assert status(f"{url}/healthz") == 200
        os.close(reader)


def answered_by(service: Running) -> Counter[str]:
    """Count what each worker has answered of ``/nothing``."""
    return Counter(re.findall(r"\[(\d+)\].*GET none 404", service.log.read_text()))


def test_connections_that_are_opened_together_are_shared(service: Running) -> None:
    asked = answered_by(service).total()

    def both_answer() -> bool:
        nonlocal asked
        for _ in range(4):
            status(f"{service.url}/nothing")
            asked += 1
        return len(answered_by(service)) == 2

    until(both_answer, what="both workers")
    until(lambda: answered_by(service).total() == asked, what="a line of each")
    before = answered_by(service)
    host, port = service.url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port)), 10))
            for _ in range(CONNECTIONS)
        ]
        for client in clients:
            client.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 404"

    def told() -> Counter[str]:
        return answered_by(service) - before

    until(lambda: told().total() >= CONNECTIONS, what="a line of each of these")
    by_worker = told()
    assert by_worker.total() == CONNECTIONS
    assert min(by_worker[pid] for pid in before) >= CONNECTIONS // 4


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


def counted(service: Running) -> float:
    """Tell how many requests of ``/nothing`` all workers have counted."""
    text = requests.get(f"{service.url}/metrics", timeout=10).text
    lines = [
        line
        for line in text.splitlines()
        if line.startswith("lookalike_request_duration_seconds_count")
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'status="404"' in line)


def metrics_folder(service: Running) -> Path:
    """Give the folder that the workers write their metrics to."""
    maps = Path(f"/proc/{workers_of(service)[0]}/maps").read_text()
    found = re.search(r"(/\S*/lookalike-metrics-\w+)/", maps)
    assert found is not None
    return Path(found[1])


def end_one_worker(service: Running) -> None:
    os.kill(int(workers_of(service)[0]), signal.SIGTERM)


def reload(service: Running) -> None:
    service.master.send_signal(signal.SIGHUP)


@pytest.mark.parametrize(("end", "ended"), [(end_one_worker, 1), (reload, 2)])
def test_the_service_and_its_counts_outlive_workers_that_end(
    end: Callable[[Running], None], ended: int, service: Running
) -> None:
    until(lambda: len(workers_of(service)) == 2, what="both workers")
    folder = metrics_folder(service)
    for turn in range(1, 3):
        before = set(workers_of(service))
        assert status(f"{service.url}/nothing") == 404
        end(service)
        until(lambda old=before: len(set(workers_of(service)) - old) == ended, what="new workers")
        until(lambda: len(workers_of(service)) == 2, what="the old workers' end")
        assert counted(service) == turn
        until(
            lambda: living(folder) <= set(workers_of(service)), what="what the dead did forgotten"
        )
    assert metrics_folder(service) == folder
    service.master.terminate()
    assert service.master.wait(30) == 0
    assert not folder.exists()


def test_what_a_killed_master_counted_in_is_cleared_by_the_next_one(tmp_path: Path) -> None:
    program = (
        "import os, sys, signal; from search_api import metrics_folder as made\n"
        "made.YOUNG_SECONDS = -1\n"
        "print(made.make_metrics_folder(sys.argv[1]), flush=True)\n"
        "if sys.argv[2] == 'killed': os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.stdin.read()\n"
    )

    def master(end: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, str(tmp_path), end]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def folder_of(one: subprocess.Popen[str]) -> Path:
        assert one.stdout is not None
        return Path(one.stdout.readline().strip())

    with master("lives") as living_one:
        kept = folder_of(living_one)
        with master("killed") as killed:
            left = folder_of(killed)
        assert {kept, left} == set(tmp_path.iterdir())
        with master("lives") as next_one:
            own = folder_of(next_one)
            assert {kept, own} == set(tmp_path.iterdir())
            next_one.communicate("")
        living_one.communicate("")
    assert list(tmp_path.iterdir()) == []


def living(folder: Path) -> set[str]:
    """Name the processes whose present doings are told."""
    return {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*.db")}
