"""Writing a segment's attributes: rows stream through, columns come out (``columns.py``).

Values go to a temporary file in blocks of some thousand rows, the texts of each block
sorted. At the end the sorted blocks of a column are merged, and the rows' codes within
their block become codes of the whole column. Memory does not grow with the rows, but for
four bytes a text of a block, and eight a text, of one column at a time.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO

import msgspec

from lookalike.catalogue import Attribute
from lookalike.index import columns
from lookalike.index.column_writer import BLOCK_ROWS, ColumnWriter, Output
from lookalike.index.picture_row import PictureRow


class AttributeWriter:
    """Writes the attributes of one segment, in the order of its vectors.

    To be used in a ``with`` statement, at whose end the file is complete.

    Args:
        path: of the file; a temporary one lies beside it meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.rows = path, 0
        self._spool = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
        self._columns: dict[str | None, ColumnWriter] = {None: ColumnWriter()}

    def add(self, label: str | None, attributes: Mapping[str, Attribute]) -> None:
        """Add the next row."""
        place = self.rows % BLOCK_ROWS
        self._columns[None].put(place, label)
        for name, value in attributes.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = ColumnWriter()
            column.put(place, value)
        self.rows += 1
        if place == BLOCK_ROWS - 1:
            self._end_block()

    def passing(self, rows: Iterable[PictureRow]) -> Iterator[PictureRow]:
        """Add rows as they pass by."""
        for row in rows:
            self.add(row.label, row.attributes)
            yield row

    def __enter__(self) -> "AttributeWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._spool:
            if kind is None:
                if self.rows % BLOCK_ROWS:
                    self._end_block()
                self._write()

    def _end_block(self) -> None:
        number = (self.rows - 1) // BLOCK_ROWS
        for column in self._columns.values():
            column.end_block(number, self._spool)

    def _write(self) -> None:
        self._spool.flush()
        with self._path.open("wb") as file:
            output = Output(file)
            memory = _mapped(self._spool)
            stored = [
                column.write(name, memory, self.rows, output)
                for name, column in self._columns.items()
            ]
            footer = msgspec.json.encode(columns.Footer(rows=self.rows, columns=stored))
            file.write(footer + len(footer).to_bytes(columns.LENGTH_BYTES, "little"))
            file.write(columns.MAGIC)


def _mapped(spool: IO[bytes]) -> memoryview:
    if not spool.tell():
        return memoryview(b"")
    return memoryview(mmap(spool.fileno(), 0, access=ACCESS_READ))
