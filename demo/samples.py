"""Labelled sample pictures for the demo and the tests: fetched once, verified, cached.

It gives a folder of labelled folders and must not look into the pictures themselves.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from demo.debian import unpack_package
from lookalike.errors import SourceUnavailable
from training.download import keras_download

PACKAGE = "tuxpaint-stamps-default"
PACKAGE_ROOT = Path("usr/share/tuxpaint/stamps")

# The archive of TensorFlow's tutorials: 3,670 photos of five kinds of flowers, CC BY 2.0.
FLOWERS_URL = (
    "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz"
)


class Category(NamedTuple):
    """One category of the stamps: its folders in the package, and how many PNGs they hold."""

    pictures: int
    folders: tuple[str, ...]


# The photo-like categories of at least seven pictures in Debian's
# tuxpaint-stamps-default 2022.06.04-1 (GPL-2): 224 pictures.
STAMPS = {
    "bird": Category(35, ("animals/birds",)),
    "bovine": Category(16, ("animals/mammals/bovines",)),
    "coin": Category(
        26,
        (
            "symbols/money/canadian/coins",
            "symbols/money/euro/coins",
            "symbols/money/japanese",
            "symbols/money/us/coins",
        ),
    ),
    "fish": Category(11, ("animals/fish",)),
    "flower": Category(24, ("plants/flowers",)),
    "fruit": Category(26, ("food/fruit",)),
    "insect": Category(9, ("animals/insects",)),
    "planet": Category(10, ("space/planets",)),
    "roadsign": Category(21, ("town/roadsigns",)),
    "rodent": Category(8, ("animals/mammals/rodents",)),
    "tool": Category(13, ("household/tools",)),
    "tree": Category(7, ("plants/trees",)),
    "vegetable": Category(18, ("food/vegetables",)),
}
STAMPS_SHA256 = "983bc78537b64a2162676fd8a5fc4aaabfe456ef5a454b5894e73cc27ceee950"


def sample_pictures(cache: Path) -> Path:
    """Get a folder of labelled folders of pictures, fetched into ``cache`` the first time.

    The Tux Paint stamps come from the system's package manager, without root where its
    lists are there. Where it is missing, the flower photos come from the internet.

    Raises:
        SourceUnavailable: neither set can be had; says what to do.
    """
    try:
        return stamps(cache)
    except SourceUnavailable as no_stamps:
        try:
            return _flowers(cache)
        except SourceUnavailable as no_flowers:
            raise SourceUnavailable(
                "no sample pictures can be had: run 'apt-get update' as root, or give a folder "
                f"of labelled folders of your own ({no_stamps}; {no_flowers})"
            ) from no_flowers


def stamps(cache: Path) -> Path:
    """Get the Tux Paint stamps: 224 PNGs in 13 categories, mostly cut-outs with alpha."""
    target = cache / "samples" / "stamps"
    if target.is_dir() and _digest(target) == STAMPS_SHA256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        unpack_package(PACKAGE, Path(scratch))
        laid_out = lay_out(Path(scratch) / PACKAGE_ROOT, Path(scratch) / "stamps")
        _put_in_place(laid_out, target)
    return target


def lay_out(source: Path, target: Path) -> Path:
    """Hard-link the set's pictures into one folder a category, and verify the result.

    Args:
        source: the package's ``stamps`` folder.
        target: the folder to make, on the same file system.

    Raises:
        SourceUnavailable: the package holds other pictures than those expected.
    """
    for label, category in STAMPS.items():
        (target / label).mkdir(parents=True)
        pictures = [
            p for folder in category.folders for p in sorted((source / folder).glob("*.png"))
        ]
        if len(pictures) != category.pictures:
            raise SourceUnavailable(
                f"{PACKAGE} holds {len(pictures)} pictures of the category {label}, "
                f"not {category.pictures}: it is another version than 2022.06.04"
            )
        for picture in pictures:
            os.link(picture, target / label / _name(picture, source, category))
    if (found := _digest(target)) != STAMPS_SHA256:
        raise SourceUnavailable(f"{PACKAGE} holds other pictures than expected: {found}")
    return target


def _name(picture: Path, source: Path, category: Category) -> str:
    """The file's own name; with its folder's where a category has several that share names."""
    if len(category.folders) == 1:
        return picture.name
    return "-".join(picture.relative_to(source).parts[2:])


def _digest(folder: Path) -> str:
    """SHA-256 over the sorted relative paths and digests of a folder's pictures."""
    digest = hashlib.sha256()
    for picture in sorted(folder.glob("*/*.png")):
        content = hashlib.sha256(picture.read_bytes()).hexdigest()
        digest.update(f"{picture.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _put_in_place(made: Path, target: Path) -> None:
    """Rename a finished folder to its place; one that another process put there will do."""
    if target.is_dir() and _digest(target) != STAMPS_SHA256:
        shutil.rmtree(target)
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _flowers(cache: Path) -> Path:
    """The flower photos, from the internet; Keras keeps and unpacks the archive."""
    from training.framework import keras  # here, since the stamps need no TensorFlow

    with keras_download("the flower photos"):
        unpacked = keras.utils.get_file(
            origin=FLOWERS_URL, extract=True, cache_dir=cache, cache_subdir="samples"
        )
    return Path(unpacked) / "flower_photos"
