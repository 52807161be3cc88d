"""Contact sheets: each query beside the pictures that were found for it, as one image."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from lookalike.errors import PictureError
from lookalike.picture import PictureContract, read_picture
from lookalike.picture.contract import Pixels

TILE = 128
CAPTION = 34
GAP = 6
WHITE, BLACK, GREY = (255, 255, 255), (30, 30, 30), (170, 170, 170)
RIGHT, WRONG = (56, 142, 60), (198, 40, 40)
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.38
MAX_CAPTION = 20


class Tile(msgspec.Struct, frozen=True):
    """One picture of a sheet.

    ``right`` says whether it is of the query's category: a green frame or a red one, and
    a grey one where nobody knows.
    """

    path: Path
    captions: Sequence[str]
    right: bool | None = None


def write_contact_sheet(rows: Sequence[Sequence[Tile]], path: Path) -> None:
    """Draw rows of tiles, a query first in each, into a JPEG or PNG file."""
    sheet = np.vstack([_row(row, max(map(len, rows))) for row in rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def _row(tiles: Sequence[Tile], length: int) -> Pixels:
    cells = [_cell(tile) for tile in tiles]
    cells += [np.full_like(cells[0], 255)] * (length - len(cells))
    # A wider gap sets the query apart from what was found.
    cells.insert(1, np.full((cells[0].shape[0], 3 * GAP, 3), 255, np.uint8))
    return np.hstack(cells)


def _cell(tile: Tile) -> Pixels:
    cell = np.full((TILE + CAPTION + 2 * GAP, TILE + 2 * GAP, 3), 255, np.uint8)
    cell[GAP : GAP + TILE, GAP : GAP + TILE] = _thumbnail(tile.path)
    frame = GREY if tile.right is None else RIGHT if tile.right else WRONG
    cv2.rectangle(cell, (GAP - 2, GAP - 2), (GAP + TILE + 1, GAP + TILE + 1), frame, 2)
    for line, text in enumerate(tile.captions):
        place = (GAP, GAP + TILE + 14 + 14 * line)
        cv2.putText(cell, _plain(text), place, FONT, FONT_SCALE, BLACK, 1, cv2.LINE_AA)
    return cell


def _thumbnail(path: Path) -> npt.NDArray[np.uint8]:
    try:
        return read_picture(path.read_bytes(), PictureContract(size=TILE))
    except (OSError, PictureError):
        return np.full((TILE, TILE, 3), GREY, np.uint8)  # gone, or changed: a grey square


def _plain(text: str) -> str:
    """OpenCV's fonts are ASCII; anything else shows as a question mark."""
    plain = text.encode("ascii", "replace").decode()
    return plain if len(plain) <= MAX_CAPTION else f"{plain[: MAX_CAPTION - 2]}.."
