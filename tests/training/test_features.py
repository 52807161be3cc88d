import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalogue import Folder
from lookalike.catalogue.storage import MAX_FILE_BYTES
from lookalike.errors import DataError, PictureTooLarge
from lookalike.picture import PictureContract, read_picture
from tests.training.conftest import PICTURES, SIZE
from training import augment, cached_base
from training.feature_cache import FeatureCache
from training.features import FeatureExtractor, cache_name
from training.model import build_base, save_model, weights_sha256
from training.reading import bytes_of
from training.split import Example, Side
from training.weights import BaseWeights

CONTRACT = PictureContract(size=SIZE)
DECODED_BYTES = 256_000_000


def extractor(base: Any, cache: Path) -> FeatureExtractor:
    return FeatureExtractor(base, CONTRACT, cache, workers=2, max_decoded_bytes=DECODED_BYTES)


class Counting:
    """A real base that counts the pictures that go through it."""

    def __init__(self, base: Any) -> None:
        self._base, self.pictures = base, 0
        self.output_shape, self.get_weights = base.output_shape, base.get_weights

    def predict_on_batch(self, pixels: Any) -> Any:
        self.pictures += int(pixels.any(axis=(1, 2, 3)).sum())  # what fills a batch up is black
        return self._base.predict_on_batch(pixels)


def test_features_are_the_base_of_the_contracts_pixels(
    base: Any, few: Path, tmp_path: Path
) -> None:
    features = extractor(base, tmp_path)
    examples, skipped = features.examine(list(Folder(few)))
    assert (len(examples), skipped) == (3 * PICTURES, [])
    pixels = [read_picture((few / e.path).read_bytes(), CONTRACT) for e in examples]
    np.testing.assert_allclose(
        features.vectors(examples)[:, 0], base(np.stack(pixels)), rtol=1e-4, atol=1e-4
    )


def test_views_are_those_of_the_augmentation(base: Any, few: Path, tmp_path: Path) -> None:
    features = extractor(base, tmp_path)
    [example, *_], _ = features.examine(list(Folder(few)))
    features.embed([example], few, views=2)
    pixels = read_picture((few / example.path).read_bytes(), CONTRACT)
    views = np.stack([augment.view(pixels, example.sha256, n) for n in range(3)])
    np.testing.assert_allclose(features.vectors([example], 2)[0], base(views), rtol=1e-4, atol=1e-4)


def test_a_second_run_embeds_nothing(base: Any, few: Path, tmp_path: Path) -> None:
    for expected in (3 * PICTURES * 2, 0):
        counting = Counting(base)
        features = extractor(counting, tmp_path)
        examples, _ = features.examine(list(Folder(few)))
        features.embed(examples, few, views=1)
        assert counting.pictures == expected


def test_features_do_not_depend_on_order_or_on_what_the_cache_had(
    base_weights: BaseWeights, few: Path, tmp_path: Path
) -> None:
    """How large a batch is decides the last digit; at 64 pixels it shows."""
    base, contract = build_base(64, base_weights.layers), PictureContract(size=64)
    pictures = list(Folder(few))[:9]
    vectors = []
    for number, before in enumerate(([], pictures[4:5], pictures[::-1])):
        cache = tmp_path / str(number)
        for part in (before, pictures):
            features = FeatureExtractor(base, contract, cache, 2, DECODED_BYTES)
            examples, _ = features.examine(part)
        vectors.append(features.vectors(sorted(examples, key=lambda e: e.path)))
    np.testing.assert_array_equal(vectors[0], vectors[1])
    np.testing.assert_array_equal(vectors[0], vectors[2])


def test_other_contracts_and_weights_have_caches_of_their_own() -> None:
    contract = PictureContract(size=64)
    names = {
        cache_name("a" * 64, contract),
        cache_name("b" * 64, contract),
        cache_name("a" * 64, PictureContract(size=65)),
        cache_name("a" * 64, PictureContract(size=64, fit="stretch")),
    }
    assert len(names) == 4


