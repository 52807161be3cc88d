"""The pictures of one segment, in a file that is written once and mapped from then on.

    rows        one after the other, sorted by id: each a PictureRow in MessagePack, or in JSON
                where one of its attributes is a whole number of more than 64 bits
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
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import ExitStack
from pathlib import Path
from typing import Generic, Self, TypeVar

import msgspec

from lookalike.errors import DataError, DigestMismatch
from lookalike.index.picture_row import PictureRow

FORMAT = b"LKROWS01"
FOOTER = struct.Struct("<8sQ")
PLACE = struct.Struct("<Q")
JSON_ARRAY = b"["
DAMAGE = msgspec.MsgspecError, UnicodeDecodeError, RecursionError


class _Id(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """As much of a row as it is found by."""

    id: str


Part = TypeVar("Part", PictureRow, _Id)

_encode = msgspec.msgpack.Encoder().encode


class _Decoders(Generic[Part]):
    """Reads rows as far as a type goes."""

    def __init__(self, part: type[Part]) -> None:
        self.usual: Callable[[memoryview], Part] = msgspec.msgpack.Decoder(part).decode
        self.json: Callable[[memoryview], Part] = msgspec.json.Decoder(part).decode


_row, _found_by = _Decoders(PictureRow), _Decoders(_Id)


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
        data = _encoded(picture)
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


def _encoded(picture: PictureRow) -> bytes:
    try:
        return _encode(picture)
    except OverflowError:
        return msgspec.json.encode(picture)


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
        places = self._rows[start:end].cast("Q")
        if places[0] != 0 or not start - PLACE.size < places[count] <= start:
            raise self._damaged("its rows and its places do not meet")
        return places, count

    def row(self, number: int) -> PictureRow:
        """Read the picture at a row position."""
        return self._read(number, _row)

    def find(self, ids: Sequence[str]) -> dict[str, int]:
        """Give the row positions of those of the ids that are here."""
        found, start = {}, 0
        # As far apart as they lie if they lie evenly: few steps for one id, and for all of them.
        step = max(1, self.count // (2 * len(ids))) if ids else 1
        for name in sorted(ids):
            start = self._first_from(name, start, step)
            if start < self.count and self._id(start) == name:
                found[name] = start
        return found

    def _first_from(self, name: str, start: int, step: int) -> int:
        """Find the first row from ``start`` on whose id is not before a name's."""
        end = start + step
        while end < self.count and self._id(end) < name:
            start, step = end + 1, 2 * step
            end += step
        return bisect_left(range(self.count), name, start, min(end, self.count), key=self._id)

    def _id(self, number: int) -> str:
        return self._read(number, _found_by).id

    def _read(self, number: int, decoders: _Decoders[Part]) -> Part:
        data = self._rows[self._places[number] : self._places[number + 1]]
        try:
            return decoders.usual(data)
        except DAMAGE as error:
            # To MessagePack this is a number: nothing that it takes for a row begins so.
            if data[:1] != JSON_ARRAY:
                raise self._damaged(error) from error
        try:
            return decoders.json(data)
        except DAMAGE as error:
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
