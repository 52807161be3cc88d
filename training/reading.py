"""Pictures of folders as pixels: read and decoded in threads, a bounded way ahead, in order."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from lookalike.catalogue import file_of
from lookalike.catalogue.storage import MAX_FILE_BYTES, read_bytes
from lookalike.errors import DataError, PictureError
from lookalike.overlap import overlapped
from lookalike.picture import PictureContract, check_memory, read_picture
from lookalike.picture.contract import Pixels
from lookalike.progress import track
from lookalike.vectors import Vectors
from training.split import Example, Side

READ_AHEAD = 32  # pictures, beside those that threads are at

Placed = Iterable[tuple[Example, Path]]
Item = TypeVar("Item")
Result = TypeVar("Result")


class PictureReader:
    """Reads pictures that were examined before.

    Args:
        workers: threads that read and decode.
        max_decoded_bytes: limit of the memory for decoding one picture.
        advice: what to do about a picture that is gone, at the end of its error.
    """

    def __init__(self, workers: int, max_decoded_bytes: int, advice: str = "") -> None:
        self._workers, self._max_decoded_bytes = workers, max_decoded_bytes
        self._advice = advice and f": {advice}"

    def ahead(self, read: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Read in threads (OpenCV lets go of the interpreter), a bounded way ahead, in order."""
        with ThreadPoolExecutor(self._workers) as pool:
            yield from overlapped(pool, read, items, self._workers + READ_AHEAD)

    def decoded(self, data: bytes, contract: PictureContract) -> Pixels:
        """Make pixels of a file's bytes; raise PictureError where they are no usable picture."""
        return read_picture(data, contract, max_decoded_bytes=self._max_decoded_bytes)

    def check(self, data: bytes, contract: PictureContract) -> None:
        """Raise PictureError where :meth:`decoded` would by the header, without decoding."""
        check_memory(data, contract, self._max_decoded_bytes)

    def pixels(self, placed: Placed, contract: PictureContract) -> Iterator[Pixels]:
        """Read pictures, each with its root, by a contract: ``uint8[S, S, 3]``, in order.

        Raises:
            DataError: a picture can no longer be read, or is not what it was when it was
                examined; where an example has no digest, whatever is there will do.
        """
        for found in self._tried(placed, contract):
            if isinstance(found, DataError):
                raise found
            yield found

    def pixels_if_there(self, placed: Placed, contract: PictureContract) -> Iterator[Pixels | None]:
        """As :meth:`pixels`, with None for a picture that it would raise at."""
        return (
            None if isinstance(found, DataError) else found
            for found in self._tried(placed, contract)
        )

    def raw_pixels(self, side: Side, contract: PictureContract, size: int) -> Vectors:
        """Read pictures as ``float32[n, size * size * 3]``: what they are without any model.

        Raises:
            DataError: a picture can no longer be read.
        """
        read = self.pixels(side.placed(), msgspec.structs.replace(contract, size=size))
        shown = track(read, "reading pixels", len(side.examples))
        return np.stack([pixels.astype(np.float32).ravel() for pixels in shown])

    def _tried(self, placed: Placed, contract: PictureContract) -> Iterator[Pixels | DataError]:
        return self.ahead(lambda one: self._try(*one, contract), placed)

    def _try(self, example: Example, root: Path, contract: PictureContract) -> Pixels | DataError:
        try:
            data = bytes_of(example, root)
            pixels = self.decoded(data, contract)
        except (OSError, PictureError) as error:
            return DataError(f"{example.path} can no longer be read ({error}){self._advice}")
        if example.sha256 and hashlib.sha256(data).hexdigest() != example.sha256:
            return DataError(f"{example.path} has changed{self._advice}")
        return pixels


def bytes_of(example: Example, root: Path) -> bytes:
    """Read a picture's file.

    Raises:
        PictureTooLarge: it is larger than any file that is read as a picture.
        OSError: it cannot be read, or is no file.
    """
    return read_bytes(file_of(root, example.path).absolute().as_uri(), MAX_FILE_BYTES)
