"""The model server that a benchmark talks to: a process of its own, as in production.

One server holds the benchmark's models as versions of one model, so that all candidates
of a round find the same process.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lookalike.errors import ModelServerUnavailable
from lookalike.progress import working

NAME = "bench"
STOP_SECONDS = 20
READY = re.compile(r"REST http://127\.0\.0\.1:(\d+) gRPC 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Ports:
    """Where the server answers, on 127.0.0.1."""

    rest: int
    grpc: int


@contextmanager
def model_server(folder: Path) -> Iterator[Ports]:
    """Run ``lookalike model-server --local`` over ``folder`` with its defaults.

    Args:
        folder: its numeric sub-directories are the versions.

    Raises:
        ModelServerUnavailable: it ended before it was ready; its own words are in the message.
    """
    flags = ["--model-name", NAME, "--model-base-path", str(folder)]
    flags += ["--rest-port", "0", "--grpc-port", "0", "--local"]
    with tempfile.TemporaryFile(mode="w+") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "lookalike", "model-server", *flags],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            with working("starting the model server"):
                ports = _ports(server, log)
            yield ports
        finally:
            _stop(server)


def _ports(server: subprocess.Popen[str], log: IO[str]) -> Ports:
    assert server.stdout
    for line in server.stdout:
        if found := READY.search(line):
            return Ports(int(found[1]), int(found[2]))
    log.seek(0)
    raise ModelServerUnavailable(
        f"the model server ended before it was ready: {log.read().strip()}"
    )


def _stop(server: subprocess.Popen[str]) -> None:
    server.terminate()
    try:
        server.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.communicate()
