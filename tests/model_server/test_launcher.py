"""The command as a process: the ready line, signals, and which server it starts."""

import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from lookalike.errors import ConfigurationError, ModelServerError
from model_server.cli import model_server
from model_server.launcher import run_container, run_local, run_real, with_ports
from model_server.options import ServerOptions
from tests.model_server.http_client import Address
from tests.ports import free_port
from tests.services import until
from tests.toy_models import write_toy_embedder

LOOKALIKE = str(Path(sys.executable).parent / "lookalike")
REPOSITORY = Path(__file__).parents[2]
READY = re.compile(r"model server ready: REST http://127.0.0.1:(\d+) gRPC 127.0.0.1:(\d+) \((.*)\)")
WAIT = 60.0
# SIGINT is ignored where the tests themselves run in a shell's background. Not by preexec_fn: a
# fork that runs Python beside the threads of TensorFlow and gRPC stands still now and then.
INTERRUPTIBLE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def started(base_path: Path, log: Path, path: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``lookalike model-server`` on free ports, its standard error in ``log``."""
    flags = ["--model-base-path", str(base_path), "--rest-port", "0", "--grpc-port", "0"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTIBLE, LOOKALIKE, "model-server", *flags],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # No proxy is asked for what is on this machine.
            env={"PATH": path, "PYTHONPATH": str(REPOSITORY), "http_proxy": "http://127.0.0.1:1"},
        )
        with process:
            try:
                yield process
            finally:
                process.terminate()  # not kill: the server that it may have started ends too


def program(folder: Path, name: str, *lines: str) -> None:
    """Put an executable shell script on a PATH of the test's own."""
    folder.mkdir(exist_ok=True)
    script = folder / name
    script.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    script.chmod(0o755)


def ready(process: subprocess.Popen[str]) -> tuple[Address, str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    match = READY.fullmatch(line.strip())
    assert match, line
    return Address("127.0.0.1", int(match[1])), match[3]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_look_alike_says_when_it_is_ready_and_ends_at_a_signal_with_status_0(
    tmp_path: Path, end: signal.Signals
) -> None:
    base, log = tmp_path / "embedder", tmp_path / "log"
    with started(base, log, path="") as process:
        until(lambda: f"waiting for a version under {base}" in log.read_text())
        write_toy_embedder(base, 1)
        address, what = ready(process)
        assert what == "look-alike, policy all"
        assert address.exchange("GET", "/v1/models/embedder").status == 200
        process.send_signal(end)
        assert process.wait(WAIT) == 0
    assert "Traceback" not in log.read_text()


def test_it_ends_quietly_while_tensorflow_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: str) -> None:
        signal.raise_signal(signal.SIGTERM)

    def unheard(*_: object) -> None:
        raise AssertionError("the signal came before it was listened for")

    before = signal.signal(signal.SIGTERM, unheard)
    monkeypatch.setattr("model_server.launcher.import_quietly", load)
    try:
        run_local(ServerOptions(model_name="m", base_path=Path()), print)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_it_ends_while_it_waits_for_a_version(tmp_path: Path) -> None:
    with started(tmp_path / "nothing", tmp_path / "log", path="") as process:
        until(lambda: "waiting for a version" in (tmp_path / "log").read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT) == 0


def test_tensorflow_model_server_is_preferred_where_it_is_on_the_path(tmp_path: Path) -> None:
    base, programs = tmp_path / "embedder", tmp_path / "bin"
    write_toy_embedder(base, 1)
    command = f'exec {shlex.quote(sys.executable)} -m tests.model_server.stand_in "$@" >&2'
    program(programs, "tensorflow_model_server", command)
    with started(base, tmp_path / "log", path=str(programs)) as process:
        address, what = ready(process)
        assert what == "tensorflow_model_server"
        assert address.exchange("GET", "/v1/models/embedder").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT) == 0
    until(lambda: not accepts(address))


