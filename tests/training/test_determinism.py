"""One folder that may not be written to, trained on twice, in two processes."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lookalike.settings import Settings
from training.fine_tune import fine_tune
from training.model import load_model, weights_sha256
from training.request import HeadSettings, TrainingRequest

Found = dict[str, tuple[int, int, int, str]]


def found(folder: Path) -> Found:
    """Tell all that writing would change; nobody can set back the time of a file's change."""
    paths = [folder, *folder.rglob("*")]
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            path.stat().st_ctime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in paths
    }


@pytest.fixture(scope="module")
def read_only(few: Path) -> Iterator[Path]:
    paths = [few, *few.rglob("*")]
    before = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield few
    for path, mode in before.items():
        path.chmod(mode)


PROGRAM = """
import sys
import msgspec
from lookalike.settings import Settings
from training.fine_tune import fine_tune
from training.request import TrainingRequest

request, settings = (
    msgspec.json.decode(text, type=kind, dec_hook=lambda kind, text: kind(text))
    for text, kind in zip(sys.argv[1:], (TrainingRequest, Settings), strict=True)
)
fine_tune(request, settings, print)
"""


@pytest.mark.long
def test_equal_seeds_give_equal_weights_in_two_processes_and_pictures_are_left_alone(
    read_only: Path, request_: TrainingRequest, settings: Settings, tmp_path: Path
) -> None:
    """With caches of their own, and with one thread that reads and with three."""
    before = found(read_only)
    here, there = (
        msgspec.structs.replace(
            request_,
            output=tmp_path / name,
            workers=workers,
            views=1,
            head=HeadSettings(epochs=5, seed=3),
        )
        for name, workers in (("here", 1), ("there", 3))
    )
    fine_tune(here, settings, print)
    elsewhere = msgspec.structs.replace(settings, cache=str(tmp_path / "cache"))
    if (weights := Path(settings.cache) / "weights").exists():
        Path(elsewhere.cache).mkdir()
        (Path(elsewhere.cache) / "weights").symlink_to(weights)
    arguments = [msgspec.json.encode(one, enc_hook=str).decode() for one in (there, elsewhere)]
    subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=True)
    digests = {weights_sha256(load_model(one.output / "lookalike.keras")) for one in (here, there)}
    assert len(digests) == 1
    for name in ("history.json", "split.json"):
        assert (here.output / name).read_bytes() == (there.output / name).read_bytes()
    assert found(read_only) == before
