"""Real servers for the tests, each a process on a free port that ends with its test."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest import mock

import msgspec
import pytest
import requests

from demo.processes import free_port
from lookalike import model_card
from lookalike.calibration import Calibration
from lookalike.cli import main
from lookalike.store import open_models
from tests.toy_cards import toy_card

SIZE = 32
READY = re.compile(r"REST http://127\.0\.0\.1:(\d+).*gRPC 127\.0\.0\.1:(\d+)")


class ModelDetails(msgspec.Struct):
    name: str
    weights_sha256: str


def publish_toy_model(
    store: Path,
    *,
    seed: int = 0,
    size: int = SIZE,
    calibration: Calibration | None = None,
    explains: bool = True,
) -> int:
    """Put a toy embedder into a store as export-model would; give its version."""
    from tests.toy_models import write_toy_embedder  # imports TensorFlow

    models = open_models(str(store), "embedder")
    with models.draft() as folder:
        made = write_toy_embedder(folder.parent / f".toy-{seed}", 1, size=size, seed=seed)
        for path in made.iterdir():
            path.rename(folder / path.name)
        made.rmdir()
        made.parent.rmdir()
        card = toy_card(f"{seed:064d}", size=size, calibration=calibration, explains=explains)
        model_card.write_model_card(card, folder / model_card.FILE_NAME)
        return int(models.publish(folder, ModelDetails("embedder", f"{seed:064d}")))


@contextmanager
def process(
    arguments: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``lookalike …`` in the background, its output going to ``log``; kill it at the end."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", "lookalike", *arguments],
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def until(condition: Callable[[], object], seconds: float = 60.0, what: str = "it") -> None:
    """Wait until ``condition()`` is true; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


@contextmanager
def model_server(
    store: Path | str, log: Path, *flags: str, ports: tuple[int, int] = (0, 0)
) -> Iterator[dict[str, str]]:
    """Run the local model server over a store's models; give the settings that lead to it."""
    arguments = ["model-server", "--local", "--rest-port", str(ports[0])]
    arguments += ["--grpc-port", str(ports[1]), *flags]
    start = log.stat().st_size if log.exists() else 0
    with process(arguments, {"LOOKALIKE_STORE": str(store)}, log) as server:

        def ready() -> bool:
            assert server.poll() is None, log.read_text()
            return READY.search(log.read_text()[start:]) is not None

        until(ready, what="the model server's start")
        found = READY.search(log.read_text()[start:])
        assert found is not None
        yield {
            "LOOKALIKE_STORE": str(store),
            "LOOKALIKE_MODEL_SERVER_REST": f"http://127.0.0.1:{found[1]}",
            "LOOKALIKE_MODEL_SERVER_GRPC": f"127.0.0.1:{found[2]}",
        }


@contextmanager
def models_served(store: Path | str, ports: tuple[int, int] = (0, 0)) -> Iterator[dict[str, str]]:
    """Serve a store's models from this process, which has TensorFlow loaded; as model_server.

    For tests of what asks it. Those that end it, or look at what it prints, want the command.
    """
    from model_server.options import ServerOptions
    from model_server.server import ModelServer  # imports TensorFlow

    base_path = Path(store) / "models" / "embedder"
    options = ServerOptions(
        model_name="embedder", base_path=base_path, rest_port=ports[0], grpc_port=ports[1]
    )
    with ModelServer(options) as server:
        yield {
            "LOOKALIKE_STORE": str(store),
            "LOOKALIKE_MODEL_SERVER_REST": f"http://127.0.0.1:{server.rest_port}",
            "LOOKALIKE_MODEL_SERVER_GRPC": f"127.0.0.1:{server.grpc_port}",
        }


@contextmanager
def search_service(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Run search_api under gunicorn; give its URL once it answers at all."""
    port = free_port(0)
    environment = {
        "LOOKALIKE_BIND": f"127.0.0.1:{port}",
        "LOOKALIKE_WORKERS": "1",
        "LOOKALIKE_POLL_SECONDS": "0.2",
        **environment,
    }
    url = f"http://127.0.0.1:{port}"
    with process(["serve"], environment, log) as server:

        def answers() -> bool:
            assert server.poll() is None, log.read_text()
            return status(f"{url}/healthz") == 200

        until(answers, what="the service's start")
        yield url


def status(url: str) -> int | None:
    """Give the status of a GET, or None where nobody answers."""
    try:
        return requests.get(url, timeout=10).status_code
    except (requests.ConnectionError, requests.Timeout):
        return None


def run(
    arguments: list[str], environment: Mapping[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``lookalike …`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "lookalike", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def run_here(
    arguments: list[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run ``lookalike …`` to its end, as ``run``, in this process, which has its modules loaded.

    For what a command says and how it ends; not for servers, nor for what starts processes.
    """
    output, errors = TextIOWrapper(BytesIO(), "utf-8"), TextIOWrapper(BytesIO(), "utf-8")
    with (
        mock.patch.dict(os.environ, environment),
        redirect_stdout(output),
        redirect_stderr(errors),
        pytest.raises(SystemExit) as ended,
    ):
        main(arguments)
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, _written(output), _written(errors))


def _written(stream: TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
