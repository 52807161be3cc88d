import csv
import shutil
from pathlib import Path
from typing import Any

import cv2
import msgspec
import pytest

from lookalike.errors import DataError
from lookalike.picture import PictureContract, read_thumbnail
from lookalike.settings import Settings
from tests.training.conftest import PICTURES, SIZE
from training.division import divide
from training.features import FeatureExtractor
from training.request import HeadSettings, TrainingRequest
from training.split import Split


@pytest.fixture(scope="module")
def bad(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of three categories, and of each kind of what cannot be used."""
    folder = tmp_path_factory.mktemp("bad")
    shutil.copytree(few, folder, dirs_exist_ok=True)
    for number in range(7):
        (folder / "coin" / f"note-{number}.png").write_text(f"not a picture {number}")
    (folder / "tool" / "empty.png").write_bytes(b"")
    first = min((folder / "coin").iterdir())
    shutil.copy(first, folder / "tool" / "zz-again.png")
    shutil.copy(first, folder / "unlabelled.png")
    (folder / "fish").mkdir()
    return folder


@pytest.fixture(scope="module")
def extractor(base: Any, settings: Settings) -> FeatureExtractor:
    return FeatureExtractor(
        base, PictureContract(size=SIZE), Path(settings.cache), 2, settings.max_decoded_bytes
    )


def divided(
    extractor: FeatureExtractor, cache: Path, told: list[str], pictures: Path, **asked: Any
) -> Split:
    request = TrainingRequest(pictures=pictures, output=cache / "out", **asked)
    return divide(request, extractor, cache / "skipped.csv", told.append)


def test_what_cannot_be_used_is_one_list_by_kind_the_most_frequent_first(
    extractor: FeatureExtractor, bad: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    split = divided(extractor, tmp_path, told, bad)
    listed, pictures = told
    lines = listed.splitlines()
    assert lines[0] == "11 cannot be used:"
    assert lines[1] == "     7 This is not a picture"
    assert lines[2].strip().startswith(f"{bad.resolve()}/coin/note-0.png: ")
    assert lines[7] == "         and 2 more"
    assert lines[8:16:2] == [
        "     1 The picture is empty",
        "     1 category without a usable picture",
        "     1 file in no category's folder",
        "     1 the same file as another one",
    ]
    assert lines[-1] == f"the whole list is in {tmp_path / 'skipped.csv'}"
    assert pictures.startswith("pictures: ")
    assert len(split.train) + len(split.validation) == 3 * PICTURES


def test_a_category_that_is_a_link_is_told_and_refused_by_strict(
    extractor: FeatureExtractor, few: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(few, tmp_path / "pictures")
    (folder / "fish").symlink_to(few / "coin")
    told: list[str] = []
    split = divided(extractor, tmp_path, told, folder)
    [skipped] = split.skipped
    assert (skipped.id, skipped.kind) == ("fish", "link to a folder")
    assert f"{folder}/fish: a link to a folder is not followed" in told[0]
    with pytest.raises(DataError, match="--strict: not all can be used"):
        divided(extractor, tmp_path, told, folder, strict=True)


def test_categories_with_one_picture_to_train_on_are_told_of_the_recipe_that_needs_two(
    extractor: FeatureExtractor, few: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(few, tmp_path / "pictures")
    for picture in sorted((folder / "coin").iterdir())[2:]:
        picture.unlink()
    told: list[str] = []
    divided(extractor, tmp_path, told, folder)
    assert told[-1].startswith("1 category has one picture to train on: coin; the contrastive")
    divided(extractor, tmp_path, told, folder, head=HeadSettings(recipe="plain"))
    assert told[-1].startswith("pictures: ")


def test_the_whole_list_is_in_a_file_and_in_the_split(
    extractor: FeatureExtractor, bad: Path, tmp_path: Path
) -> None:
    split = divided(extractor, tmp_path, [], bad)
    with (tmp_path / "skipped.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["path"], row["reason"], row["kind"]) for row in rows] == [
        (f"{bad.resolve()}/{file.id}", file.reason, file.kind) for file in split.skipped
    ]
    assert len(rows) == 11
    assert split.validation_skipped == []
    assert msgspec.json.decode(msgspec.json.encode(split), type=Split) == split


def test_a_strict_run_refuses_whatever_cannot_be_used(
    extractor: FeatureExtractor, bad: Path, few: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    with pytest.raises(DataError, match=r"--strict: .*skipped\.csv"):
        divided(extractor, tmp_path, told, bad, strict=True)
    assert told[0].startswith("11 cannot be used")
    told = []
    divided(extractor, tmp_path, told, few, strict=True)
    assert len(told) == 1
    assert (tmp_path / "skipped.csv").read_text().splitlines() == ["kind,path,reason"]


def test_all_that_stops_training_is_told_at_once(
    extractor: FeatureExtractor, few: Path, tmp_path: Path
) -> None:
    """Too few pictures on one side, an unknown category on the other, and a broken file."""
    pictures, judged = tmp_path / "pictures", tmp_path / "judged"
    coins, tools = sorted((few / "coin").iterdir()), sorted((few / "tool").iterdir())
    for folder in (pictures / "coin", pictures / "tool", judged / "fish"):
        folder.mkdir(parents=True)
    for coin in coins[:2]:
        shutil.copy(coin, pictures / "coin")
    shutil.copy(tools[0], pictures / "tool")
    shutil.copy(tools[1], judged / "fish")
    (judged / "fish" / "empty.png").write_bytes(b"")
    told: list[str] = []
    with pytest.raises(DataError, match=r"too few are in tool; .*validation categories fish"):
        divided(extractor, tmp_path, told, pictures, validation=judged)
    [listed] = told
    assert f"{pictures.resolve()}/tool: only 1 picture" in listed
    assert f"{judged.resolve()}/fish/empty.png: " in listed


def test_near_copies_of_training_pictures_are_told_and_not_judged_by(
    extractor: FeatureExtractor, few: Path, tmp_path: Path
) -> None:
    judged = tmp_path / "judged"
    (judged / "coin").mkdir(parents=True)
    first, second, *_ = sorted((few / "coin").iterdir())
    write_smaller(first, judged / "coin" / "smaller.jpg")
    # The same bytes but for the end, so another file: it is a near copy too.
    (judged / "coin" / "longer.png").write_bytes(second.read_bytes() + b"\0")
    known = shutil.copytree(few, tmp_path / "known")
    fresh = max((known / "flower").iterdir())
    (judged / "flower").mkdir()
    shutil.move(fresh, judged / "flower")
    told: list[str] = []
    split = divided(extractor, tmp_path, told, known, validation=judged)
    assert [example.path for example in split.validation] == [f"flower/{fresh.name}"]
    reasons = {one.id: one.reason for one in split.validation_skipped}
    assert reasons["coin/smaller.jpg"] == f"it is a near copy of coin/{first.name}"
    assert reasons["coin/longer.png"] == f"it is a near copy of coin/{second.name}"
    assert "near copy of a training picture" in "\n".join(told)


def test_near_copies_are_kept_on_one_side(
    extractor: FeatureExtractor, few: Path, tmp_path: Path
) -> None:
    pictures = shutil.copytree(few, tmp_path / "pictures")
    for number, picture in enumerate(sorted((pictures / "coin").iterdir())):
        write_smaller(picture, pictures / "coin" / f"smaller-{number}.jpg")
    told: list[str] = []
    split = divided(extractor, tmp_path, told, pictures)
    sides = {example.path: example in split.validation for example in split.train}
    sides |= {example.path: True for example in split.validation}
    for number, picture in enumerate(sorted((few / "coin").iterdir())):
        assert sides[f"coin/{picture.name}"] == sides[f"coin/smaller-{number}.jpg"]
    assert any(line.startswith(f"near copies: {2 * PICTURES} pictures") for line in told)


def write_smaller(picture: Path, path: Path) -> None:
    cv2.imwrite(str(path), read_thumbnail(picture.read_bytes(), 150)[..., ::-1])


def test_pictures_that_are_all_copies_of_each_other_leave_none_to_judge_by(
    extractor: FeatureExtractor, few: Path, tmp_path: Path
) -> None:
    for category in ("coin", "flower"):
        first = min((few / category).iterdir())
        pixels = cv2.imread(str(first))
        assert pixels is not None
        (tmp_path / "pictures" / category).mkdir(parents=True)
        for quality in (95, 90):
            name = str(tmp_path / "pictures" / category / f"{quality}.jpg")
            cv2.imwrite(name, pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    with pytest.raises(DataError, match=r"no picture of .* can be held out, .* --validation"):
        divided(extractor, tmp_path, [], tmp_path / "pictures")