def test_unusable_files_are_skipped_with_their_reason(base: Any, few: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    shutil.copytree(few, folder)
    picture = next((folder / "coin").iterdir())
    shutil.copy(picture, folder / "tool" / "zz-again.png")
    shutil.copy(picture, folder / "unlabelled.png")
    (folder / "coin" / "empty.png").write_bytes(b"")
    (folder / "coin" / "note.png").write_text("not a picture")
    examples, skipped = extractor(base, tmp_path).examine(list(Folder(folder)))
    assert len(examples) == 3 * PICTURES
    reasons = {file.id: file.reason for file in skipped}
    assert set(reasons) == {
        "coin/empty.png",
        "coin/note.png",
        "tool/zz-again.png",
        "unlabelled.png",
    }
    assert reasons["tool/zz-again.png"] == f"it is the same file as coin/{picture.name}"
    assert "no category" in reasons["unlabelled.png"]


def test_a_file_too_large_for_a_picture_is_skipped_and_not_read(
    base: Any, few: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(few, tmp_path / "pictures")
    huge = folder / "coin" / "disk.img"
    with huge.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    examples, [skipped] = extractor(base, tmp_path).examine(list(Folder(folder)))
    assert (skipped.id, skipped.kind) == ("coin/disk.img", PictureTooLarge.title)
    assert len(examples) == 3 * PICTURES
    with pytest.raises(PictureTooLarge):
        bytes_of(Example("coin/disk.img", "", "coin"), folder)


def test_a_limit_that_was_lowered_holds_for_pictures_in_the_cache(
    base: Any, few: Path, tmp_path: Path
) -> None:
    pictures = list(Folder(few))
    examples, _ = extractor(base, tmp_path).examine(pictures)
    low = FeatureExtractor(base, CONTRACT, tmp_path, workers=2, max_decoded_bytes=1)
    assert not low.lacks(examples)
    usable, skipped = low.examine(pictures)
    assert usable == []
    assert {one.kind for one in skipped} == {PictureTooLarge.title}


def test_validation_pictures_that_are_training_pictures_are_skipped(
    base: Any, few: Path, tmp_path: Path
) -> None:
    features = extractor(base, tmp_path)
    examples, _ = features.examine(list(Folder(few)))
    again, skipped = features.examine(list(Folder(few)), examples)
    assert again == []
    assert len(skipped) == len(examples)


def test_a_picture_that_changed_is_told(base: Any, few: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    shutil.copytree(few, folder)
    features = extractor(base, tmp_path)
    examples, _ = features.examine(list(Folder(folder)))
    (folder / examples[0].path).write_bytes((folder / examples[1].path).read_bytes())
    features.embed(examples, folder, views=1)
    with pytest.raises(DataError, match=r"cannot be read, or changed: run the same command"):
        features.vectors(examples, 1)
    # Its features are in the cache, and what it was is shown beside them nowhere.
    with pytest.raises(DataError, match=r"has changed"):
        features.reader.raw_pixels(Side(examples, folder), CONTRACT, 32)


def test_a_picture_whose_name_is_no_utf_8_is_read_as_any_other(
    base: Any, few: Path, tmp_path: Path
) -> None:
    [*_, picture] = Folder(few)
    (tmp_path / "coin").mkdir()
    shutil.copy(picture.path, os.fsencode(tmp_path / "coin") + b"/m\xfcnze.png")
    features = extractor(base, tmp_path / "cache")
    examples, _ = features.examine(list(Folder(tmp_path)))
    features.embed(examples, tmp_path, views=1)
    [pixels] = features.reader.pixels([(examples[0], tmp_path)], CONTRACT)
    assert (pixels == read_picture(picture.path.read_bytes(), CONTRACT)).all()
    assert features.lacks(examples, views=1) == 0


def test_raw_pixels_are_those_of_the_contract(base: Any, few: Path, tmp_path: Path) -> None:
    features = extractor(base, tmp_path)
    [example, *_], _ = features.examine(list(Folder(few)))
    expected = read_picture((few / example.path).read_bytes(), PictureContract(size=32))
    found = features.reader.raw_pixels(Side([example], few), CONTRACT, 32)
    np.testing.assert_array_equal(found[0], expected.ravel())


KILLED_RUN = """
import sys
import time
from pathlib import Path
from lookalike.catalogue import Folder
from lookalike.catalogue.storage import MAX_FILE_BYTES
from lookalike.picture import PictureContract
from training import cached_base, feature_cache, features
from training.framework import keras

cached_base.BATCH, feature_cache.FLUSH_SECONDS = 1, 0.0
flush = feature_cache.FeatureCache.flush


def slow_flush(cache):
    flush(cache)
    time.sleep(0.2)


feature_cache.FeatureCache.flush = slow_flush
saved, few, cache, size = sys.argv[1:]
base = keras.models.load_model(saved, compile=False)
extractor = features.FeatureExtractor(
    base, PictureContract(size=int(size)), Path(cache), 1, 256_000_000
)
extractor.examine(list(Folder(Path(few))))
"""


def test_a_killed_run_resumes_where_it_was(
    base: Any, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run writes a piece a picture, and is killed after its first piece."""
    monkeypatch.setattr(cached_base, "BATCH", 1)
    pieces = tmp_path / "features" / cache_name(weights_sha256(base), CONTRACT)
    saved = tmp_path / "base.keras"
    save_model(base, saved)
    command = [sys.executable, "-c", KILLED_RUN, str(saved), str(few), str(tmp_path), str(SIZE)]
    with subprocess.Popen(command) as process:
        while not list(pieces.glob("*.npy")) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    done = len(FeatureCache(pieces, 512))
    assert 0 < done < 3 * PICTURES
    counting = Counting(base)
    examples, _ = extractor(counting, tmp_path).examine(list(Folder(few)))
    assert len(examples) == 3 * PICTURES
    assert counting.pictures == 3 * PICTURES - done
