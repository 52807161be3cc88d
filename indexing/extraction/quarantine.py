"""Looking at pictures that have no vector: a list, and a sheet of what can be drawn."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from indexing.extraction.ledgers import RejectedPicture
from lookalike.catalogue.storage import read_bytes
from lookalike.contact_sheet import Tile, write_contact_sheet
from lookalike.errors import LookalikeError

COLUMNS = 6


def draw(pictures: Sequence[RejectedPicture], path: Path, max_file_bytes: int) -> None:
    """Draw pictures with their reasons beneath; a grey square is one that cannot be drawn."""
    with tempfile.TemporaryDirectory() as folder:
        tiles = [
            Tile(_copied(picture, Path(folder) / str(number), max_file_bytes), _captions(picture))
            for number, picture in enumerate(pictures)
        ]
        rows = [tiles[start : start + COLUMNS] for start in range(0, len(tiles), COLUMNS)]
        write_contact_sheet(rows, path)


def _captions(picture: RejectedPicture) -> tuple[str, str]:
    return picture.type, picture.id


def _copied(picture: RejectedPicture, path: Path, max_file_bytes: int) -> Path:
    """Copy a picture from wherever it is; one that is gone or too large leaves no file."""
    try:
        path.write_bytes(read_bytes(picture.uri, max_file_bytes))
    except (OSError, LookalikeError):
        return path
    return path
