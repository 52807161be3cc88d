"""A stack that runs, and a copy of its store to break something in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.search_api.conftest import Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def broken(stack: Stack, tmp_path: Path) -> dict[str, str]:
    """The stack's settings, with a copy of its store to break something in."""
    shutil.copytree(stack.environment["LOOKALIKE_STORE"], tmp_path / "store")
    return {**stack.environment, "LOOKALIKE_STORE": str(tmp_path / "store")}
