"""Services that benchmarks ask: gunicorn on a free port, and what its processes hold."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from bench.process_memory import children, pss
from demo.processes import free_port

START_SECONDS = 60
# So that no connection is closed while the other candidates are asked; gunicorn's own is 2.
KEEP_ALIVE_SECONDS = 75

Gunicorn = subprocess.Popen[bytes]


@contextmanager
def gunicorn(
    environment: Mapping[str, str], arguments: Sequence[str], ready: str
) -> Iterator[tuple[Gunicorn, int]]:
    """Run ``gunicorn`` with these arguments on a free port, until ``ready`` answers with 200."""
    port = free_port(0)
    command_line = [sys.executable, "-m", "gunicorn", *arguments, "--bind", f"127.0.0.1:{port}"]
    command_line += ["--keep-alive", str(KEEP_ALIVE_SECONDS)]
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(command_line, env=environment, stdout=log, stderr=log)
        try:
            end = time.monotonic() + START_SECONDS
            while not _answers(f"http://127.0.0.1:{port}{ready}"):
                if started.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise RuntimeError(log.read().decode())
                time.sleep(0.1)
            yield started, port
        finally:
            started.terminate()
            started.wait()


def lookalike(environment: Mapping[str, str], workers: int) -> Any:
    """Run the service as ``lookalike serve`` does; as :func:`gunicorn`."""
    configuration = Path(__file__).parents[1] / "search_api" / "gunicorn_conf.py"
    return gunicorn(environment, ["-c", str(configuration), "--workers", str(workers)], "/readyz")


def held_bytes(master: Gunicorn) -> int:
    """Count the bytes that a master and its workers hold together."""
    return pss(master.pid, *children(master.pid))


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code in (200, 404)
    except requests.RequestException:
        return False
