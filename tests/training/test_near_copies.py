"""Near copies: found among pictures, and not where pictures are only of one kind."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from lookalike.catalogue import Folder
from lookalike.picture import PictureContract, read_picture, read_thumbnail
from lookalike.picture.contract import Pixels
from tests.training.test_features import DECODED_BYTES
from training.copy_check import CONTRACT, SIDE, agreement, reduced
from training.features import FeatureExtractor
from training.near_copies import NEAREST, grouped, near_copies, without_copies_of
from training.split import Example, Side

Change = Callable[[Pixels], bytes]
CHANGES: dict[str, Change] = {
    "compressed": lambda bgr: encoded(bgr, 40),
    "smaller": lambda bgr: encoded(cv2.resize(bgr, None, fx=0.4, fy=0.4), 90),
    "cropped": lambda bgr: encoded(bgr[12:-12, 12:-12], 90),
    "cropped at one side": lambda bgr: encoded(bgr[:, 24:], 90),
    "darker": lambda bgr: encoded(bgr * 0.85, 90),
}


def encoded(bgr: object, quality: int) -> bytes:
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])  # type: ignore[call-overload]
    return bytes(data)


def compared(data: bytes) -> Pixels:
    return reduced(read_picture(data, CONTRACT))


@pytest.fixture(scope="session")
def stamps(few: Path) -> list[Pixels]:
    """As BGR on white."""
    files = sorted(few.glob("*/*.png"))
    return [read_thumbnail(file.read_bytes(), 300)[..., ::-1] for file in files]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_a_copy(change: str, stamps: list[Pixels]) -> None:
    pairs = [(compared(encoded(one, 100)), compared(CHANGES[change](one))) for one in stamps]
    assert all(agreement(*pair).is_near_copy for pair in pairs)
    assert all(agreement(*pair[::-1]).is_near_copy for pair in pairs)


def test_pictures_of_one_kind_are_not_copies(stamps: list[Pixels]) -> None:
    coins = [compared(encoded(one, 100)) for one in stamps[:7]]
    found = [agreement(one, other) for n, one in enumerate(coins) for other in coins[:n]]
    # They are alike as a whole, some of them, and not in their details.
    assert max(one.correlation for one in found) > 0.85
    assert not any(one.is_near_copy for one in found)


def test_pictures_without_detail_are_nobodys_copies() -> None:
    flat = np.full((SIDE, SIDE, 3), 200, np.uint8)
    assert not agreement(flat, flat).is_near_copy
    assert not agreement(flat, flat // 2).is_near_copy


class Drawn:
    """Pictures of noise, by the number of a group each; counts what was read."""

    def __init__(self, groups: Sequence[int]) -> None:
        draw = np.random.default_rng(0)
        kinds = draw.normal(size=(max(groups) + 1, 32)).astype(np.float32)
        small = draw.integers(0, 256, (max(groups) + 1, 8, 8, 3), dtype=np.uint8)
        self.groups = groups
        self.vectors = kinds[list(groups)] + draw.normal(0, 0.01, (len(groups), 32))
        self._pixels = [cv2.resize(one, (SIDE, SIDE)) for one in small]
        self.read_rows: list[int] = []

    def read(self, rows: Sequence[int]) -> Iterator[Pixels]:
        self.read_rows += rows
        return (np.asarray(self._pixels[self.groups[row]], np.uint8) for row in rows)


def test_groups_larger_than_what_is_looked_at_stay_whole() -> None:
    size = 4 * NEAREST
    numbers = [0] * size + [1] + [2] * 3 + list(range(3, 20))
    drawn = Drawn(numbers)
    expected = [list(range(size)), list(range(size + 1, size + 4))]
    assert grouped(np.asarray(drawn.vectors, np.float32), drawn.read) == expected


def test_only_what_features_propose_is_read() -> None:
    drawn = Drawn([0, 1, 2, 2, 3])
    assert grouped(np.asarray(drawn.vectors, np.float32), drawn.read) == [[2, 3]]
    assert drawn.read_rows == [2, 3]
    no_features = np.zeros((3, 4), np.float32)
    assert grouped(no_features, drawn.read) == []


def test_copies_are_found_across_two_folders(
    base: object, few: Path, stamps: list[Pixels], tmp_path: Path
) -> None:
    features = FeatureExtractor(
        base, PictureContract(size=48), tmp_path / "cache", 2, DECODED_BYTES
    )
    (tmp_path / "other" / "coin").mkdir(parents=True)
    (tmp_path / "other" / "coin" / "again.jpg").write_bytes(CHANGES["cropped"](stamps[2]))
    known, _ = features.examine(list(Folder(few)))
    others, _ = features.examine(list(Folder(tmp_path / "other")), known)
    groups = near_copies(features, Side(known, few), Side(others, tmp_path / "other"))
    assert groups == [[known[2], others[0]]]
    assert without_copies_of(known, others, groups) == ([], {others[0]: known[2]})


def test_a_picture_that_can_no_longer_be_read_is_nobodys_copy(
    base: object, few: Path, tmp_path: Path
) -> None:
    features = FeatureExtractor(
        base, PictureContract(size=48), tmp_path / "cache", 2, DECODED_BYTES
    )
    folder = tmp_path / "pictures" / "coin"
    shutil.copytree(few / "coin", folder)
    first, second, *_ = sorted(folder.iterdir())
    for name in ("copy.jpg", "gone.jpg"):
        # Each a file of its own, for all that they show the same.
        (folder / name).write_bytes(first.read_bytes() + name.encode())
    examples, _ = features.examine(list(Folder(folder.parent)))
    (folder / "gone.jpg").unlink()
    second.write_bytes(b"changed")
    [group] = near_copies(features, Side(examples, folder.parent))
    assert {Path(example.path).name for example in group} == {first.name, "copy.jpg"}


def test_copies_among_the_held_out_alone_are_kept() -> None:
    known, others = [Example("a", "1", "x")], [Example("b", "2", "x"), Example("c", "3", "x")]
    assert without_copies_of(known, others, [others]) == (others, {})
