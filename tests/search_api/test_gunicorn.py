"""What gunicorn's master holds when it forks: the native libraries, and no thread of theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.processes import free_port
from tests.services import process, status, until


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Path]:
    """``/proc/PID`` of a running service's master; there need be no index."""
    bind = f"127.0.0.1:{free_port(0)}"
    environment = {
        "LOOKALIKE_BIND": bind,
        "LOOKALIKE_STORE": str(tmp_path / "store"),
        "LOOKALIKE_WORKERS": "2",
    }
    with process(["serve"], environment, tmp_path / "log") as service:
        until(lambda: status(f"http://{bind}/healthz") == 200, what="the service's start")
        yield Path(f"/proc/{service.pid}")


def test_workers_share_the_native_libraries_and_inherit_no_thread(master: Path) -> None:
    loaded = (master / "maps").read_text()
    assert "swigfaiss" in loaded
    assert "cv2" in loaded
    assert len(list((master / "task").iterdir())) == 1
    workers = (master / "task" / master.name / "children").read_text().split()
    assert len(workers) == 2
