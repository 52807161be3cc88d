"""Durable, atomic file operations on a local disk."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from lookalike.errors import StoreError

DRAFT = ".draft-"
LOCK = ".lock"
POLL_SECONDS = 0.2
# A folder may hold millions of files, and looking through it takes a second: whoever writes file
# by file does so at the first of them, and then once in so long.
CLEAR_SECONDS = 3600.0

_cleared: dict[Path, float] = {}

# Raises, on behalf of whoever waits for a lock, what says that they wait no longer.
Patience = Callable[[], object]


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, so that a reader or a crash sees the old file or the new one."""
    with _draft_of_a_file(path.parent) as draft:  # so that a killed writer's is cleared away
        written = draft / path.name
        written.write_bytes(data)
        sync(written)
        written.replace(path)
    sync(path.parent)


def create_file(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, whole or not at all; raise FileExistsError where a file is."""
    with _draft_of_a_file(path.parent) as draft:
        written = draft / path.name
        written.write_bytes(data)
        sync(written)
        path.hardlink_to(written)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush one file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush everything below ``folder``, and the folder itself, to the disk."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, so that a power failure takes none of them away."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def inside(folder: Path, name: str) -> Path:
    """Resolve a manifest's path; a hostile manifest must not write outside of ``folder``.

    Raises:
        StoreError: it would.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise StoreError(f"the manifest names a file outside of its version: {name!r}")
    return path


@contextmanager
def draft_folder(parent: Path) -> Iterator[Path]:
    """Give an empty folder beside the versions to build one in; it is gone afterwards.

    The owner holds a lock on it, so that the drafts of killed processes can be told
    from live ones; each new draft clears those away.
    """
    make_folder(parent)
    _clear_abandoned(parent)
    with _draft(parent) as draft:
        yield draft


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """Give an empty folder for what this run needs and nobody after it; it is gone afterwards.

    Args:
        parent: where it is, so that the next run clears away what a killed one left; None: among
            the system's temporary files, for what is small or not ours to place.
    """
    if parent is not None:
        with draft_folder(parent) as draft:
            yield draft
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


@contextmanager
def _draft_of_a_file(parent: Path) -> Iterator[Path]:
    """As :func:`draft_folder`, without looking through the folder for each file."""
    make_folder(parent)
    now = time.monotonic()
    if now - _cleared.get(parent, -CLEAR_SECONDS) >= CLEAR_SECONDS:
        _clear_abandoned(parent)
        _cleared[parent] = now
    with _draft(parent) as draft:
        yield draft


@contextmanager
def _draft(parent: Path) -> Iterator[Path]:
    draft = parent / f"{DRAFT}{uuid4().hex}"
    with _locked(draft.with_name(f"{draft.name}{LOCK}")) as lock:
        draft.mkdir()
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            Path(lock.name).unlink(missing_ok=True)


def abandoned(root: Path) -> list[Path]:
    """Name the drafts anywhere below a folder whose writers were killed; nothing is changed."""
    locks = sorted(root.rglob(f"{DRAFT}*{LOCK}"))
    return [lock.with_name(lock.name.removesuffix(LOCK)) for lock in locks if not _is_held(lock)]


@contextmanager
def exclusive(path: Path, patience: Patience | None = None) -> Iterator[None]:
    """Hold the lock file at ``path``, waiting for whoever has it; processes and threads alike.

    Args:
        path: of the lock.
        patience: is asked now and then; None: it is waited for however long that takes.
    """
    make_folder(path.parent)
    with _locked(path, patience):
        yield


@contextmanager
def _locked(path: Path, patience: Patience | None = None) -> Iterator[IO[bytes]]:
    while True:
        with path.open("ab") as lock:
            _wait_for(lock, patience)
            if not _is_at(lock, path):
                continue  # cleared away between the two lines: that lock guards nothing
            yield lock
            return


def _wait_for(lock: IO[bytes], patience: Patience | None) -> None:
    if patience is None:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return
    while True:
        patience()
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(POLL_SECONDS)


def _clear_abandoned(parent: Path) -> None:
    for path in parent.glob(f"{DRAFT}*{LOCK}"):
        # Not made anew where its owner has just removed it.
        with suppress(FileNotFoundError, BlockingIOError), path.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by an owner that lives
            if _is_at(lock, path):
                shutil.rmtree(path.with_name(path.name.removesuffix(LOCK)), ignore_errors=True)
                path.unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    """Tell whether a draft's owner lives, or has just put it into its place."""
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return True
    return False


def _is_at(lock: IO[bytes], path: Path) -> bool:
    """Tell whether an open file is the one at ``path`` still."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False
