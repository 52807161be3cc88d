"""The reading process: bytes, digest, pixels into shared memory.

It imports neither TensorFlow nor faiss nor grpc nor pyarrow, so that as many as there are
cores start in no time and stay small.
"""

import hashlib
import os
import queue
import signal
import threading
import time
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

import cv2
import msgspec

from indexing.extraction import heap, messages, stamps
from indexing.extraction.blocks import PixelBlocks
from indexing.extraction.known import KnownDigests
from indexing.extraction.messages import Found, Reply, Request, Wanted
from lookalike.catalogue.picture import Stamp
from lookalike.catalogue.storage import read_stamp, read_with_stamp
from lookalike.catalogue.urls import redacted
from lookalike.errors import LookalikeError, PictureError, PictureTooLarge
from lookalike.picture import PictureContract, read_picture
from lookalike.picture.contract import Pixels

MISSING = "missing"
UNREADABLE = "unreadable"
DETAIL_CHARACTERS = 500
THE_FILE = "the file"


class Work(msgspec.Struct, frozen=True):
    """How pictures are read, and which vectors are known."""

    contract: PictureContract
    max_file_bytes: int
    max_decoded_bytes: int
    known: KnownDigests


def serve(connection: Connection, blocks: PixelBlocks, work: Work) -> None:
    """Answer requests until the job closes its end of the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the job is interrupted, and ends this process
    cv2.setNumThreads(1)  # the pool is the parallelism
    heap.keep_freed_memory()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    # A thread of its own sends, so that this process always gets round to its next request:
    # were both ends to wait for the other to receive, neither would ever go on.
    replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_send, args=(connection, replies), daemon=True).start()
    replies.put(messages.READY)
    while True:
        try:
            request = messages.decode_request(connection.recv_bytes())
        except (EOFError, ConnectionResetError):
            return
        replies.put(messages.encode(answer(request, blocks[request.block], work)))


def answer(request: Request, slots: Pixels, work: Work) -> Reply:
    """Read a request's pictures; those with pixels fill ``slots`` without gaps."""
    started, free, found = time.perf_counter(), request.first, []
    for picture in request.pictures:
        item = read(picture, slots[free], work)
        free += item.kind == "pixels"
        found.append(item)
    return Reply(found, time.perf_counter() - started)


def read(picture: Wanted, slot: Pixels, work: Work) -> Found:
    """Read one picture, into ``slot`` unless its vector is known."""
    try:
        if picture.expected and stamps.same(picture.expected, read_stamp(picture.uri)):
            return Found(kind="same")
        data, stamp = read_with_stamp(picture.uri, work.max_file_bytes, picture.listed)
    except FileNotFoundError:
        return Found(kind="missing", type=MISSING, detail="it is not where the catalogue says")
    except PictureTooLarge as error:
        stamp = _stamp_of_too_large(picture, work.max_file_bytes)
        return msgspec.structs.replace(_rejected(error, picture.uri), stamp=stamp)
    except LookalikeError as error:  # never the same, of a kind that nothing reads
        return _rejected(error, picture.uri)
    except OSError as error:
        # Without a stamp: storage that fails today may not tomorrow, so it is tried again.
        detail = error.strerror or _detail(error, picture.uri)
        return Found(kind="rejected", type=UNREADABLE, detail=detail)
    digest = hashlib.sha256(data).digest()
    if digest in work.known:
        return Found(kind="known", sha256=digest, stamp=stamp)
    try:
        read_picture(data, work.contract, max_decoded_bytes=work.max_decoded_bytes, out=slot)
    except PictureError as error:
        rejected = _rejected(error, picture.uri)
        return msgspec.structs.replace(rejected, sha256=digest, stamp=stamp)
    return Found(kind="pixels", sha256=digest, stamp=stamp)


def _stamp_of_too_large(picture: Wanted, limit: int) -> Stamp | None:
    """Give the stamp of a file that is not to be tried again as it is; None where it may be."""
    try:
        stamp = picture.listed or read_stamp(picture.uri)
    except OSError:
        return None
    # Of a smaller one that was listed the file has changed since.
    return stamp if stamp is not None and stamp.size > limit else None


def _rejected(error: LookalikeError, uri: str) -> Found:
    return Found(kind="rejected", type=error.type, detail=_detail(error, uri))


def _detail(error: Exception, uri: str) -> str:
    """Say what is wrong with a file, and not where it is: that stands beside, by its id."""
    words = str(error).replace(uri, THE_FILE).replace(redacted(uri), THE_FILE)
    return words[:DETAIL_CHARACTERS]


def _send(connection: Connection, replies: "queue.SimpleQueue[bytes]") -> None:
    try:
        while True:
            connection.send_bytes(replies.get())
    except (BrokenPipeError, ConnectionResetError):
        return  # the job has ended


def _end_with_the_parent() -> None:
    """A killed parent may leave a process in a decoder, where it notices nothing."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
