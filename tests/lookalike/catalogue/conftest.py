"""The databases that the catalogues' tests ask."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres"))
    (tmp_path / "shop.sqlite").touch()
    return f"sqlite:///{tmp_path}/shop.sqlite"
