"""Parquet and CSV through pyarrow, in batches: a table is never in memory as a whole."""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from lookalike.catalogue.rows import COLUMNS
from lookalike.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".csv.gz")
SUFFIXES = (*PARQUET, *CSV)

# Rows that are Python objects at one time.
BATCH_ROWS = 2048
# A CSV file is parsed in blocks of this size; the first one decides the columns' types.
BLOCK_BYTES = 1_000_000
BUFFER_BYTES = 1_000_000
UNCLOSED = (
    "a quote is not closed, and took the rows below it for its text "
    '(a quote inside a value is written twice: "")'
)
# What has no unclosed quote: text, quotes inside of it (a size in inches), and quoted values. After
# one over several lines comes a separator; else its last quote was to open a value of a row below.
# Repeated so often at the most, since each time costs memory.
SOUND = re.compile(
    rb"""(?: [^"]+ | (?<![,\r\n])"
    | "[^"\r\n]*(?:""[^"\r\n]*)*" (?=[^"])
    | "[^"]*(?:""[^"]*)*" (?=[,\r\n]) ){1,1000}""",
    re.VERBOSE,
)
QUOTE = ord('"')
BESIDE_QUOTES = np.isin(np.arange(256), list(b'",\r\n'))
# What may come to be sound with the text that follows.
OPEN = re.compile(rb'(?:"[^"]*(?:""[^"]*)*"?)?')

Row = dict[str, Any]


def is_table(name: str) -> bool:
    """Tell by a file's name whether it is a table that can be read here."""
    return name.lower().endswith(SUFFIXES)


def read_schema(file: BinaryIO, name: str) -> "pa.Schema":
    """Read the columns' names and types.

    In a CSV file id, uri and label are text, the others of the type that the first block's
    values have: truth values, whole numbers, numbers, dates, times, or text.
    """
    import pyarrow as pa

    if name.lower().endswith(PARQUET):
        return _parquet(file).schema_arrow
    fixed = dict.fromkeys(COLUMNS, pa.string())
    # A column that begins empty may hold anything further down.
    return pa.schema(
        field.with_type(pa.string()) if pa.types.is_null(field.type) else field
        for field in _csv(_text_of(file, name), fixed).schema
    )


def read_rows(file: BinaryIO, name: str, schema: "pa.Schema") -> Iterator[Row]:
    """Read a table's rows in its order, with the types that :func:`read_schema` found.

    Raises:
        DataError: a value is none that Python has, such as the year 20,000 or broken UTF-8;
            or a quote in a CSV file is not closed, at the latest once all of it is read.
    """
    done = 0
    for batch in _batches(file, name, schema):
        for start in range(0, batch.num_rows, BATCH_ROWS):
            part = batch.slice(start, BATCH_ROWS)
            try:
                yield from part.to_pylist()
            except (ValueError, OverflowError) as error:
                rows = f"rows {done + 1} to {done + part.num_rows}"
                raise DataError(f"one of the {rows} cannot be read: {error}") from error
            done += part.num_rows


def _batches(file: BinaryIO, name: str, schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    found = _of_parquet(file) if name.lower().endswith(PARQUET) else _of_csv(file, name, schema)
    return map(_without_nanoseconds, found)


def _parquet(file: BinaryIO) -> Any:
    from pyarrow import parquet

    # Buffered: a column of a row group is read as it is needed, not as a whole.
    return parquet.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)


def _of_parquet(file: BinaryIO) -> Iterator["pa.RecordBatch"]:
    yield from _parquet(file).iter_batches(batch_size=BATCH_ROWS)


def _csv(source: BinaryIO | io.RawIOBase, types: dict[str, Any]) -> "csv.CSVStreamingReader":
    from pyarrow import csv

    return csv.open_csv(
        source,
        csv.ReadOptions(block_size=BLOCK_BYTES),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
    )


def _of_csv(file: BinaryIO, name: str, schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    source = _Checked(_text_of(file, name), name)
    try:
        for batch in _csv(source, dict(zip(schema.names, schema.types, strict=True))):
            source.check()
            yield batch
    except pa.ArrowInvalid as error:
        source.check()
        if "straddl" not in str(error):
            raise
        raise DataError(
            f"{name} has a row of over {BLOCK_BYTES // 1_000_000} MB: perhaps {UNCLOSED}"
        ) from error
    source.check_end()


class _Checked(io.RawIOBase):
    """Looks for a quote that is not closed in the text that is read through it.

    pyarrow takes all up to the next quote for the value then, and what follows that too.
    """

    def __init__(self, text: BinaryIO, name: str) -> None:
        self._text = text
        self._name = name
        self._line = 1
        self._rest = b"\n"  # the character before what is still to be looked at, and that
        self._unclosed = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._text.read(size)
        if not self._unclosed:  # raised where the rows are made: pyarrow reads in its own threads
            self._unclosed = OPEN.fullmatch(self._look(data)) is None
        return data

    def check(self) -> None:
        """Raise DataError, naming the line, where a quote among what was read is not closed."""
        if self._unclosed:
            raise DataError(f"{self._name}, line {self._line}: {UNCLOSED}")

    def check_end(self) -> None:
        """Raise DataError where a quote is not closed, now that all was read."""
        self._unclosed = self._unclosed or self._look(b"\n") != b""
        self.check()

    def _look(self, data: bytes) -> bytes:
        """Pass over what is sound, and give what is left: a value that begins with a quote."""
        text = self._rest + data
        end = _plain_end(text)
        while found := SOUND.match(text, end):
            end = found.end()
        self._line += text.count(b"\n", 1, end)
        self._rest = text[end - 1 :]
        return self._rest[1:]


def _plain_end(text: bytes) -> int:
    """Give up to where all quotes stand where values begin and end, as of most files they do.

    It is 1, after the character before, where one stands elsewhere: that is seen to slowly.
    """
    seen = np.frombuffer(text, np.uint8)
    if QUOTE in (seen[0], seen[-1]):
        return 1
    quotes = np.flatnonzero(seen == QUOTE)
    opening, closing = quotes[::2], quotes[1::2]
    if not (BESIDE_QUOTES[seen[opening - 1]].all() and BESIDE_QUOTES[seen[closing + 1]].all()):
        return 1
    if len(opening) == len(closing):
        return len(text)
    return int(opening[seen[opening - 1] != QUOTE][-1])  # the rest may be twice a quote inside


def _text_of(file: BinaryIO, name: str) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(file, "gzip") if name.lower().endswith(".gz") else file


def _without_nanoseconds(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Cut times to microseconds, the finest that Python has."""
    import pyarrow as pa

    schema = batch.schema
    for place, field in enumerate(schema):
        kind = field.type
        if pa.types.is_time64(kind) and kind.unit == "ns":
            schema = schema.set(place, field.with_type(pa.time64("us")))
        elif pa.types.is_timestamp(kind) and kind.unit == "ns":
            schema = schema.set(place, field.with_type(pa.timestamp("us", kind.tz)))
        elif pa.types.is_duration(kind) and kind.unit == "ns":
            schema = schema.set(place, field.with_type(pa.duration("us")))
    return batch if schema.equals(batch.schema) else batch.cast(schema, safe=False)
