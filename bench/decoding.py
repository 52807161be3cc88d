"""The least that reading pictures can cost: bare OpenCV in processes that are there already."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from lookalike.picture import PictureContract, inspect_picture
from lookalike.picture.fit import target_size
from lookalike.picture.memory import reduction

FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
HELD_BYTES = 64 << 20  # of encoded pictures, which a process goes through again and again


class Decoders(AbstractContextManager["Decoders"]):
    """Processes that decode and resize, and do nothing else: no file, no digest, no result.

    Args:
        paths: pictures, held in memory by each process.
        contract: says to which size.
        processes: how many.
        reduced: decode at the reduced scale that the picture contract chooses.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        contract: PictureContract,
        processes: int,
        *,
        reduced: bool,
    ) -> None:
        header = inspect_picture(paths[0].read_bytes())
        flags = FLAGS[reduction(header, contract) if reduced else 1]
        size = target_size(header.size, contract)
        context = get_context("spawn")
        held = paths[: max(1, HELD_BYTES // paths[0].stat().st_size)]
        pipes = [context.Pipe() for _ in range(processes)]
        self._connections = [ours for ours, _ in pipes]
        self._processes = [
            context.Process(target=_decode, args=(theirs, held, flags, size), daemon=True)
            for _, theirs in pipes
        ]
        for process in self._processes:
            process.start()
        for connection in self._connections:
            connection.recv()

    def run(self, count: int) -> list[int]:
        """Decode ``count`` pictures, shared out evenly; give how many each process decoded."""
        share, over = divmod(count, len(self._connections))
        for number, connection in enumerate(self._connections):
            connection.send(share + (number < over))
        return [connection.recv() for connection in self._connections]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.join()


def _decode(
    connection: Connection, paths: Sequence[Path], flags: int, size: tuple[int, int]
) -> None:
    cv2.setNumThreads(1)
    held = [np.frombuffer(path.read_bytes(), np.uint8) for path in paths]
    connection.send(None)
    while True:
        decoded = 0
        for number in range(connection.recv()):
            pixels = cv2.imdecode(held[number % len(held)], flags)
            assert pixels is not None
            cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            decoded += 1
        connection.send(decoded)
