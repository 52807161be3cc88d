"""A segment's attributes as columns, in one file that is mapped: its format, and reading it.

Every column holds the values of one attribute, or the label, of all rows. Numbers are an
array of float64, NaN where a row has none. Text and truth values are an array of codes: 0
none, 1 false, 2 true, and from 3 on the texts of the column in the order of their UTF-8,
which is that of their characters, so that a range of texts is a range of codes. A column
may have both arrays; a row without a value in either has none.

The arrays come first, each at a multiple of 64 bytes; a footer in JSON says where they are;
its length and a magic word end the file. ``attribute_writer.py`` writes it.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from lookalike.errors import DigestMismatch

MAGIC = b"LKATTR01"
ALIGNMENT = 64
LENGTH_BYTES = 8
NONE, FALSE, TRUE, FIRST_TEXT = 0, 1, 2, 3

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Counts = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


class StoredArray(msgspec.Struct, frozen=True):
    """Where an array lies in the file."""

    type: Literal["u1", "u2", "u4", "u8", "f8"]
    offset: int
    count: int


class StoredText(msgspec.Struct, frozen=True, kw_only=True):
    """Codes of every row; how many rows have each; the texts on end, and where each ends."""

    codes: StoredArray
    counts: StoredArray
    texts: StoredArray
    ends: StoredArray


class StoredNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of every row; how many rows have one; least and most; the count of each of a few."""

    values: StoredArray
    count: int
    least: float
    most: float
    few: list[tuple[float, int]] | None


class StoredColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column; what no row has is None."""

    name: str | None  # None: the label
    text: StoredText | None = None
    numbers: StoredNumbers | None = None


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds."""

    rows: int
    columns: list[StoredColumn]


class Texts:
    """The texts of a column, sorted; mapped, so that a search reads only those it passes."""

    def __init__(self, memory: memoryview, ends: npt.NDArray[np.uint64]) -> None:
        self._memory, self._ends = memory, ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> bytes:
        if not 0 <= number < len(self._ends):
            raise IndexError(number)
        first = int(self._ends[number - 1]) if number else 0
        return bytes(self._memory[first : int(self._ends[number])])

    def __iter__(self) -> Iterator[bytes]:
        return map(self.__getitem__, range(len(self)))

    def text(self, number: int) -> str:
        """Decode a text."""
        return self[number].decode(errors="surrogatepass")

    def before(self, text: str) -> int:
        """Count the texts that come before this one."""
        return bisect_left(self, encoded(text))

    def through(self, text: str) -> int:
        """Count the texts that come before this one, or are it."""
        return bisect_right(self, encoded(text))


class Column:
    """The values of one attribute in one segment.

    Attributes:
        name: of the attribute; None: the label.
        codes: unsigned integers ``[rows]``, or None where no row has text or a truth value.
        counts: how many rows have each code, ``uint64[codes]``.
        texts: of the codes from 3 on.
        numbers: ``float64[rows]``, NaN where there is none, or None where no row has one.
        stored: what the file says of the numbers beside; None where no row has one.
    """

    def __init__(self, memory: memoryview, stored: StoredColumn) -> None:
        self.name = stored.name
        self.codes: Codes | None = None
        self.counts: Counts = np.zeros(FIRST_TEXT, np.uint64)
        self.texts = Texts(memory[:0], np.empty(0, np.uint64))
        self.numbers: Numbers | None = None
        self.stored = stored.numbers
        if stored.text is not None:
            self.codes = _array(memory, stored.text.codes)
            self.counts = _array(memory, stored.text.counts)
            texts = stored.text.texts
            held = memory[texts.offset : texts.offset + texts.count]
            self.texts = Texts(held, _array(memory, stored.text.ends))
        if stored.numbers is not None:
            self.numbers = _array(memory, stored.numbers.values)


class AttributeFile:
    """A written file, mapped; safe to share between threads.

    Attributes:
        rows: how many rows the segment has.
        columns: by the name of their attribute; under None the label.

    Raises:
        DigestMismatch: it is not such a file, or not of so many rows.
    """

    def __init__(self, path: Path, rows: int) -> None:
        memory = _mapped(path)
        footer, end = _footer(path, memory)
        if footer.rows != rows:
            raise DigestMismatch(f"{path} is of {footer.rows} rows, its manifest says {rows}")
        for column in footer.columns:
            _check(path, column, rows, end)
        self.rows = rows
        self.columns = {stored.name: Column(memory, stored) for stored in footer.columns}


def encoded(text: str) -> bytes:
    """Encode any text, lone surrogates too, so that the order stays that of the characters."""
    return text.encode(errors="surrogatepass")


def as_number(value: float) -> float:
    """Give a number as columns hold it: whole ones beyond 2**53 as the nearest double."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # of no double; as a value it counts as missing


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        try:
            return memoryview(mmap(file.fileno(), 0, access=ACCESS_READ))
        except ValueError as error:
            raise DigestMismatch(f"{path} is empty") from error


def _footer(path: Path, memory: memoryview) -> tuple[Footer, int]:
    """Read the footer; give it with its offset, where the arrays end."""
    tail = len(memory) - LENGTH_BYTES - len(MAGIC)
    if tail < 0 or memory[tail + LENGTH_BYTES :] != MAGIC:
        raise DigestMismatch(f"{path} is no file of attributes, or is cut off")
    start = tail - int.from_bytes(memory[tail : tail + LENGTH_BYTES], "little")
    if start < 0:
        raise DigestMismatch(f"{path} has a footer longer than itself")
    try:
        return msgspec.json.decode(memory[start:tail], type=Footer), start
    except msgspec.DecodeError as error:
        raise DigestMismatch(f"{path} has a damaged footer: {error}") from error


def _check(path: Path, column: StoredColumn, rows: int, end: int) -> None:
    """Hold every array against the file's length and the number of rows."""
    counted: list[tuple[StoredArray, int | None]] = []
    if (text := column.text) is not None:
        texts = text.ends.count
        counted += [(text.codes, rows), (text.counts, texts + FIRST_TEXT), (text.ends, texts)]
        counted.append((text.texts, None))
    if column.numbers is not None:
        counted.append((column.numbers.values, rows))
    for stored, count in counted:
        size = np.dtype(stored.type).itemsize
        fits = min(stored.offset, stored.count) >= 0 and stored.offset + stored.count * size <= end
        if not fits or stored.offset % size or count not in (None, stored.count):
            raise DigestMismatch(f"{path}: the column {column.name!r} does not fit into it")


def _array(memory: memoryview, stored: StoredArray) -> npt.NDArray[Any]:
    return np.frombuffer(memory, np.dtype(stored.type), stored.count, stored.offset)
