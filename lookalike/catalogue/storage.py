"""Reading a picture's bytes, and the stamp that belongs to them, wherever its URI points.

Files of this machine are opened directly. Everything else goes through fsspec, whose
file systems are made once a process, where they are first needed: so that this module
can be used in spawned processes, and imports nothing heavy.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lookalike.catalogue import remote
from lookalike.catalogue.picture import Stamp
from lookalike.catalogue.urls import local_path, redacted
from lookalike.errors import ChangingPicture, PictureTooLarge

TRIES = 5
# The largest file that is read as a picture, unless whoever reads has another limit.
MAX_FILE_BYTES = 256 << 20
# A file that was written within the clock tick of its modification time can be written again
# without a change of it. Kernels tick every 10 ms or faster; a time of whole seconds may come
# from a file system that keeps no more, FAT every second one.
TICK_NS = 20_000_000
COARSE_TICK_NS = 2_000_000_000
SECOND_NS = 1_000_000_000

Read = tuple[bytes, Stamp | None]


def read_stamp(uri: str) -> Stamp | None:
    """Give a file's stamp without reading it; None where the storage has none that tells.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be looked at.
        ConfigurationError: nothing installed reads this kind of URI.
    """
    path = local_path(uri)
    if path is None:
        return remote.Object(uri).stamp()
    return _local_stamp(Path(path).stat())


def read_bytes(uri: str, limit: int, seconds: float | None = None) -> bytes:
    """Read a file of at most ``limit`` bytes, once.

    Args:
        uri: where the file is.
        limit: of its size, in bytes.
        seconds: that a remote storage may take; None: any time.

    Raises:
        TimeoutError: it takes longer.
        PictureTooLarge: it has more bytes than that; they are not read.
        FileNotFoundError: there is no such file.
        OSError: it cannot be read, or is no file.
        ConfigurationError: nothing installed reads this kind of URI.
    """
    path = local_path(uri)
    if path is None:
        return _within(limit, uri, remote.Object(uri).read(limit, seconds))
    with _opened(path) as descriptor:
        return _read_all(descriptor, limit, uri)


def read_with_stamp(uri: str, limit: int, listed: Stamp | None = None) -> Read:
    """Read a file once, with the stamp that surely belongs to these bytes.

    A file that is replaced or written to meanwhile is read again: its stamp is taken before
    and after, and a file that is younger than its clock's tick is waited for first.

    Args:
        uri: where the file is.
        limit: of its size, in bytes.
        listed: its stamp as the catalogue has it, which saves a remote storage one request.

    Raises:
        ChangingPicture: it changed during each of several tries.
        PictureTooLarge, FileNotFoundError, OSError, ConfigurationError: as :func:`read_bytes`.
    """
    path = local_path(uri)
    if path is not None:
        return _settled(uri, lambda: _read_local(path, limit, uri))
    file = remote.Object(uri)
    before = listed or file.stamp()

    def read_remote() -> Read | None:
        nonlocal before
        if before is not None and before.size > limit:
            raise _too_large(uri, limit)  # nothing of it need be downloaded to know that
        _let_age(before)
        data = _within(limit, uri, file.read(limit))
        after = before and file.stamp()
        same, before = after == before, after
        return (data, after) if same else None

    return _settled(uri, read_remote)


def open_file(uri: str) -> BinaryIO:
    """Open a file of any size, to be read from within; errors as :func:`read_bytes`."""
    path = local_path(uri)
    return remote.Object(uri).open() if path is None else _open_file(path)


def _settled(uri: str, read: Callable[[], Read | None]) -> Read:
    for attempt in range(TRIES):
        if (found := read()) is not None:
            return found
        time.sleep(0.02 * 2**attempt)
    raise ChangingPicture(f"{redacted(uri)} changed during each of {TRIES} tries to read it")


def _read_local(path: str, limit: int, uri: str) -> Read | None:
    with _opened(path) as descriptor:  # a replaced file stays the one that was opened
        before = os.fstat(descriptor)
        _let_age(_local_stamp(before))
        data = _read_all(descriptor, limit, uri)
        after = os.fstat(descriptor)
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return (data, _local_stamp(after)) if same and len(data) == after.st_size else None


def _let_age(stamp: Stamp | None) -> None:
    """Wait until a change would show in the modification time, where that is all there is."""
    if stamp is None or stamp.modified_ns is None:
        return
    tick = COARSE_TICK_NS if stamp.modified_ns % SECOND_NS == 0 else TICK_NS
    age = time.time_ns() - stamp.modified_ns
    if 0 <= age < tick:
        time.sleep((tick - age) / SECOND_NS)


def _open_file(path: str) -> BinaryIO:
    return os.fdopen(_open(path), "rb")


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """Open a file without Python's buffers, which cost as much as reading a small picture."""
    descriptor = _open(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    """Open a regular file; what is none, such as a pipe, must not make us wait."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, "not a file", path)
    return descriptor


def _read_all(descriptor: int, limit: int, uri: str) -> bytes:
    """Read to the end, or to a byte past the limit."""
    size = os.fstat(descriptor).st_size
    if size > limit:
        raise _too_large(uri, limit)
    data = os.read(descriptor, size + 1)
    if len(data) != size:  # it has grown or shrunk since, or is read piece by piece
        while len(data) <= limit and (more := os.read(descriptor, 1 << 20)):
            data += more
    return _within(limit, uri, data)


def _within(limit: int, uri: str, data: bytes) -> bytes:
    if len(data) > limit:
        raise _too_large(uri, limit)
    return data


def _too_large(uri: str, limit: int) -> PictureTooLarge:
    return PictureTooLarge(f"{redacted(uri)} has more than {limit} bytes")


def _local_stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_size, found.st_mtime_ns)
