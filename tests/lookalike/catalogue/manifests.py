"""Writing manifests of every kind, for the tests to read."""

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from lookalike.catalogue import Picture, open_catalogue


def csv_bytes(names: list[str], rows: list[list[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows])
    return text.getvalue().encode()


def parquet_bytes(names: list[str], rows: list[list[object]]) -> bytes:
    columns = [[row[place] for row in rows] for place in range(len(names))]
    file = io.BytesIO()
    parquet.write_table(pa.table(dict(zip(names, columns, strict=True))), file)
    return file.getvalue()


WRITERS = {
    ".csv": csv_bytes,
    ".csv.gz": lambda *table: gzip.compress(csv_bytes(*table)),
    ".parquet": parquet_bytes,
}


def read(place: Path, names: list[str], rows: list[list[object]]) -> list[Picture]:
    """Write a manifest of the kind that its name says, and read it."""
    place.write_bytes(WRITERS["".join(place.suffixes)](names, rows))
    return list(open_catalogue(str(place)))
