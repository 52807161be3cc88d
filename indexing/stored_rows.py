"""The rows of versions as they lie in the store, which need not be fetched and opened whole."""

import tempfile
from collections.abc import Container, Iterator
from contextlib import closing
from pathlib import Path

from lookalike.errors import DigestMismatch
from lookalike.index import PictureTable, open_pictures
from lookalike.index.version import decode_details
from lookalike.store import Collection


def picture_tables(
    indexes: Collection, version: str, passed_over: Container[str] = ()
) -> Iterator[tuple[str, PictureTable]]:
    """Open the rows of a stored version, a segment at a time; each is closed after its turn.

    Args:
        indexes: has the version.
        version: its name.
        passed_over: segments to leave out, by the name that is given with each: versions share
            their files.

    Raises:
        StoreError, OSError: it is damaged, or was pruned meanwhile.
    """
    manifest = indexes.manifest(version)
    with tempfile.TemporaryDirectory() as temporary:
        for segment in decode_details(manifest, version).segments:
            file = manifest.file(segment.pictures)
            place = indexes.place(version, file)
            if place in passed_over:
                continue
            local = indexes.local / place if indexes.local is not None else None
            path = local or Path(temporary) / segment.pictures
            if local is None:
                indexes.download(version, file, path)
            with closing(open_pictures(path)) as table:
                if table.count != segment.vectors:
                    raise DigestMismatch(f"{place} is not of {segment.vectors} rows")
                yield place, table
            if local is None:
                path.unlink()
