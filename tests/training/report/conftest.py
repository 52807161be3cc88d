"""One evaluation that many tests look at: odd names, copies, broken files and all."""

import shutil
from pathlib import Path
from typing import NamedTuple

import cv2
import msgspec
import pytest
from click.testing import CliRunner

from lookalike.picture import read_thumbnail
from lookalike.settings import Settings
from training.cli import evaluate, train
from training.report.figures import Evaluation

HOSTILE = '<b>coin & "cent"\''
CATEGORIES = {"bird": "bird", "coin": HOSTILE, "flower": "flower", "fruit": "fruit"}
PICTURES = 20
BROKEN = "bird/<img src=x onerror=alert(1)>.png"


class Made(NamedTuple):
    """An evaluation's files, and what is known of its pictures."""

    html: Path
    evaluation: Evaluation
    pictures: Path
    copies: set[str]
    output: str


@pytest.fixture(scope="session")
def made(sample_folder: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("report")
    copies = _pictures(sample_folder, root / "pictures")
    model, html = root / "model", root / "report.html"
    environment = {"LOOKALIKE_CACHE": settings.cache, "LOOKALIKE_STORE": str(root / "store")}
    flags = ["--size", "32", "--views", "0", "--epochs", "8", "--output", str(model)]
    written = ["--model", str(model), "--html", str(html), "--json"]
    output = told = ""
    for command, arguments in (
        (train, [str(root / "pictures"), *flags]),
        (evaluate, written),
    ):
        result = CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        output, told = output + result.output, result.stdout
    evaluation = msgspec.json.decode(told, type=Evaluation)
    return Made(html, evaluation, root / "pictures", copies, output)


def _pictures(samples: Path, folder: Path) -> set[str]:
    """Copy stamps, one of them again as a small JPEG under another label; break a file."""
    for category, name in CATEGORIES.items():
        (folder / name).mkdir(parents=True)
        for picture in sorted((samples / category).iterdir())[:PICTURES]:
            shutil.copy(picture, folder / name)
    original = sorted((folder / "flower").iterdir())[3]
    # On white, as everything reads it.
    smaller = read_thumbnail(original.read_bytes(), 180)
    cv2.imwrite(str(folder / "fruit" / "again.jpg"), smaller[..., ::-1])
    (folder / BROKEN).write_bytes(b"no picture")
    return {f"flower/{original.name}", "fruit/again.jpg"}
