"""The shipped supervisord.conf, run: it starts both programs, restarts a killed one, stops all."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.processes import free_port
from tests.services import publish_toy_model, status, until

BIN = Path(sys.executable).parent
CONFIGURATION = Path(__file__).parents[2] / "search_api" / "supervisord.conf"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    publish_toy_model(tmp_path / "store")
    rest, grpc, bind = free_port(0), free_port(0), free_port(0)
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "LOOKALIKE_STORE": str(tmp_path / "store"),
        "LOOKALIKE_CACHE": str(tmp_path / "cache"),
        "LOOKALIKE_MODEL_SERVER_REST": f"http://127.0.0.1:{rest}",
        "LOOKALIKE_MODEL_SERVER_GRPC": f"127.0.0.1:{grpc}",
        "LOOKALIKE_BIND": f"127.0.0.1:{bind}",
        "LOOKALIKE_WORKERS": "1",
    }


@pytest.fixture
def supervisord(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "supervisord", "-c", CONFIGURATION],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(60)


def control(environment: dict[str, str], *arguments: str) -> str:
    finished = subprocess.run(
        [BIN / "supervisorctl", "-c", CONFIGURATION, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.stdout


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.long
def test_it_starts_restarts_and_stops_everything(
    supervisord: subprocess.Popen[bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    service = f"http://{environment['LOOKALIKE_BIND']}/healthz"
    model = f"{environment['LOOKALIKE_MODEL_SERVER_REST']}/v1/models/embedder"

    def both_answer() -> bool:
        assert supervisord.poll() is None, (tmp_path / "log").read_text()
        return status(service) == 200 and status(model) == 200

    def pids() -> list[int]:
        given = [control(environment, "pid", name) for name in ("model-server", "search-api")]
        return [int(pid) for pid in given if pid.strip().isdecimal() and int(pid)]

    until(both_answer, what="the start of both")
    until(lambda: control(environment, "status").count("RUNNING") == 2, what="both RUNNING")
    first = pids()
    assert len(first) == 2

    for pid in first:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(pids()) == 2 and not set(pids()) & set(first), what="the restart")
    until(both_answer, what="answers after the restart")
    second = pids()

    supervisord.terminate()
    assert supervisord.wait(60) == 0
    assert not any(map(alive, [*first, *second]))
    assert status(service) is None
    assert status(model) is None
