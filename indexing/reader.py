"""Reading and decoding, in processes of their own; they import neither TensorFlow nor faiss."""

import hashlib
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

import cv2
import msgspec

from lookalike.errors import PictureError
from lookalike.picture import PictureContract, read_picture
from lookalike.serving.base import Pixels

MISSING = "missing"


class Work(msgspec.Struct, frozen=True):
    """What a reading process needs to know, once."""

    contract: PictureContract
    max_decoded_bytes: int
    known: frozenset[bytes]


class Read(msgspec.Struct, frozen=True):
    """A file that was read: its digest, and its pixels unless they are not needed or not there."""

    sha256: bytes = b""
    pixels: Pixels | None = None
    error_type: str = ""
    error: str = ""


_work: Work


def reading_pool(work: Work, processes: int) -> ProcessPoolExecutor:
    """Start processes that run :func:`read_file`.

    They are spawned, not forked: the parent may hold threads of gRPC and TensorFlow,
    which do not survive a fork.
    """
    return ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_prepare, initargs=(work,)
    )


def read_file(path: Path) -> Read:
    """Read a file once: digest it, and decode those bytes unless their vector is known."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Read(error_type=MISSING, error=error.strerror or str(error))
    sha256 = hashlib.sha256(data).digest()
    if sha256 in _work.known:
        return Read(sha256)
    try:
        pixels = read_picture(data, _work.contract, max_decoded_bytes=_work.max_decoded_bytes)
    except PictureError as error:
        return Read(sha256, error_type=error.type, error=str(error))
    return Read(sha256, pixels)


def _prepare(work: Work) -> None:
    global _work
    _work = work
    cv2.setNumThreads(1)  # the pool is the parallelism
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """A killed parent closes no queue that its processes wait at, since they hold it open too."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