def accepts(address: Address) -> bool:
    try:
        address.exchange("GET", "/")
    except ConnectionRefusedError:
        return False
    return True


def test_a_server_that_ends_by_itself_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "tensorflow_model_server", "exit 3")
    monkeypatch.setenv("PATH", str(tmp_path))
    announced: list[str] = []
    with pytest.raises(ModelServerError, match="tensorflow_model_server ended by itself with sta"):
        run_real(ServerOptions(model_name="m", base_path=tmp_path), announced.append)
    assert announced == []


NO_MODEL_THERE = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

flags = dict(argument.split("=", 1) for argument in sys.argv[1:])
server = HTTPServer(("127.0.0.1", int(flags["--rest_api_port"])), Handler)
server.timeout = 10
server.handle_request()
server.handle_request()
sys.exit(3)
"""


def test_it_is_ready_once_the_model_is_served_and_not_once_a_port_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server.py").write_text(NO_MODEL_THERE)
    command = shlex.join([sys.executable, str(tmp_path / "server.py")])
    program(tmp_path, "tensorflow_model_server", f'exec {command} "$@" 2> /dev/null')
    monkeypatch.setenv("PATH", str(tmp_path))
    announced: list[str] = []
    with pytest.raises(ModelServerError, match="ended by itself with status 3"):
        run_real(ServerOptions(model_name="m", base_path=tmp_path), announced.append)
    assert announced == []


@pytest.mark.parametrize("what", ["rest", "grpc"])
def test_the_real_server_is_not_started_where_another_program_has_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    program(tmp_path, "tensorflow_model_server", f"touch {shlex.quote(str(tmp_path / 'started'))}")
    monkeypatch.setenv("PATH", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = {f"{what}_port": other.getsockname()[1]}
        options = ServerOptions(model_name="m", base_path=tmp_path, **port)
        with pytest.raises(ConfigurationError, match=f"another program.* with --{what}-port"):
            run_real(options, lambda _: None)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("host", ["nosuch.invalid", "::1", "192.0.2.1"])
def test_an_address_that_cannot_be_had_is_an_error_that_names_it(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot be had at {host} .*--host") as refusal:
        with_ports(ServerOptions(model_name="m", base_path=Path(), host=host))
    assert "another program" not in str(refusal.value)


def test_a_container_sees_the_models_and_the_configuration_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    recorded = f'[ "$1" = info ] || echo "$@" > {shlex.quote(str(seen))}'
    program(tmp_path / "bin", "podman", recorded)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    port = free_port()
    options = ServerOptions(model_name="m", base_path=tmp_path / "m", rest_port=port)
    with pytest.raises(ModelServerError, match="tensorflow/serving:2 ended by itself"):
        run_container("tensorflow/serving:2", options, lambda _: None)
    flags, image, arguments = seen.read_text().partition(" tensorflow/serving:2 ")
    assert image
    mounts = re.findall(r"--volume=(\S+):\1:ro", flags)
    assert mounts[0] == str(tmp_path / "m")
    assert flags.count("--volume") == len(mounts) == 2
    assert f"--model_config_file={mounts[1]}/models.config" in arguments
    assert f"--rest_api_port={port}" in arguments


def test_a_container_needs_a_program_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "docker", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="needs a working docker or podman"):
        run_container("i", ServerOptions(model_name="m", base_path=tmp_path), lambda _: None)


def test_ports_that_are_given_stay() -> None:
    options = ServerOptions(model_name="m", base_path=Path(), rest_port=12345)
    chosen = with_ports(options)
    assert chosen.rest_port == 12345
    assert chosen.grpc_port > 0


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--policy", "newest"], {}, "'newest' is no policy"),
        ([], {"LOOKALIKE_STORE": "s3://bucket"}, "--model-base-path"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    arguments: list[str], environment: dict[str, str], message: str
) -> None:
    result = CliRunner(env=environment).invoke(model_server, arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert message in str(result.exception)
