"""One mover of ``CURRENT`` at a time, on a local disk and on an object store alike."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from lookalike.errors import PublishConflict
from lookalike.store import files
from lookalike.store.location import Location

LOCK = "PUBLISHING"
# Moving CURRENT takes well under a second; a lock this old was left by a killed process.
STALE_SECONDS = 60.0
WAIT_SECONDS = 90.0
POLL_SECONDS = 0.2


@contextmanager
def publishing(location: Location) -> Iterator[None]:
    """Be the only one who moves ``CURRENT`` below ``location`` meanwhile.

    Raises:
        PublishConflict: another process has held an object store's lock for too long.
    """
    if location.local is not None:
        with files.exclusive(location.local / f".{LOCK}{files.LOCK}"):
            yield
        return
    owner = _take(location)
    try:
        yield
    finally:
        if _holder(location) == owner:  # not who found it stale
            location.remove(LOCK)


def _take(location: Location) -> str:
    deadline = time.monotonic() + WAIT_SECONDS
    owner = f"{time.time():.0f} {socket.gethostname()} {os.getpid()} {uuid4().hex}"
    while True:
        try:
            location.create(LOCK, owner.encode())
        except FileExistsError as error:
            _clear_stale(location)
            if time.monotonic() > deadline:
                raise PublishConflict(
                    f"another process holds {location.path(LOCK)}; run the job again, or remove "
                    "that file if no other job runs"
                ) from error
        time.sleep(POLL_SECONDS)
        # Who cleared a stale lock at the same moment may have taken this one for it.
        if _holder(location) == owner:
            return owner


def _clear_stale(location: Location) -> None:
    taken = _holder(location).partition(" ")[0]
    if taken and time.time() - float(taken) > STALE_SECONDS:
        location.remove(LOCK)


def _holder(location: Location) -> str:
    try:
        return location.read(LOCK).decode()
    except FileNotFoundError:
        return ""
