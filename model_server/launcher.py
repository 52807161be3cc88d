"""Starts the real TensorFlow Serving, or the look-alike where there is none, and waits.

Whichever it is, one line on standard output says when and where requests are answered,
and SIGTERM or SIGINT ends it with status 0.
"""

import logging
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from lookalike.errors import ConfigurationError, ModelServerError
from lookalike.quiet import import_quietly
from model_server.options import ServerOptions, ready_line
from model_server.ports import bound
from model_server.real_server import BINARY, arguments, write_configuration
from model_server.served import AVAILABLE, version_states

Announce = Callable[[str], None]

PROBE_SECONDS = 0.2
CONTAINER_PROGRAMS = ("docker", "podman")

log = logging.getLogger(__name__)


def run_local(options: ServerOptions, announce: Announce) -> None:
    """Serve with the look-alike until a signal comes."""
    with _until_signal():
        # Here, since TensorFlow takes seconds to import.
        server = import_quietly("model_server.server").ModelServer(options)
        try:
            server.start()
            announce(server.ready_line)
            signal.pause()
        finally:
            server.stop()


def run_real(options: ServerOptions, announce: Announce) -> None:
    """Serve with the ``tensorflow_model_server`` that is on the PATH until a signal comes."""
    with tempfile.TemporaryDirectory(prefix="model-server-") as folder:
        options = with_ports(options)
        write_configuration(options, Path(folder))
        _supervise([BINARY, *arguments(options, Path(folder))], options, BINARY, announce)


def run_container(image: str, options: ServerOptions, announce: Announce) -> None:
    """Serve with TensorFlow Serving from a container image until a signal comes."""
    with tempfile.TemporaryDirectory(prefix="model-server-") as folder:
        options = with_ports(options)
        write_configuration(options, Path(folder))
        mounts = [f"--volume={path}:{path}:ro" for path in (options.base_path.absolute(), folder)]
        command = [
            *(_container_program(), "run", "--rm", "--init", "--network=host", *mounts),
            *(f"--entrypoint={BINARY}", image, *arguments(options, Path(folder))),
        ]
        _supervise(command, options, image, announce)


def real_server_exists() -> bool:
    """Whether the PATH holds TensorFlow Serving's program."""
    return shutil.which(BINARY) is not None


def with_ports(options: ServerOptions) -> ServerOptions:
    """Replace port 0, which would close the real server's ports, by ports that are free.

    Raises:
        ConfigurationError: a port cannot be had; the real server would go on without it.
    """
    with (
        bound("REST", options.host, options.rest_port) as rest,
        bound("gRPC", options.host, options.grpc_port) as grpc,
    ):
        return replace(options, rest_port=rest.getsockname()[1], grpc_port=grpc.getsockname()[1])


def _container_program() -> str:
    for program in CONTAINER_PROGRAMS:
        if shutil.which(program) and not _status_of([program, "info"]):
            return program
    raise ConfigurationError(
        f"--container needs a working {' or '.join(CONTAINER_PROGRAMS)}: start one, or leave it out"
    )


def _status_of(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _supervise(command: list[str], options: ServerOptions, what: str, announce: Announce) -> None:
    """Run a server as a child until it ends by itself or a signal comes."""
    with _until_signal():
        child = subprocess.Popen(command)
        try:
            if _wait_until_ready(child, options):
                announce(ready_line(options.host, options.rest_port, options.grpc_port, what))
            child.wait()
        finally:
            child.terminate()
            child.wait()
        raise ModelServerError(f"{what} ended by itself with status {child.returncode}")


def _wait_until_ready(child: subprocess.Popen[bytes], options: ServerOptions) -> bool:
    """Wait until a version is served; False if none ever is."""
    log.info("waiting for a version under %s", options.base_path)
    name = quote(options.model_name, safe="")
    url = f"http://{options.host}:{options.rest_port}/v1/models/{name}"
    while child.poll() is None:
        if AVAILABLE in version_states(url).values():
            return True
        time.sleep(PROBE_SECONDS)
    return False


@contextmanager
def _until_signal() -> Iterator[None]:
    """Turn SIGTERM into the KeyboardInterrupt that SIGINT already is, and end at either."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        log.info("stopped")
    finally:
        signal.signal(signal.SIGTERM, before)
