"""A running service with keys, and clients of an operator and of somebody who searches."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import requests

from lookalike.client import Client
from lookalike.store import open_indexes
from tests.search_api.conftest import Stack, running_stack
from tests.services import run, run_here, until

# That a request may take: so short that a test can wait for its end.
REQUEST_SECONDS = 3


class Operated(msgspec.Struct):
    """A service with keys, and clients with either."""

    stack: Stack
    key: str  # the operator's
    other: str  # that may only search
    operator: Client
    searcher: Client

    def reindex(self) -> str:
        """Publish one more version, and wait until it is served."""
        changed = self.stack.pictures / "label-0" / "0.jpg"
        pixels = np.random.default_rng().integers(0, 256, (60, 90, 3), np.uint8)
        cv2.imwrite(str(changed), pixels)
        done = run(["reindex", str(self.stack.pictures)], self.stack.environment)
        assert done.returncode == 0, done.stderr
        version = open_indexes(self.stack.environment["LOOKALIKE_STORE"], "default").current()
        until(lambda: self.served() == version, what="the new version")
        return version

    def older(self) -> str:
        """Give a version before the served one; one more is published where there is none."""
        if len(self.operator.versions().versions) < 2:
            self.reindex()
        return self.operator.versions().versions[1].version

    def served(self) -> str:
        return str(self.searcher.index()["version"])

    @property
    def store(self) -> Path:
        return Path(self.stack.environment["LOOKALIKE_STORE"])

    def asked(
        self, path: str, *, method: str = "GET", key: str | None = None, timeout: float = 30
    ) -> Any:
        """Ask once, with a key or none; a 503 is not asked again."""
        headers = {} if key is None else {"X-API-Key": key}
        told = {"json": {}} if method == "POST" else {}
        url = f"{self.stack.url}{path}"
        return requests.request(method, url, headers=headers, timeout=timeout, **told)


@contextmanager
def aside(path: Path) -> Iterator[None]:
    """Take a file or a folder of the store away for a while."""
    elsewhere = path.rename(path.parents[2] / "aside")
    try:
        yield
    finally:
        elsewhere.rename(path)


def indexes(operated: Operated) -> Path:
    """Give the folder of the index's versions."""
    return operated.store / "indexes" / "default"


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    root = tmp_path_factory.mktemp("operated")
    keys = root / "keys.txt"
    operator, searcher = (
        run_here(["api-key", name, *flags, "--file", str(keys)], {}).stdout.strip()
        for name, flags in (("operator", ["--admin"]), ("searcher", []))
    )
    pictures = root / "pictures" / "label-0"
    pictures.mkdir(parents=True)
    (pictures / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (pictures / "text.png").write_bytes(b"no picture")
    settings = {"LOOKALIKE_API_KEYS": str(keys), "LOOKALIKE_POLL_SECONDS": "0.2"}
    settings["LOOKALIKE_REQUEST_SECONDS"] = str(REQUEST_SECONDS)
    with running_stack(root, None, "--max-rejected", "1", settings=settings) as stack:
        clients = (Client(stack.url, key=key) for key in (operator, searcher))
        yield Operated(stack, operator, searcher, *clients)
