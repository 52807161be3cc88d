"""What a failure to write means: a disk that is full, or forbidden, is the user's to mend."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.errors import StoreError, StoreFull

# The disk, the user's quota, the largest file that is allowed.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FORBIDDEN = frozenset({errno.EROFS, errno.EACCES})
# A file where a folder is to be, or a link that leads to itself.
MISPLACED = frozenset({errno.ENOTDIR, errno.EEXIST, errno.ELOOP})


@contextmanager
def room_needed(where: str) -> Iterator[None]:
    """Raise StoreFull where something cannot be written for want of room."""
    try:
        yield
    except (OSError, sqlite3.OperationalError, RuntimeError) as error:
        if not _for_want_of_room(error):
            raise
        raise StoreFull(
            f"there is no room below {where} ({error}): make some and run the same command "
            "again, which goes on where this one ended"
        ) from error


@contextmanager
def rights_needed() -> Iterator[None]:
    """Raise StoreError where a file may not be read or written, or cannot be where it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in FORBIDDEN | MISPLACED:
            raise
        what = error.filename or "a file"
        advice = (
            "see to its rights" if error.errno in FORBIDDEN else "is it the path that is meant?"
        )
        raise StoreError(f"{what} cannot be used ({error.strerror}): {advice}") from error


def _for_want_of_room(error: Exception) -> bool:
    """Tell it of an error of the system, of SQLite, or of faiss, which has only a message."""
    if isinstance(error, OSError):
        return error.errno in FULL
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return any(os.strerror(number) in str(error) for number in FULL)
