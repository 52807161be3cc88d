"""A published gallery, which many tests change."""

from pathlib import Path

import pytest

from tests.indexing.publishing.galleries import Gallery


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """Sixty pictures, published."""
    made = Gallery(tmp_path)
    made.fill(60)
    made.publish()
    return made
