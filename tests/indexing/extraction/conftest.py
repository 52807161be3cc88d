"""Features on a local disk, and in a store that is none."""

from pathlib import Path

import pytest

from indexing.extraction.features import Features
from lookalike.store import Location
from tests.indexing.extraction.vectors import DIMENSIONS


@pytest.fixture(params=["local", "memory"])
def features(request: pytest.FixtureRequest, tmp_path: Path) -> Features:
    url = str(tmp_path) if request.param == "local" else f"memory://{tmp_path}"
    return Features(Location(f"{url}/features"), DIMENSIONS)
