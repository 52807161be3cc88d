"""One column of a segment's attributes as it is written (``attribute_writer.py``)."""

import heapq
from array import array
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from lookalike.catalogue import Attribute
from lookalike.index import columns
from lookalike.index.columns import (
    FALSE,
    FIRST_TEXT,
    NONE,
    TRUE,
    StoredArray,
    StoredColumn,
    StoredNumbers,
    StoredText,
)

BLOCK_ROWS = 8192
# Different numbers of a column that are counted one by one.
FEW_NUMBERS = 64


class Block(msgspec.Struct, frozen=True):
    """Where a block of a column lies in the temporary file; None: no row of it has any."""

    codes: int | None  # offset of uint16[BLOCK_ROWS]
    texts: int  # offset of uint32 ends of the texts, then the texts on end
    count: int  # of the texts
    numbers: int | None  # offset of float64[BLOCK_ROWS]


class ColumnWriter:
    """A column that is being written: the values of the present block, and past blocks' places."""

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}
        self._few: dict[float, int] | None = {}
        self._least, self._most, self._numbered = np.inf, -np.inf, 0
        self._clear()

    def put(self, place: int, value: Attribute) -> None:
        """Set the value of a row of the present block."""
        if isinstance(value, str):
            self._codes[place] = self._seen.setdefault(value, FIRST_TEXT + len(self._seen))
        elif isinstance(value, bool):
            self._codes[place] = TRUE if value else FALSE
        elif value is not None:
            self._numbers[place] = columns.as_number(value)

    def end_block(self, number: int, spool: IO[bytes]) -> None:
        """Move the present block into the temporary file."""
        block = self._spooled(spool)
        if block is not None:
            self._blocks[number] = block
        self._clear()

    def write(
        self, name: str | None, memory: memoryview, rows: int, output: "Output"
    ) -> StoredColumn:
        """Write the column's arrays; say where they are."""
        held = self._blocks.values()
        texts = any(block.codes is not None for block in held)
        numbers = any(block.numbers is not None for block in held)
        return StoredColumn(
            name=name,
            text=self._write_codes(memory, rows, output) if texts else None,
            numbers=self._write_numbers(memory, rows, output) if numbers else None,
        )

    def _clear(self) -> None:
        self._seen: dict[str, int] = {}
        self._codes = np.zeros(BLOCK_ROWS, np.uint16)
        self._numbers = np.full(BLOCK_ROWS, np.nan)

    def _spooled(self, spool: IO[bytes]) -> Block | None:
        numbers = self._finite()
        has_codes = bool(self._codes.any())
        if not has_codes and numbers is None:
            return None
        texts, count, codes = 0, len(self._seen), None
        if has_codes:
            ranked, order = _ranked(self._seen)
            texts = _append(spool, *_laid_out(order))
            codes = _append(spool, ranked[self._codes].tobytes())
        placed = None if numbers is None else _append(spool, numbers.tobytes())
        return Block(codes, texts, count, placed)

    def _finite(self) -> columns.Numbers | None:
        """Give the block's numbers, those that are none as NaN; None where there are none."""
        held = np.isfinite(self._numbers)
        if not held.any():
            return None
        values = self._numbers[held]
        self._least = min(self._least, float(values.min()))
        self._most = max(self._most, float(values.max()))
        self._numbered += len(values)
        self._count(values)
        return np.where(held, self._numbers, np.nan)

    def _count(self, values: columns.Numbers) -> None:
        if self._few is None:
            return
        for value, count in zip(*np.unique_counts(values), strict=True):
            self._few[float(value)] = self._few.get(float(value), 0) + int(count)
        if len(self._few) > FEW_NUMBERS:
            self._few = None

    def _write_codes(self, memory: memoryview, rows: int, output: "Output") -> StoredText:
        held = {number: block for number, block in self._blocks.items() if block.codes is not None}
        whole = {number: array("I", range(FIRST_TEXT)) for number in held}
        texts, ends = output.texts(_numbered(memory, held, whole))
        code = np.dtype(next(t for t in ("u1", "u2", "u4") if _most(t) >= len(ends) + FIRST_TEXT))
        counts = np.zeros(len(ends) + FIRST_TEXT, np.uint64)

        def blocks() -> Iterator[npt.NDArray[Any]]:
            for number, count in _blocks_of(rows):
                if number not in held:
                    codes = np.full(count, NONE, code)
                else:
                    own = _read(memory, np.uint16, held[number].codes or 0, count)
                    codes = np.frombuffer(whole[number], np.uint32)[own].astype(code)
                found, times = np.unique_counts(codes)
                counts[found] += times.astype(np.uint64)
                yield codes

        return StoredText(
            texts=texts,
            ends=output.array([ends], np.dtype("u8")),
            codes=output.array(blocks(), code),
            counts=output.array([counts], np.dtype("u8")),
        )

    def _write_numbers(self, memory: memoryview, rows: int, output: "Output") -> StoredNumbers:
        def blocks() -> Iterator[npt.NDArray[Any]]:
            for number, count in _blocks_of(rows):
                block = self._blocks.get(number)
                if block is None or block.numbers is None:
                    yield np.full(count, np.nan)
                else:
                    yield _read(memory, np.float64, block.numbers, count)

        return StoredNumbers(
            values=output.array(blocks(), np.dtype("f8")),
            count=self._numbered,
            least=self._least,
            most=self._most,
            few=None if self._few is None else sorted(self._few.items()),
        )


