"""The rows of versions as they lie in the store, which need not be fetched and opened whole."""

from collections.abc import Container, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from lookalike.errors import DigestMismatch
from lookalike.index import PictureTable, open_pictures
from lookalike.index.version import decode_details
from lookalike.store import Collection, FileDigest
from lookalike.store.files import scratch_folder


class StoredRows(msgspec.Struct, frozen=True):
    """The rows of a segment of a version.

    Attributes:
        version: that has them.
        place: where they lie below the collection; what versions share has one place.
        file: as the version's manifest has it.
        count: of the rows.
    """

    version: str
    place: str
    file: FileDigest
    count: int


def stored_rows(indexes: Collection, version: str) -> list[StoredRows]:
    """Say where the rows of a version lie, a segment each.

    Raises:
        StoreError: its manifest is damaged, or was pruned meanwhile.
    """
    manifest = indexes.manifest(version)
    segments = decode_details(manifest, version).segments
    files = [(manifest.file(segment.pictures), segment.vectors) for segment in segments]
    return [StoredRows(version, indexes.place(version, file), file, count) for file, count in files]


@contextmanager
def opened_rows(indexes: Collection, rows: StoredRows, scratch: Path) -> Iterator[PictureTable]:
    """Open rows where they lie, or a copy in ``scratch`` where the store is remote.

    Raises:
        StoreError, OSError: they are damaged, or were pruned meanwhile.
    """
    with _path(indexes, rows, scratch) as path, closing(open_pictures(path)) as table:
        if table.count != rows.count:
            raise DigestMismatch(f"{rows.place} is not of {rows.count} rows")
        yield table


def picture_tables(
    indexes: Collection, version: str, scratch: Path, passed_over: Container[str] = ()
) -> Iterator[tuple[str, PictureTable]]:
    """Open the rows of a stored version, a segment at a time; each is closed after its turn.

    Args:
        indexes: has the version.
        version: its name.
        scratch: for copies of a remote store's, as of :func:`scratch_folder`.
        passed_over: segments to leave out, by the place that is given with each: versions share
            their files.

    Raises:
        StoreError, OSError: it is damaged, or was pruned meanwhile.
    """
    for rows in stored_rows(indexes, version):
        if rows.place not in passed_over:
            with opened_rows(indexes, rows, scratch) as table:
                yield rows.place, table


@contextmanager
def _path(indexes: Collection, rows: StoredRows, scratch: Path) -> Iterator[Path]:
    if indexes.local is not None:
        yield indexes.local / rows.place
        return
    with scratch_folder(scratch) as folder:
        path = folder / Path(rows.file.path).name  # its suffix says how it is read
        indexes.download(rows.version, rows.file, path)
        yield path
