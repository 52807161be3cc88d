import json
import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lookalike.errors import ConfigurationError, DataError
from lookalike.model_card import read_model_card
from lookalike.picture import read_picture
from lookalike.settings import Settings
from lookalike.store import sha256_of
from tests.training.conftest import CATEGORIES, PICTURES, SIZE
from training.fine_tune import fine_tune
from training.finished import follow_pictures, is_finished
from training.framework import keras
from training.held_out import HITS, read_held_out_hits
from training.judging import judge, open_saved
from training.model import base_of, embedder_of, load_model
from training.request import TrainingRequest
from training.split import read_split


def test_the_output_folder_holds_model_card_split_hits_and_history(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "held_out_hits.json",
        "history.json",
        "lookalike.keras",
        "model_card.json",
        "split.json",
    ]


def test_the_card_says_what_the_model_is(trained: Path) -> None:
    card = read_model_card(trained / "model_card.json")
    assert card.categories == list(CATEGORIES)
    assert card.dimensions == 128
    assert card.picture.size == SIZE
    assert card.weights_sha256 == sha256_of(trained / "lookalike.keras")
    assert card.training_data.pictures + card.training_data.validation_pictures == 3 * PICTURES
    assert card.settings["views"] == 2
    assert 0 < card.quality["tuned_cosine_map"] <= 1


def test_the_split_names_each_picture_once_with_its_digest(trained: Path, few: Path) -> None:
    split = read_split(trained / "split.json")
    examples = [*split.train, *split.validation]
    assert sorted(e.path for e in examples) == sorted(
        p.relative_to(few).as_posix() for p in few.glob("*/*")
    )
    assert all(e.sha256 == sha256_of(few / e.path) for e in examples)
    assert {e.label for e in split.validation} == set(CATEGORIES)


def test_held_out_pictures_hits_are_kept_with_the_model_that_they_are_by(trained: Path) -> None:
    hits, split = (
        read_held_out_hits(trained / "held_out_hits.json"),
        read_split(trained / "split.json"),
    )
    assert hits is not None
    assert hits.weights_sha256 == sha256_of(trained / "lookalike.keras")
    assert [len(row) for row in hits.distances] == [HITS] * len(split.validation)
    assert all(row == sorted(row) for row in hits.distances)
    right = [row[0] for row in hits.same]
    assert sum(right) / len(right) > 0.5  # of three categories


def test_the_saved_model_learned_the_categories(trained: Path, few: Path) -> None:
    model, split = load_model(trained / "lookalike.keras"), read_split(trained / "split.json")
    contract = read_model_card(trained / "model_card.json").picture
    pixels = [read_picture((few / e.path).read_bytes(), contract) for e in split.train]
    predicted = np.asarray(model(np.stack(pixels))).argmax(axis=1)
    expected = [split.categories.index(e.label) for e in split.train]
    assert (predicted == expected).mean() > 0.8


def test_training_on_features_is_training_of_the_whole_model(trained: Path, few: Path) -> None:
    model = load_model(trained / "lookalike.keras")
    whole = keras.Model(model.input, model.get_layer("dense_1").output)
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    np.testing.assert_allclose(
        embedder_of(model)(base_of(model)(pixels)), whole(pixels), rtol=1e-4, atol=1e-5
    )


def test_evaluation_of_the_saved_model_gives_the_cards_figures(
    trained: Path, settings: Settings
) -> None:
    report = judge(open_saved(trained, settings, workers=2), print)
    quality = read_model_card(trained / "model_card.json").quality
    assert report.quality() == pytest.approx(quality, abs=1e-3)


def test_real_weights_see_more_than_raw_pixels(trained: Path) -> None:
    quality = read_model_card(trained / "model_card.json").quality
    assert quality["pretrained_cosine_map"] > quality["raw_cosine_map"]
    assert quality["tuned_cosine_map"] > quality["raw_cosine_map"] + 0.2


