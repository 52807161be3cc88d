"""The parts of indexing that need no model server."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexing.extract import ExtractionSettings, extract, patiently
from indexing.features import PART_VECTORS, FeatureCache
from indexing.gate import check_outcomes
from indexing.outcome import Embedded, Outcomes, Rejected
from lookalike.catalogue import Folder, Picture
from lookalike.errors import DataError, ModelServerUnavailable
from lookalike.overlap import overlapped
from lookalike.picture import PictureContract
from lookalike.serving.base import Pixels
from lookalike.store import Location
from lookalike.vectors import Vectors
from tests.pictures import write_pictures

CONTRACT = PictureContract(size=32)


class Means:
    """An embedder of this test's own: mean colour; all zero for pictures that are black."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, pixels: Pixels) -> Vectors:
        self.embedded += len(pixels)
        return np.repeat(pixels.mean(axis=(1, 2)), 2, axis=1).astype(np.float32)

    def available_versions(self) -> set[int]:
        return {1}

    def close(self) -> None:
        pass


def digests(count: int) -> list[bytes]:
    return [bytes([number % 256, number // 256]) + bytes(30) for number in range(count)]


def test_features_come_back_as_they_were_put(tmp_path: Path) -> None:
    location = Location(str(tmp_path / "features"))
    vectors = np.random.default_rng(0).normal(size=(700, 6)).astype(np.float32)
    cache = FeatureCache(location, 6)
    cache.put(digests(700)[:600], vectors[:600])
    cache.put(digests(700)[600:], vectors[600:])
    cache.flush()
    again = FeatureCache(location, 6)
    assert again.digests() == frozenset(digests(700))
    assert all(
        np.array_equal(again.get(key), vector)
        for key, vector in zip(digests(700), vectors, strict=True)
    )


def test_a_full_part_is_durable_before_the_end(tmp_path: Path) -> None:
    location = Location(str(tmp_path))
    cache = FeatureCache(location, 2)
    cache.put(digests(PART_VECTORS), np.ones((PART_VECTORS, 2), np.float32))
    assert len(FeatureCache(location, 2).digests()) == PART_VECTORS


def test_overlapped_keeps_the_order_and_takes_no_more_than_it_may() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(4) as pool:
        results = overlapped(pool, lambda number: number * 2, items(), ahead=8)
        first = next(results)
        assert len(taken) == 8
        assert [first, *results] == [number * 2 for number in range(100)]


def test_extraction_gives_every_picture_one_outcome(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=2, each=5)
    (pictures / "label-0" / "torn.jpg").write_bytes(
        (pictures / "label-0" / "0.jpg").read_bytes()[:400]
    )
    (pictures / "label-0" / "readme").write_bytes(b"no picture")
    (pictures / "label-0" / "empty.png").write_bytes(b"")
    listed = [*Folder(pictures), Picture("gone", (tmp_path / "gone").as_uri(), None)]
    features = FeatureCache(Location(str(tmp_path / "features")), 6)
    embedder = Means()
    settings = ExtractionSettings(batch=4)
    outcomes = extract(listed, CONTRACT, embedder, features, settings)
    assert {item.picture.id: item.type for item in outcomes.rejected} == {
        "gone": "missing",
        "label-0/empty.png": "empty-picture",
        "label-0/readme": "not-a-picture",
        "label-0/torn.jpg": "truncated-picture",
    }
    assert len(outcomes.embedded) == embedder.embedded == 10
    again = extract(
        listed, CONTRACT, embedder, FeatureCache(Location(str(tmp_path / "features")), 6), settings
    )
    assert embedder.embedded == 10  # nothing was embedded twice
    assert again.reused == 10
    assert np.array_equal(again.vectors(), outcomes.vectors())


def test_a_picture_without_features_is_quarantined_never_nan(tmp_path: Path) -> None:
    class Nothing(Means):
        def embed(self, pixels: Pixels) -> Vectors:
            return np.zeros((len(pixels), 6), np.float32)

    pictures = write_pictures(tmp_path / "pictures", labels=1, each=3)
    features = FeatureCache(Location(str(tmp_path / "features")), 6)
    outcomes = extract(Folder(pictures), CONTRACT, Nothing(), features, ExtractionSettings())
    assert [item.type for item in outcomes.rejected] == ["no-features"] * 3
    assert outcomes.embedded == []


def failing(times: int) -> Callable[[], Vectors]:
    left = iter(range(times))

    def call() -> Vectors:
        if next(left, None) is not None:
            raise ModelServerUnavailable("restarting")
        return np.ones((1, 1), np.float32)

    return call


def test_a_server_that_restarts_is_waited_for_longer_each_time() -> None:
    pauses: list[float] = []
    patiently(failing(4), 60, pauses.append)
    assert pauses == [0.1, 0.2, 0.4, 0.8]


def test_patience_ends() -> None:
    pauses: list[float] = []
    with pytest.raises(ModelServerUnavailable):
        patiently(failing(1000), 10, pauses.append)
    assert 10 <= sum(pauses) < 20


PICTURE = Picture("a", "file:///a", None)
GOOD = Embedded(PICTURE, b"", np.ones(2, np.float32))
BAD = Rejected(PICTURE, "truncated-picture", "cut off")


def test_the_gate_refuses_a_catalogue_that_lost_too_many() -> None:
    check_outcomes(Outcomes([GOOD] * 9, [BAD]), 0.1)
    with pytest.raises(DataError, match=r"2 of 10 .* truncated-picture, such as 'a'"):
        check_outcomes(Outcomes([GOOD] * 8, [BAD] * 2), 0.1)


def test_the_gate_refuses_an_empty_catalogue() -> None:
    with pytest.raises(DataError, match="none of the 0 files"):
        check_outcomes(Outcomes(), 1.0)
