"""Reading processes with a decoder that crashes, as one written in C may."""

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from indexing.extraction import reader
from indexing.extraction.blocks import PixelBlocks
from indexing.extraction.reader import Work
from lookalike.picture import read_picture

DEADLY, ONCE, HANGING = b"deadly", b"once ", b"hanging"


def serve(connection: Connection, blocks: PixelBlocks, work: Work) -> None:
    reader.read_picture = decode  # type: ignore[assignment]
    reader.serve(connection, blocks, work)


def decode(data: bytes, *arguments: object, **options: object) -> object:
    if data.startswith(DEADLY):
        os.kill(os.getpid(), signal.SIGSEGV)
    if data.startswith(HANGING):
        time.sleep(1000)
    if data.startswith(ONCE):
        died = Path(data[len(ONCE) :].decode()) / "died"
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return read_picture(data, *arguments, **options)  # type: ignore[arg-type]


def cannot_start(connection: Connection, blocks: PixelBlocks, work: Work) -> None:
    sys.exit(7)
