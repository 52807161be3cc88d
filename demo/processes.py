"""The demo's stages as a user would run them: ``lookalike`` commands, each a process."""

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from lookalike.errors import LookalikeError

STOP_SECONDS = 20
POLL_SECONDS = 0.2


class StageFailed(LookalikeError):
    """One of the demo's stages ended with an error; its own message stands above."""

    type = "stage-failed"
    title = "A stage of the demo failed"


def command(*arguments: str) -> list[str]:
    """Spell a ``lookalike`` command of this installation."""
    return [sys.executable, "-m", "lookalike", *arguments]


def run_stage(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Run one stage to its end; raise StageFailed where it fails."""
    finished = subprocess.run(command(*arguments), env={**os.environ, **environment}, check=False)
    if finished.returncode:
        raise StageFailed(f"'lookalike {' '.join(arguments)}' failed ({finished.returncode})")


@contextmanager
def running(
    arguments: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a server running; stop it at the end, gently first."""
    process = subprocess.Popen(command(*arguments), env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a server answers 200 at ``url``; raise StageFailed if it ends or never does."""
    deadline = time.monotonic() + seconds
    while not _answers(url):
        if process.poll() is not None:
            raise StageFailed(f"a server ended before it answered ({process.returncode})")
        if time.monotonic() > deadline:
            raise StageFailed(f"{url} did not answer within {seconds:g} s")
        time.sleep(POLL_SECONDS)


def free_port(preferred: int) -> int:
    """Give the preferred port where it is free, else any that is.

    The preferred one is this process's until it ends: another that asks meanwhile gets another,
    though nothing may listen yet. Two demos would share a model server otherwise.
    """
    for port in (preferred, 0):
        if port and not _reserve(port):
            continue
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise StageFailed("this machine has no free port")


def _reserve(port: int) -> bool:
    """Take a port among all processes of this user that ask for it; False: another has it."""
    path = Path(tempfile.gettempdir()) / f"lookalike-{os.getuid()}-port-{port}"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # for as long as this process lives
    except OSError:
        os.close(lock)
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:  # noqa: S310  always this machine's own server
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
