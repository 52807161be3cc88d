"""gunicorn: what its master holds when it forks, and how its workers end."""

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


def test_workers_share_the_native_libraries_and_inherit_no_thread(service: Running) -> None:
    master = Path(f"/proc/{service.master.pid}")
    loaded = (master / "maps").read_text()
    assert "swigfaiss" in loaded
    assert "cv2" in loaded
    assert len(list((master / "task").iterdir())) == 1
    workers = (master / "task" / master.name / "children").read_text().split()
    assert len(workers) == 2


def test_idle_connections_do_not_hold_up_the_end(service: Running) -> None:
    with requests.Session() as client:
        for _ in range(2):  # kept open from the first to the second, and after
            assert client.get(f"{service.url}/healthz", timeout=10).status_code == 200
        service.master.terminate()
        assert service.master.wait(20) == 0  # gunicorn would wait for 30 s
    assert "graceful timeout" not in service.log.read_text()
