from pathlib import Path

import cv2
import pytest

from lookalike.contact_sheet import GAP, RIGHT, TILE, WRONG, Tile, write_contact_sheet
from tests.pictures import write_pictures


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures", labels=1, each=1) / "label-0" / "0.jpg"


def test_a_sheet_has_a_row_a_query_and_frames_by_truth(picture: Path, tmp_path: Path) -> None:
    found = [Tile(picture, ["bird", "0.1"], right=True), Tile(picture, ["fish"], right=False)]
    rows = [[Tile(picture, ["query"]), *found], [Tile(picture, ["query"])]]
    write_contact_sheet(rows, tmp_path / "out" / "sheet.png")
    sheet = cv2.cvtColor(cv2.imread(str(tmp_path / "out" / "sheet.png")), cv2.COLOR_BGR2RGB)
    cell = TILE + 2 * GAP
    assert sheet.shape[1] == 3 * cell + 3 * GAP
    row = GAP + TILE // 2
    assert tuple(sheet[row, cell + 3 * GAP + GAP - 2]) == RIGHT
    assert tuple(sheet[row, 2 * cell + 3 * GAP + GAP - 2]) == WRONG
    assert (sheet[sheet.shape[0] // 2 :, cell:] == 255).all()


def test_a_picture_that_is_gone_is_a_grey_square(tmp_path: Path) -> None:
    write_contact_sheet([[Tile(tmp_path / "gone.jpg", ["gone"])]], tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert set(sheet[GAP + TILE // 2, GAP + TILE // 2]) == {170}


def test_captions_that_no_font_here_can_draw_do_no_harm(picture: Path, tmp_path: Path) -> None:
    tile = Tile(picture, ["日本 " * 30])
    write_contact_sheet([[tile]], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").is_file()
