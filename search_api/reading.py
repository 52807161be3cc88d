"""Files of the catalogue, read on threads that no search waits for, within a caller's time."""

import hashlib
from collections.abc import Callable

import gevent

from lookalike.catalogue.storage import read_bytes
from lookalike.errors import DeadlineExceeded, LookalikeError, PictureUnreadable
from lookalike.index import PictureRow
from search_api.apart import run_reading
from search_api.caller import Caller
from search_api.capacity import Capacity

TOO_SLOW = "the storage of the pictures takes too long"


def read_indexed(picture: PictureRow, capacity: Capacity, caller: Caller) -> bytes:
    """Read the file of a picture of the index.

    Raises:
        PictureUnreadable: its storage cannot be read, or has another file by now.
        DeadlineExceeded, CallerGone: as of :func:`read_file`.
    """

    def read() -> bytes:
        data = _read(picture.uri, picture.id, capacity, caller)
        if hashlib.sha256(data).digest() != picture.sha256:
            raise PictureUnreadable(f"the file of {picture.id!r} is another one than was indexed")
        return data

    return _in_time(read, caller)


def read_file(uri: str, name: str, capacity: Capacity, caller: Caller) -> bytes:
    """Read a file of the catalogue.

    Args:
        uri: where it is, which no answer tells.
        name: the picture's id.
        capacity: how large it may be.
        caller: who waits for it.

    Raises:
        PictureUnreadable: its storage cannot be read.
        DeadlineExceeded: its storage takes too long.
        CallerGone: nobody wants it any more.
    """
    return _in_time(lambda: _read(uri, name, capacity, caller), caller)


def _in_time(read: Callable[[], bytes], caller: Caller) -> bytes:
    # A disk of the network knows no time: whoever waits for it, or for a thread, stops waiting.
    with gevent.Timeout(caller.left(), DeadlineExceeded(TOO_SLOW)):
        return run_reading(read)


def _read(uri: str, name: str, capacity: Capacity, caller: Caller) -> bytes:
    left = caller.left()
    try:
        return read_bytes(uri, capacity.file_bytes, left)
    except TimeoutError as error:
        raise DeadlineExceeded(TOO_SLOW) from error
    except (OSError, LookalikeError) as error:
        raise PictureUnreadable(f"the file of {name!r} cannot be read here") from error
