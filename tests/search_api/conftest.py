"""One running stack for the tests of this room: model server, published index, service."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from lookalike.calibration import Calibration
from lookalike.client import Client
from tests.browser import Watched
from tests.pictures import write_pictures
from tests.search_api.shown import FIRST, Shown
from tests.services import (
    models_served,
    publish_toy_model,
    run,
    search_service,
    status,
    until,
)

COLOURS = ("red", "green", "blue")
SCORES = Calibration(a=8.0, b=1.5, c=-3.0, ece=0.03, queries=66, pairs=660, same=0.62)


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
    with models_served(root / "store") as environment:
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


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service whose pictures have prices and colours, and whose scores are calibrated."""
    root = tmp_path_factory.mktemp("shop")
    with running_stack(root, SCORES) as running:
        rows = [
            f"{path.relative_to(running.pictures)},{path},{path.parent.name},{n},{COLOURS[n % 3]}"
            for n, path in enumerate(sorted(running.pictures.rglob("*.*")))
        ]
        catalogue = root / "shop.csv"
        catalogue.write_text("\n".join(["id,uri,label,price,colour", *rows]))
        done = run(["reindex", str(catalogue)], running.environment)
        assert done.returncode == 0, done.stderr
        client = Client(running.url)
        until(lambda: client.picture(FIRST).attributes, what="the new version")
        yield running


@pytest.fixture
def shown(page: Watched, shop: Stack) -> Shown:
    """The search page, with nothing looked for."""
    page.__class__ = Shown
    assert isinstance(page, Shown)
    page.page.goto(f"{shop.url}/")
    return page


@pytest.fixture
def by_id(shown: Shown, shop: Stack) -> Shown:
    """The page, looking for a picture of the index."""
    shown.page.goto(f"{shop.url}/?id={FIRST}")
    shown.found()
    shown.page.locator("#filters fieldset").first.wait_for()
    return shown
