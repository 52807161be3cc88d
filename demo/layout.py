"""The pictures that a demo works with: a labelled folder, divided by links.

Somebody's pictures are only ever read, and nothing is removed that a demo did not make.
"""

import os
import random
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec

from lookalike.catalogue import Folder, Picture
from lookalike.errors import ConfigurationError, DataError
from lookalike.store.files import draft_folder, exclusive

GALLERY, QUERIES = "gallery", "queries"
MARK, LOCK = ".made-by-lookalike-demo", ".demo.lock"
HELD_OUT = 0.3
# Of each category these stay in the gallery, since training needs them.
FEWEST = 2
SEED = 1


class Query(msgspec.Struct, frozen=True):
    """A held-out picture that the demo asks about."""

    path: Path
    label: str


def lay_out(pictures: Path, target: Path) -> list[Query]:
    """Lay out ``gallery`` and ``queries`` below ``target``, linked; give the held-out queries.

    The split follows from the names alone, so that a second run finds its work done.

    Raises:
        ConfigurationError: ``target`` is something else than an earlier demo's, or one of the
            folders lies in the other.
        DataError: there are no labelled folders with enough pictures.
    """
    _check_apart(pictures, target)
    by_label = _by_label(pictures)
    with draft_folder(target.parent) as draft:
        (draft / MARK).touch()
        queries = [
            Query(target / QUERIES / picture.id, label)
            for label, of_label in sorted(by_label.items())
            for picture in _link_category(label, of_label, draft)
        ]
        if not queries:
            raise DataError(f"{pictures} has no category of {FEWEST + 1} pictures or more")
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    return queries


@contextmanager
def sole_demo(folder: Path) -> Iterator[None]:
    """Be the only demo in a folder; raise ConfigurationError where another one runs there."""
    looks = count()

    def patience() -> None:
        if next(looks):
            raise ConfigurationError(
                f"another demo runs in {folder}: end it, or name another folder with --folder"
            )

    with exclusive(folder / LOCK, patience):
        yield


def _check_apart(pictures: Path, target: Path) -> None:
    source, laid = pictures.resolve(), target.resolve()
    if source.is_relative_to(laid) or laid.is_relative_to(source):
        raise ConfigurationError(
            f"the demo's own pictures go to {target}, which is not to be where {pictures} is: "
            "name another folder with --folder"
        )
    if target.exists() and not (target / MARK).is_file():
        raise ConfigurationError(
            f"{target} was not made by a demo, which would replace it: name another folder with "
            "--folder"
        )


def _by_label(pictures: Path) -> dict[str, list[Picture]]:
    by_label: dict[str, list[Picture]] = {}
    for picture in Folder(pictures):
        if picture.label is not None:
            by_label.setdefault(picture.label, []).append(picture)
    if not by_label:
        raise DataError(f"{pictures} holds no labelled folders of pictures")
    few = sorted(label for label, of_label in by_label.items() if len(of_label) < FEWEST)
    if few:
        raise DataError(
            f"{pictures} needs {FEWEST} pictures or more of each category; there are too few of "
            f"{', '.join(few)}"
        )
    return by_label


def _link_category(label: str, pictures: list[Picture], folder: Path) -> list[Picture]:
    """Link a category's pictures; give those that are held out."""
    random.Random(f"{SEED} {label}").shuffle(pictures)  # noqa: S311
    held_out = min(max(1, round(HELD_OUT * len(pictures))), len(pictures) - FEWEST)
    _link(pictures[held_out:], folder / GALLERY)
    _link(pictures[:held_out], folder / QUERIES)
    return pictures[:held_out]


def _link(pictures: Iterable[Picture], folder: Path) -> None:
    for picture in pictures:
        target = folder / picture.id
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(picture.path, target)
        except OSError:  # another disk, or another user's file
            shutil.copyfile(picture.path, target)
