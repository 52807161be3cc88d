"""The pictures of one segment, in a file that is written once and mapped from then on.

    rows        one after the other, sorted by id: each a PictureRow in MessagePack
    zeros       up to a multiple of 8 bytes
    places      uint64[n + 1]: where each row begins, and where the last one ends
    FORMAT, n   8 bytes, and a uint64; numbers are little-endian

A search reads the rows that it found where they lie, without a lock or a cache of them.
"""

import mmap
import shutil
import struct
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import msgspec

from lookalike.errors import DataError, DigestMismatch
from lookalike.index.picture_row import PictureRow

FORMAT = b"LKROWS01"
FOOTER = struct.Struct("<8sQ")
PLACE = struct.Struct("<Q")


class _Id(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """As much of a row as it is found by."""

    id: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PictureRow).decode
_decode_id = msgspec.msgpack.Decoder(_Id).decode


class PictureWriter:
    """Writes one segment's pictures, in the order of its vectors, which is that of their ids.

    Rows stream through. To be used in a ``with`` statement, at whose end the file is complete.

    Raises:
        DataError: two rows have one id.
        ValueError: the rows are not sorted.
    """

    def __init__(self, path: Path) -> None:
        with ExitStack() as unless_opened:
            self._file = unless_opened.enter_context(path.open("wb"))
            # Of a large segment these would be much to keep in memory.
            self._places = unless_opened.enter_context(tempfile.TemporaryFile(dir=path.parent))
            self._files = unless_opened.pop_all()
        self._last, self._end, self.rows = "", 0, 0

    def add(self, picture: PictureRow) -> None:
        """Add the next row."""
        if picture.id <= self._last and self.rows:
            self._refuse(picture.id)
        self._last = picture.id
        data = _encode(picture)
        self._file.write(data)
        self._places.write(PLACE.pack(self._end))
        self._end += len(data)
        self.rows += 1

    def _refuse(self, name: str) -> None:
        if name == self._last:
            raise DataError(f"the catalogue names the picture {name!r} twice")
        raise ValueError(f"rows are sorted by id, and {name!r} came after {self._last!r}")

    def _finish(self) -> None:
        self._places.write(PLACE.pack(self._end))
        self._places.seek(0)
        self._file.write(bytes(-self._end % PLACE.size))
        shutil.copyfileobj(self._places, self._file)
        self._file.write(FOOTER.pack(FORMAT, self.rows))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._files:
            if kind is None:
                self._finish()


def write_pictures(path: Path, rows: Iterable[PictureRow]) -> int:
    """Write the rows of one segment, streaming; give how many there are.

    Raises:
        DataError: two pictures have one id.
        ValueError: the rows are not sorted by id.
    """
    with PictureWriter(path) as writer:
        for row in rows:
            writer.add(row)
    return writer.rows


class PictureFile:
    """Reads the pictures of one segment; safe to share between threads.

    Attributes:
        count: how many there are.

    Raises:
        DigestMismatch: the file is none of pictures, or damaged. Also of each method.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            try:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as error:
                raise self._damaged("it is empty") from error
        self._rows = memoryview(self._map)
        self._places, self.count = self._read_places()

    def _read_places(self) -> tuple[memoryview, int]:
        end = len(self._rows) - FOOTER.size
        if end < 0:
            raise self._damaged("it is too short")
        found, count = FOOTER.unpack(self._rows[end:])
        start = end - (count + 1) * PLACE.size
        if found != FORMAT or start < 0 or sys.byteorder != "little":
            raise self._damaged("its end is another format's")
        return self._rows[start:end].cast("Q"), count

    def row(self, number: int) -> PictureRow:
        """Read the picture at a row position."""
        try:
            return _decode(self._rows[self._places[number] : self._places[number + 1]])
        except msgspec.MsgspecError as error:
            raise self._damaged(error) from error

    def find(self, ids: Sequence[str]) -> dict[str, int]:
        """Give the row positions of those of the ids that are here."""
        numbers = range(self.count)
        found = {name: bisect_left(numbers, name, key=self._id) for name in ids}
        return {
            name: number
            for name, number in found.items()
            if number < self.count and self._id(number) == name
        }

    def _id(self, number: int) -> str:
        try:
            return _decode_id(self._rows[self._places[number] : self._places[number + 1]]).id
        except msgspec.MsgspecError as error:
            raise self._damaged(error) from error

    def digests(self, wanted: Set[bytes]) -> set[bytes]:
        """Give those of some SHA-256 that a row here has: all rows are read through."""
        return {row.sha256 for row in self if row.sha256 in wanted}

    def __iter__(self) -> Iterator[PictureRow]:
        """Stream all rows, in order."""
        return map(self.row, range(self.count))

    def close(self) -> None:
        """Close the file."""
        self._places.release()
        self._rows.release()
        self._map.close()

    def _damaged(self, why: object) -> DigestMismatch:
        return DigestMismatch(f"{self._path} is no file of a segment's pictures: {why}")
