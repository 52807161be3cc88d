"""A real PostgreSQL server for the tests: PyPI's pgserver has the programs, Debian's will do too.

pgserver's own way of starting them opens folders of this machine to other users and adds a
user where it runs as root; so they are started here. PostgreSQL does not run as root: there
it is started as nobody, from a copy of the programs where they lie out of its reach.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.ports import free_port

PASSWORD = "p@ss/w:rd"  # noqa: S105 - every character that a URL wants encoded
ENCODED = "p%40ss%2Fw%3Ard"


def programs() -> Path | None:
    """Find the folder of initdb and postgres; None where no server is installed."""
    spec = importlib.util.find_spec("pgserver")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (debian[-1] if debian else None)
    return Path(found).resolve().parent if found else None


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server on loopback; give the URL of its database as SQLAlchemy spells it."""
    found = programs()
    assert found is not None, "no PostgreSQL server: pip install pgserver"
    folder = Path(tempfile.mkdtemp(prefix="lookalike-postgres-"))
    try:
        user = _unprivileged(folder)
        binaries = _reachable(found, folder, user)
        _initialize(binaries, folder, user)
        port = free_port()
        server = _started(binaries, folder, port, user)
        try:
            _wait_until_ready(server, port, folder)
            yield f"postgresql+psycopg://postgres:{ENCODED}@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # fast: connections are closed
            server.wait(60)
    finally:
        shutil.rmtree(folder)


def _unprivileged(folder: Path) -> Mapping[str, Any]:
    """Say as whom to start programs, and give that user the folder."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": folder}


def _reachable(found: Path, folder: Path, user: Mapping[str, Any]) -> Path:
    try:
        subprocess.run([found / "initdb", "--version"], check=True, capture_output=True, **user)
    except (PermissionError, subprocess.CalledProcessError):
        for name in ("pgserver/pginstall", "pgserver.libs"):  # the latter is found beside
            shutil.copytree(found.parents[2] / name, folder / "programs" / name, symlinks=True)
        return folder / "programs/pgserver/pginstall/bin"
    return found


def _initialize(binaries: Path, folder: Path, user: Mapping[str, Any]) -> None:
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)  # in a folder that only its user may enter
    command = [binaries / "initdb", "-D", folder / "data", "--pwfile", folder / "password"]
    options = ["-U", "postgres", "-E", "utf8", "--locale=C", "--auth=scram-sha-256", "--no-sync"]
    subprocess.run([*command, *options], check=True, capture_output=True, **user)


def _started(
    binaries: Path, folder: Path, port: int, user: Mapping[str, Any]
) -> subprocess.Popen[bytes]:
    command = [binaries / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([*command, *options], stdout=log, stderr=log, **user)


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError((folder / "log").read_text())