def test_pictures_that_moved_are_found_where_they_are_now(
    trained: Path, few: Path, settings: Settings, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(few, moved)
    elsewhere = tmp_path / "training"
    shutil.copytree(trained, elsewhere)
    split = read_split(elsewhere / "split.json")
    gone = msgspec.structs.replace(split, root="/gone", validation_root="/gone")
    (elsewhere / "split.json").write_bytes(msgspec.json.encode(gone))
    told: list[str] = []
    report = judge(open_saved(elsewhere, settings, workers=2), told.append)
    assert {row.vectors for row in report.rows} == {"pretrained", "tuned"}
    [line] = told
    assert "can no longer be read" in line
    assert "say where it is now (--pictures, --validation)" in line
    saved = open_saved(elsewhere, settings, workers=2, pictures=moved)
    assert judge(saved, told.append).rows[0].vectors == "raw"
    assert told == [line]


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("EndpointConnectionError")])
def test_whatever_keeps_a_model_from_being_compared_it_is_saved(
    request_: TrainingRequest,
    trained: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(_: Settings) -> int:
        raise error

    monkeypatch.setattr("training.fine_tune.served_model", fail)
    told: list[str] = []
    fine_tune(msgspec.structs.replace(request_, output=tmp_path / "out"), settings, told.append)
    assert f"not compared with the served model: {type(error).__name__}: {error}" in told
    assert read_model_card(tmp_path / "out" / "model_card.json").compared is None


def test_a_picture_that_is_gone_when_training_ends_loses_no_model(
    request_: TrainingRequest, few: Path, settings: Settings, tmp_path: Path
) -> None:
    pictures = shutil.copytree(few, tmp_path / "pictures")
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        if line.startswith("head"):  # it is trained
            shutil.rmtree(pictures / CATEGORIES[0])

    request = msgspec.structs.replace(request_, pictures=pictures, output=tmp_path / "out")
    report = fine_tune(request, settings, say)
    assert {row.vectors for row in report.rows} == {"pretrained", "tuned"}
    [line] = [line for line in told if "can no longer be read" in line]
    assert "--pictures" not in line  # which only evaluate has
    assert (tmp_path / "out" / "lookalike.keras").is_file()


def test_a_second_run_gives_the_same_model(
    request_: TrainingRequest, trained: Path, settings: Settings, tmp_path: Path
) -> None:
    again = msgspec.structs.replace(request_, output=tmp_path / "again")
    fine_tune(again, settings, print)
    assert json.loads((trained / "history.json").read_text()) == json.loads(
        (tmp_path / "again" / "history.json").read_text()
    )


def test_a_run_that_was_killed_before_its_output_was_in_place_trains_nothing_again(
    request_: TrainingRequest,
    trained: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = msgspec.structs.replace(
        request_, output=tmp_path / "out", tensorboard=tmp_path / "events"
    )

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("training.fine_tune.replace_folder", die)
        with pytest.raises(KeyboardInterrupt):
            fine_tune(request, settings, print)
    checkpoints = Path(settings.cache) / "training" / "checkpoints"
    assert len(list(checkpoints.iterdir())) == 2  # of either stage
    events = sorted((tmp_path / "events").glob("*/*/train/*"))
    assert [path.parts[-3] for path in events] == ["contrastive", "softmax"]
    assert events[0].parts[-4].startswith(f"{request.pictures.name}-")
    told: list[str] = []
    fine_tune(request, settings, told.append)
    history = json.loads((trained / "history.json").read_text())
    assert json.loads((tmp_path / "out" / "history.json").read_text()) == history
    for stage in ("contrastive_loss", "loss"):
        assert any(f"going on after epoch {len(history[stage])}," in text for text in told)
    assert list(checkpoints.iterdir()) == []
    assert sorted((tmp_path / "events").glob("*/*/train/*")) == events


def test_validation_may_have_a_folder_of_its_own(
    request_: TrainingRequest, sample_folder: Path, settings: Settings, tmp_path: Path
) -> None:
    for category in CATEGORIES:
        (tmp_path / "held" / category).mkdir(parents=True)
        for picture in sorted((sample_folder / category).iterdir())[PICTURES : PICTURES + 2]:
            shutil.copy(picture, tmp_path / "held" / category)
    fine_tune(
        msgspec.structs.replace(
            request_,
            validation=tmp_path / "held",
            output=tmp_path / "out",
            file_format="h5",
        ),
        settings,
        print,
    )
    split = read_split(tmp_path / "out" / "split.json")
    assert (len(split.train), len(split.validation)) == (3 * PICTURES, 3 * 2)
    assert split.validation_root == str((tmp_path / "held").resolve())
    assert judge(open_saved(tmp_path / "out", settings, workers=1), print).queries == 6


def test_skipped_files_are_told_and_training_goes_on(
    request_: TrainingRequest, few: Path, settings: Settings, tmp_path: Path
) -> None:
    shutil.copytree(few, tmp_path / "pictures")
    (tmp_path / "pictures" / "coin" / "broken.png").write_bytes(b"broken")
    told: list[str] = []
    request = msgspec.structs.replace(
        request_, pictures=tmp_path / "pictures", output=tmp_path / "out"
    )
    fine_tune(request, settings, told.append)
    [listed] = [text for text in told if "cannot be used" in text]
    assert "coin/broken.png: " in listed
    assert told.index(listed) < next(n for n, text in enumerate(told) if text.startswith("head"))
    [skipped] = read_split(tmp_path / "out" / "split.json").skipped
    assert skipped.id == "coin/broken.png"
    assert is_finished(request, settings)
    assert not is_finished(msgspec.structs.replace(request, strict=True), settings)
    (empty := tmp_path / "empty").mkdir()
    assert not is_finished(msgspec.structs.replace(request, validation=empty), settings)


def test_a_category_without_readable_pictures_enough_stops_training(
    request_: TrainingRequest, few: Path, settings: Settings, tmp_path: Path
) -> None:
    shutil.copytree(few, tmp_path / "pictures")
    (tmp_path / "pictures" / "fish").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "pictures" / "fish" / name).write_bytes(b"broken")
    shutil.copy(next((few / "coin").iterdir()), tmp_path / "pictures" / "fish" / "c.png")
    shutil.rmtree(tmp_path / "pictures" / "coin")
    request = msgspec.structs.replace(
        request_, pictures=tmp_path / "pictures", output=tmp_path / "out"
    )
    with pytest.raises(DataError, match="too few are in fish"):
        fine_tune(request, settings, print)
    assert not (tmp_path / "out").exists()


def test_a_path_that_is_no_utf_8_is_told_before_any_work(
    request_: TrainingRequest, few: Path, settings: Settings, tmp_path: Path
) -> None:
    pictures = shutil.copytree(few, os.fsdecode(bytes(tmp_path) + b"/caf\xe9"))
    request = msgspec.structs.replace(
        request_, pictures=Path(pictures) / "coin" / "..", output=tmp_path / "out"
    )
    told: list[str] = []
    with pytest.raises(DataError, match=r"caf\\udce9 is no UTF-8"):
        fine_tune(request, settings, told.append)
    assert told == []


@pytest.mark.parametrize("name", ["model_card.json", "split.json"])
def test_a_damaged_card_or_split_is_no_finished_model(
    request_: TrainingRequest, trained: Path, settings: Settings, tmp_path: Path, name: str
) -> None:
    request = msgspec.structs.replace(request_, output=tmp_path / "out")
    shutil.copytree(trained, request.output)
    assert is_finished(request, settings)
    (request.output / name).write_bytes(b"{")
    assert not is_finished(request, settings)


def test_a_finished_model_says_where_its_pictures_are_once_they_moved(
    request_: TrainingRequest, trained: Path, few: Path, settings: Settings, tmp_path: Path
) -> None:
    moved = shutil.copytree(few, tmp_path / "moved")
    request = msgspec.structs.replace(request_, pictures=moved, output=tmp_path / "out")
    shutil.copytree(trained, request.output)
    assert is_finished(request, settings)
    before = read_split(request.output / "split.json")
    follow_pictures(request)
    split = read_split(request.output / "split.json")
    assert split == msgspec.structs.replace(before, root=str(moved), validation_root=str(moved))
    told: list[str] = []
    report = judge(open_saved(request.output, settings, workers=2), told.append)
    assert (report.rows[0].vectors, told) == ("raw", [])


def test_an_output_folder_of_someone_elses_is_refused_before_any_work(
    request_: TrainingRequest, few: Path, settings: Settings
) -> None:
    with pytest.raises(ConfigurationError, match="was not made by"):
        fine_tune(msgspec.structs.replace(request_, output=few), settings, print)
