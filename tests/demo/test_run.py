"""The demo as a newcomer runs it, on the real weights and the real sample pictures."""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from demo.run import needed
from lookalike import model_card
from lookalike.index.version import decode_details
from lookalike.settings import Settings
from lookalike.store import open_indexes, open_models
from tests.browser import Watched
from tests.services import models_served, search_service, status, until

# Smaller than the demo's own default, so that it takes a minute where nothing is cached.
SIZE = "48"
LOOKALIKE = (sys.executable, "-m", "lookalike")


def demo(folder: Path, *flags: str, size: str = SIZE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LOOKALIKE, "demo", "--check", "--folder", str(folder), "--size", size, *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=550,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    finished = demo(folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (folder / "output.txt").write_text(finished.stdout)
    return folder


def test_it_says_by_which_settings_other_commands_find_what_it_runs() -> None:
    settings = Settings()
    told = {
        "LOOKALIKE_STORE": "my demo",
        "LOOKALIKE_MODEL_SERVER_REST": settings.model_server_rest,
        "LOOKALIKE_MODEL_SERVER_GRPC": settings.model_server_grpc,
        "LOOKALIKE_BIND": "127.0.0.1:8081",
    }
    assert needed(told, settings) == "LOOKALIKE_STORE='my demo' LOOKALIKE_BIND=127.0.0.1:8081"


def test_it_prints_hits_and_draws_them(folder: Path) -> None:
    output = (folder / "output.txt").read_text()
    assert output.count("    0.") >= 30
    sheet = cv2.imread(str(folder / "contact-sheet.jpg"))
    assert sheet is not None
    assert min(sheet.shape[:2]) > 500


def test_it_leaves_a_model_and_a_published_index_of_the_gallery_alone(folder: Path) -> None:
    indexes = open_indexes(str(folder), "default")
    assert indexes.versions() == [indexes.current()]
    assert open_models(str(folder), "embedder").versions() == ["1"]
    gallery = list((folder / "pictures" / "gallery").rglob("*.png"))
    queries = list((folder / "pictures" / "queries").rglob("*.png"))
    assert len(gallery) + len(queries) == 224
    assert not {path.name for path in gallery if path.parent.name == "bird"} & {
        path.name for path in queries if path.parent.name == "bird"
    }


def test_fine_tuning_beats_the_pretrained_features_and_both_beat_raw_pixels(folder: Path) -> None:
    quality = model_card.read_model_card(folder / "training" / model_card.FILE_NAME).quality
    tuned, pretrained = quality["tuned_cosine_map"], quality["pretrained_cosine_map"]
    raw = max(quality["raw_cosine_map"], quality["raw_l2_map"])
    assert tuned > pretrained >= raw + 0.2


@pytest.mark.long
def test_a_second_run_skips_what_is_done(folder: Path) -> None:
    finished = demo(folder)
    assert finished.returncode == 0, finished.stderr
    assert "holds this model already" in finished.stderr
    assert "158 pictures: 0 embedded now, 158 unchanged" in finished.stdout
    assert open_models(str(folder), "embedder").versions() == ["1"]


@pytest.mark.long
def test_pictures_of_another_size_are_served_by_force_whatever_they_find(
    folder: Path, tmp_path: Path
) -> None:
    again = shutil.copytree(folder, tmp_path / "demo", symlinks=True)
    finished = demo(again, "--force", size="32")
    assert finished.returncode == 0, finished.stderr
    models, indexes = open_models(str(again), "embedder"), open_indexes(str(again), "default")
    assert models.versions() == ["1", "2"]
    assert model_card.read_stored_card(models, "2").picture.size == 32
    served = decode_details(indexes.manifest(indexes.current()), indexes.current())
    assert served.model.version == 2


def test_its_index_is_searched_on_the_page(folder: Path, page: Watched) -> None:
    """README.md shows what this leaves in build/screenshots."""
    query = folder / "pictures" / "queries" / "bird"
    with (
        models_served(folder) as environment,
        search_service(environment, folder / "service.log") as url,
    ):
        until(lambda: status(f"{url}/readyz") == 200, what="readiness")
        page.show((1280, 800))
        page.page.goto(url)
        page.page.locator("#file").set_input_files(sorted(query.glob("*.png"))[0])
        page.page.locator("#filters button").first.wait_for()
        until(lambda: page.page.locator("#results img").count() >= 8, what="pictures")
        assert page.page.locator("#results .label", has_text="bird").count() >= 3
        page.page.screenshot(path=page.kept("page.png"))
        page.page.locator("#results .why").first.click()
        page.page.locator("#heat").wait_for()
        assert page.problems == []
