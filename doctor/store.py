"""The store: whether it is there, and may be read and written."""

import os
from collections.abc import Iterator
from pathlib import Path

from doctor import machine
from doctor.finding import Finding, ok, warning, wrong
from doctor.rights import ENTERED, READ, WRITTEN, is_there, refused
from doctor.waiting import waiting
from lookalike.errors import StoreError
from lookalike.settings import Settings
from lookalike.store import Location, abandoned, open_models

PARTS = ("features", "indexes", "ledgers", "models", "requests", "training")


def store(settings: Settings) -> Iterator[Finding]:
    """Look whether the store is there, and can be read and written to."""
    location = Location(settings.store)
    folder = location.local
    if folder is None:
        with waiting(f"asking {settings.store}"):
            there = location.has_bucket()
            open_models(settings.store, settings.model).versions()
        yield ok("store", f"{settings.store} answers") if there else _no_bucket(settings)
    elif not folder.exists():
        advice = "name it in LOOKALIKE_STORE; 'lookalike export-model' makes it"
        yield wrong("store", f"there is no folder {folder}", advice, StoreError)
    elif not folder.is_dir():
        yield wrong("store", f"{folder} is a file", "name a folder in LOOKALIKE_STORE", StoreError)
    else:
        yield from _on_disk(folder, settings)


def _no_bucket(settings: Settings) -> Finding:
    advice = "make it, or name another in LOOKALIKE_STORE"
    return wrong("store", f"there is no bucket of {settings.store}", advice, StoreError)


def _on_disk(folder: Path, settings: Settings) -> Iterator[Finding]:
    closed = [_closed(one) for one in _folders(folder, settings) if _closed(one)]
    only_read = [one for one in _folders(folder, settings) if WRITTEN in refused(one)]
    if closed:
        advice = "give it to the user that runs Lookalike (chown), or run as the one whose it is"
        yield wrong("store", "; ".join(closed), advice, StoreError)
    elif only_read:
        advice = "that is right for a service; jobs, and pictures that are put or deleted, need it"
        yield warning("store", f"{_named(only_read)} can only be read", advice)
    else:
        advice = "make room ('lookalike index prune'), or name another disk in LOOKALIKE_STORE"
        yield machine.room("store", folder, f"{folder} can be written to", advice)
        yield from _leftovers(folder)


def _folders(root: Path, settings: Settings) -> list[Path]:
    """Name the folders that programs read and write in, those that are there."""
    named = [f"indexes/{settings.index}", f"models/{settings.model}"]
    return [root, *(root / name for name in sorted([*PARTS, *named]) if is_there(root / name))]


def _closed(folder: Path) -> str:
    """Say how a folder is closed to this user; empty where it can be read."""
    words = [word for word in refused(folder) if word in (READ, ENTERED)]
    return f"{folder} may not be {' or '.join(words)} by user {os.getuid()}" if words else ""


def _named(folders: list[Path]) -> str:
    more = f" and {len(folders) - 1} more" if len(folders) > 1 else ""
    return f"{folders[0]}{more}"


def _leftovers(folder: Path) -> Iterator[Finding]:
    """Tell of what killed writers left; each lies beside what it was to become."""
    try:
        found = abandoned(folder)
    except PermissionError as error:
        said = f"what killed writers left cannot be told: {error.filename} is another user's"
        yield warning("store", said, "ask as the user whose it is, to know")
        return
    if found:
        said = f"killed writers left {_named(found)}, which nothing reads"
        yield warning("store", said, "the next job that writes there clears it away")
