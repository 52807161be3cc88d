"""Drawings by category: Debian's ``openclipart-png`` (public domain), fetched once."""

import os
import tempfile
from pathlib import Path

from demo.debian import unpack_package

PACKAGE = "openclipart-png"
FOLDER = Path("usr/share/openclipart/png")
# Folders that hold things, and not shapes, icons or symbols, of twenty drawings or more.
CATEGORIES = (
    "animals/birds",
    "animals/bugs",
    "animals/fish",
    "animals/mammals",
    "buildings/homes",
    "computer/hardware",
    "food/beverages",
    "food/breads_and_carbs",
    "food/desserts",
    "food/fruit",
    "food/meats_and_eggs",
    "people/bodypart",
    "people/clothing",
    "people/smilies",
    "plants/flowers",
    "plants/trees",
    "recreation/music",
    "recreation/sports",
    "recreation/toys",
    "signs_and_symbols/weather",
    "tools/weapons",
    "transportation/boating",
    "transportation/roadsigns",
    "transportation/vehicles",
)
MOST = 60  # of a category, the first by name


def openclipart(cache: Path) -> Path:
    """Give a folder of labelled folders: 957 drawings in 24 categories.

    Raises:
        SourceUnavailable: the package cannot be had.
    """
    target = cache / "bench" / "openclipart"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        scratch = Path(name)
        unpack_package(PACKAGE, scratch)
        made = scratch / "labelled"
        for category in CATEGORIES:
            _link(scratch / FOLDER / category, made / category.replace("/", "-"))
        made.rename(target)
    return target


def _link(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    drawings = (path for path in sorted(source.rglob("*.png")) if not path.is_symlink())
    for _, path in zip(range(MOST), drawings, strict=False):
        if not (target / path.name).exists():
            os.link(path, target / path.name)
