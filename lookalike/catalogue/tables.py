"""Parquet and CSV through pyarrow, in batches: a table is never in memory as a whole."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

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
            or a quote in a CSV file is not closed, once all of it is read.
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

    source = _Counted(_text_of(file, name))
    over_lines = False
    try:
        for batch in _csv(source, dict(zip(schema.names, schema.types, strict=True))):
            over_lines = over_lines or _goes_over_lines(batch)
            yield batch
    except pa.ArrowInvalid as error:
        if "straddl" not in str(error):
            raise
        raise DataError(
            f"{name} has a row of over {BLOCK_BYTES // 1_000_000} MB: perhaps {UNCLOSED}"
        ) from error
    if over_lines and source.quotes % 2:
        raise DataError(
            f"{name} has values that go over several lines, and an odd number of quotes: {UNCLOSED}"
        )


class _Counted(io.RawIOBase):
    """Counts the quotes of the text that is read through it: an even number, where all close."""

    def __init__(self, text: BinaryIO) -> None:
        self._text = text
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._text.read(size)
        self.quotes += data.count(b'"')
        return data


def _text_of(file: BinaryIO, name: str) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(file, "gzip") if name.lower().endswith(".gz") else file


def _goes_over_lines(batch: "pa.RecordBatch") -> bool:
    import pyarrow as pa
    from pyarrow import compute

    texts = [column for column in batch.columns if pa.types.is_string(column.type)]
    return any(compute.any(compute.match_substring(text, "\n")).as_py() for text in texts)


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
