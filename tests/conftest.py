"""What several rooms' tests share: the real weights and the real sample pictures."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from demo.samples import stamps
from lookalike.settings import Settings
from tests.browser import browser, page

if TYPE_CHECKING:
    from training.weights import BaseWeights

__all__ = ["browser", "page"]

# `make test` tries the same examples on every machine, so that what passed here passes there;
# `make test-all` looks for new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("new", derandomize=False, print_blob=True)
settings.load_profile("same")

# Files whose few tests take minutes: they begin first, so that no process is left alone with one.
SLOWEST = (
    "documents/test_commands.py",
    "search_api/test_replica.py",
    "demo/test_run.py",
    "k8s/test_running.py",
    "search_api/test_web_page.py",
    "search_api/test_operating.py",
    "search_api/test_operating_page.py",
    "search_api/test_web_faults.py",
    "search_api/test_web_history.py",
    "training/test_tuning.py",
    "torture/test_torture.py",
    "indexing/extraction/test_model_server.py",
)
MOST_PROCESSES = 4
# Others have the 600 of pyproject.toml, which on a busy machine is not much for the long ones.
LONG_SECONDS = 1800


def pytest_xdist_auto_num_workers() -> int:
    """Give a process more than there are cores, since many tests wait for a server to act.

    More than a few would only wait for each other's.
    """
    return min(len(os.sched_getaffinity(0)) + 1, MOST_PROCESSES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first, leave the order of all else, and give long tests their time."""
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
    items.sort(key=lambda item: not item.path.as_posix().endswith(SLOWEST))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests/model_server/test_conformance.py run against a real TensorFlow Serving."""
    group = parser.getgroup("model server")
    group.addoption("--model-server-url", help="REST address of a running TensorFlow Serving.")
    group.addoption("--model-server-models", help="Folder that it serves the model `toy` from.")


@pytest.fixture(scope="session")
def real_cache() -> Path:
    """The user's own cache, so that weights and samples are fetched once a machine."""
    return Path(Settings.from_environment().cache)


@pytest.fixture(scope="session")
def sample_folder(real_cache: Path) -> Path:
    """The stamps: 224 PNGs in 13 labelled folders."""
    return stamps(real_cache)


@pytest.fixture(scope="session")
def base_weights(real_cache: Path) -> "BaseWeights":
    """VGG16's real ImageNet weights."""
    from training.weights import imagenet_weights

    return imagenet_weights(real_cache)
