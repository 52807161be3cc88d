"""A small set of real pictures, and one run of training on it that many tests look at."""

import shutil
from pathlib import Path

import pytest

from lookalike.picture.contract import PictureContract
from lookalike.settings import Settings
from training.fine_tune import fine_tune
from training.model import build_base
from training.request import HeadSettings, TrainingRequest
from training.weights import BaseWeights

SIZE = 48
CATEGORIES = ("coin", "flower", "tool")
PICTURES = 7


@pytest.fixture(scope="session")
def few(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven stamps of each of three categories."""
    folder = tmp_path_factory.mktemp("few")
    for category in CATEGORIES:
        (folder / category).mkdir()
        for picture in sorted((sample_folder / category).iterdir())[:PICTURES]:
            shutil.copy(picture, folder / category)
    return folder


@pytest.fixture(scope="session")
def base(base_weights: BaseWeights) -> object:
    return build_base(SIZE, base_weights.layers)


@pytest.fixture(scope="session")
def settings(real_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A cache of the tests' own, with the converted weights linked into it."""
    cache = tmp_path_factory.mktemp("cache")
    if (real_cache / "weights").is_dir():
        (cache / "weights").symlink_to(real_cache / "weights")
    return Settings(cache=str(cache), store=str(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="session")
def request_(few: Path, settings: Settings, base_weights: BaseWeights) -> TrainingRequest:
    return TrainingRequest(
        pictures=few,
        output=Path(settings.store) / "training",
        contract=PictureContract(size=SIZE),
        views=2,
        head=HeadSettings(epochs=30),
    )


@pytest.fixture(scope="session")
def trained(request_: TrainingRequest, settings: Settings) -> Path:
    """The output folder of a run on ``few``."""
    fine_tune(request_, settings, print)
    return request_.output
