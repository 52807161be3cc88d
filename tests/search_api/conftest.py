"""One running stack for the tests of this room: model server, published index, service."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from lookalike.calibration import Calibration
from tests.pictures import write_pictures
from tests.services import (
    model_server,
    publish_toy_model,
    run,
    search_service,
    status,
    until,
)


class Stack(NamedTuple):
    """A running service, and what stands behind it."""

    url: str
    pictures: Path
    environment: dict[str, str]
    log: Path


@contextmanager
def running_stack(
    root: Path,
    calibration: Calibration | None = None,
    *flags: str,
    settings: Mapping[str, str] | None = None,
    explains: bool = True,
) -> Iterator[Stack]:
    """Index a few pictures by a toy model, with these flags of reindex, and serve the index.

    ``settings`` are further ones of the service; ``explains`` is what the model's card says.
    """
    publish_toy_model(root / "store", calibration=calibration, explains=explains)
    pictures = write_pictures(root / "pictures")
    with model_server(root / "store", root / "model_server.log") as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(root / "cache")}
        indexed = run(["reindex", str(pictures), *flags], environment)
        assert indexed.returncode == 0, indexed.stderr
        log = root / "service.log"
        own = {
            "LOOKALIKE_MAX_BODY_BYTES": "2000000",
            "LOOKALIKE_MAX_DECODED_BYTES": "50000000",
            "LOOKALIKE_RECALL_SAMPLE": "1",
            **(settings or {}),
        }
        with search_service({**environment, **own}, log) as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            yield Stack(url, pictures, environment, log)
        assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
