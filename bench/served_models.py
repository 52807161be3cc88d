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
    server = ModelServer(folder)
    try:
        with working("starting the model server"):
            server.start()
        yield server.ports
    finally:
        server.stop()


class ModelServer:
    """A model server that can be killed, and started again on the same ports.

    Args:
        folder: as of :func:`model_server`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._process = folder, None
        self.ports = Ports(0, 0)

    _process: subprocess.Popen[str] | None

    def start(self) -> None:
        """Start it, and wait until it is ready; errors as of :func:`model_server`."""
        flags = ["--model-name", NAME, "--model-base-path", str(self._folder), "--local"]
        flags += ["--rest-port", str(self.ports.rest), "--grpc-port", str(self.ports.grpc)]
        with tempfile.TemporaryFile(mode="w+") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lookalike", "model-server", *flags],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            self.ports = _ports(self._process, log)

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def stop(self) -> None:
        """End it as a cluster would."""
        if self._process is not None:
            _stop(self._process)


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
