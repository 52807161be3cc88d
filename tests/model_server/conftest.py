"""A running model server for the tests of this room."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from model_server.options import ServerOptions
from model_server.server import ModelServer
from tests.model_server.http_client import Address, wait_until_available
from tests.model_server.toy_signatures import NAME, write_toy_signatures


@pytest.fixture(scope="session")
def toy_models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base path of the model ``toy``, with its version 1."""
    given = request.config.getoption("--model-server-models")
    folder = Path(given) if given else tmp_path_factory.mktemp(NAME)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "1").exists():
        write_toy_signatures(folder)
    return folder


@pytest.fixture(scope="session")
def toy_options(toy_models: Path) -> ServerOptions:
    return ServerOptions(model_name=NAME, base_path=toy_models, poll_seconds=0.05)


@pytest.fixture(scope="session")
def toy_server(toy_options: ServerOptions) -> Iterator[ModelServer]:
    """The look-alike as the real server is by default: without batching."""
    with ModelServer(replace(toy_options, batching=None)) as server:
        yield server


@pytest.fixture(scope="session")
def rest(request: pytest.FixtureRequest, toy_models: Path) -> Address:
    """Where ``toy`` is answered: the look-alike, or the server of ``--model-server-url``."""
    url = request.config.getoption("--model-server-url")
    if url:
        return wait_until_available(Address.parse(url), NAME)
    server: ModelServer = request.getfixturevalue("toy_server")
    return Address("127.0.0.1", server.rest_port)


@pytest.fixture(scope="session")
def batching_server(toy_options: ServerOptions) -> Iterator[ModelServer]:
    """The look-alike as ``lookalike model-server`` starts it."""
    with ModelServer(toy_options) as server:
        yield server