class Output:
    """The file being written, array after array."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def array(self, parts: Iterable[npt.NDArray[Any]], kind: np.dtype[Any]) -> StoredArray:
        """Write the parts of one array."""
        offset, count = self._aligned(), 0
        for part in parts:
            self._file.write(part.tobytes())
            count += len(part)
        return StoredArray(kind.str[1:], offset, count)  # type: ignore[arg-type]

    def texts(self, sorted_texts: Iterable[bytes]) -> tuple[StoredArray, npt.NDArray[np.uint64]]:
        """Write texts on end; give where they are and where each of them ends."""
        offset, end, ends = self._aligned(), 0, array("Q")
        for text in sorted_texts:
            self._file.write(text)
            end += len(text)
            ends.append(end)
        return StoredArray("u1", offset, end), np.frombuffer(ends, np.uint64)

    def _aligned(self) -> int:
        self._file.write(bytes(-self._file.tell() % columns.ALIGNMENT))
        return self._file.tell()


def _ranked(seen: Mapping[str, int]) -> tuple[npt.NDArray[np.uint16], list[bytes]]:
    """Sort the texts of a block; give what each code becomes, and the texts in order."""
    order = sorted((columns.encoded(text), code) for text, code in seen.items())
    ranked = np.arange(FIRST_TEXT + len(order), dtype=np.uint16)
    ranked[[code for _, code in order]] = np.arange(FIRST_TEXT, len(ranked), dtype=np.uint16)
    return ranked, [text for text, _ in order]


def _laid_out(texts: list[bytes]) -> tuple[bytes, bytes]:
    return np.cumsum([len(text) for text in texts], dtype=np.uint32).tobytes(), b"".join(texts)


def _numbered(
    memory: memoryview, blocks: Mapping[int, Block], whole: Mapping[int, "array[int]"]
) -> Iterator[bytes]:
    """Merge the texts of blocks; append to each block's ``whole`` the codes of the column."""
    streams = [_texts(memory, block, number) for number, block in blocks.items()]
    code, last = FIRST_TEXT - 1, None
    for text, number in heapq.merge(*streams, key=itemgetter(0)):
        if text != last:
            code, last = code + 1, text
            yield text
        whole[number].append(code)


def _texts(memory: memoryview, block: Block, number: int) -> Iterator[tuple[bytes, int]]:
    """Read the texts of a block one by one, however many blocks are being read."""
    start = first = block.texts + 4 * block.count
    for end in memory[block.texts : start].cast("I"):
        yield bytes(memory[first : start + end]), number
        first = start + end


def _blocks_of(rows: int) -> Iterator[tuple[int, int]]:
    """Give the blocks' numbers, each with its number of rows."""
    for number, first in enumerate(range(0, rows, BLOCK_ROWS)):
        yield number, min(BLOCK_ROWS, rows - first)


def _append(spool: IO[bytes], *parts: bytes) -> int:
    """Append to the temporary file, at a multiple of 8; give the offset."""
    spool.write(bytes(-spool.tell() % 8))
    offset = spool.tell()
    for part in parts:
        spool.write(part)
    return offset


def _read(memory: memoryview, kind: Any, offset: int, count: int) -> npt.NDArray[Any]:
    return np.frombuffer(memory, kind, count, offset)


def _most(kind: str) -> int:
    return int(np.iinfo(kind).max) + 1
