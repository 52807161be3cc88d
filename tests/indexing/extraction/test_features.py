import threading
from pathlib import Path

import numpy as np
import pytest

from indexing.extraction.features import Features
from indexing.extraction.known import DIGEST_BYTES, as_digests
from indexing.extraction.part_file import ROW_GROUP, as_bytes
from lookalike.errors import DigestMismatch, StoreError
from lookalike.store import Location
from tests.indexing.extraction.vectors import DIMENSIONS, digests, gathered, rows, some_vectors


def test_vectors_come_back_in_the_order_asked_for_and_as_often(features: Features) -> None:
    names, vectors = digests(700), some_vectors(700)
    features.write(as_digests(names[:600]), vectors[:600])
    features.write(as_digests(names[600:]), vectors[600:])
    order = np.random.default_rng(1).integers(0, 700, 2000)
    out = np.empty((2000, 6), np.float32)
    features.gather(rows([names[place] for place in order]), out)
    assert np.array_equal(out, vectors[order])


def test_a_vector_that_is_nowhere_is_an_error_that_names_its_digest(features: Features) -> None:
    features.write(as_digests(digests(3)), some_vectors(3))
    unknown = digests(1, first=99)
    with pytest.raises(StoreError, match=f"1 pictures .* {unknown[0].hex()}"):
        features.gather(rows(digests(3) + unknown), np.empty((4, 6), np.float32))


def test_nothing_wanted_is_nothing_gathered(features: Features) -> None:
    features.gather(rows([]), np.empty((0, 6), np.float32))


def test_digests_are_known_and_those_of_empty_vectors_told_apart(features: Features) -> None:
    vectors = some_vectors(4)
    vectors[1] = 0
    features.write(as_digests(digests(4)), vectors)
    known = features.known()
    assert known.digests.contain(as_digests(digests(5))).tolist() == [True] * 4 + [False]
    assert known.zeros.contain(as_digests(digests(4))).tolist() == [False, True, False, False]
    known.close()


def test_a_few_digests_are_found_as_among_all_that_are_known(features: Features) -> None:
    vectors = some_vectors(4000)
    vectors[1::7] = 0
    features.write(as_digests(digests(2500)), vectors[:2500])
    features.write(as_digests(digests(1500, first=2500)), vectors[2500:])
    known = features.known()
    for first, count in ((0, 1), (3990, 20), (1, 4000), (5000, 3), (0, 0)):
        asked = as_digests(digests(count, first))
        there, zero = features.find(asked)
        assert there.tolist() == known.digests.contain(asked).tolist()
        assert zero.tolist() == known.zeros.contain(asked).tolist()
    known.close()


def test_of_a_large_part_no_more_is_read_than_may_have_what_is_wanted(features: Features) -> None:
    features.write(as_digests(digests(9 * ROW_GROUP)), some_vectors(9 * ROW_GROUP))
    [name] = features.parts()
    assert sum(len(chunk.digests) for chunk in features.read(name)) == 9 * ROW_GROUP
    for number in (0, 777, 9 * ROW_GROUP - 1):
        [chunk] = features.read(name, as_digests(digests(1, first=number)))
        assert len(chunk.digests) == ROW_GROUP
        assert digests(1, first=number)[0] in as_bytes(chunk.digests)
    least, greatest = bytes(DIGEST_BYTES), b"\xff" * DIGEST_BYTES
    assert list(features.read(name, as_digests([least, greatest]))) == []


def test_gathering_goes_into_a_file(features: Features, tmp_path: Path) -> None:
    vectors = some_vectors(50)
    features.write(as_digests(digests(50)), vectors)
    out = np.memmap(tmp_path / "vectors", np.float32, "w+", shape=(50, 6))
    features.gather(rows(digests(50)), out)
    assert np.array_equal(out, vectors)


def test_many_writers_write_beside_each_other(features: Features) -> None:
    def write(number: int) -> None:
        features.write(as_digests(digests(10, 10 * number)), some_vectors(10, seed=number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(features.parts()) == 8
    features.gather(rows(digests(80)), np.empty((80, 6), np.float32))


@pytest.mark.parametrize("damage", ["cut", "vectors"])
def test_a_damaged_part_is_named(tmp_path: Path, damage: str) -> None:
    features = Features(Location(str(tmp_path)), DIMENSIONS)
    features.write(as_digests(digests(1000)), some_vectors(1000))
    (name,) = features.parts()
    data = bytearray((tmp_path / name).read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[len(data) * 3 // 4] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DigestMismatch, match=f"{name} are damaged"):
        features.gather(rows(digests(1000)), np.empty((1000, 6), np.float32))


def test_a_damaged_part_whose_vectors_are_elsewhere_too_is_no_error(tmp_path: Path) -> None:
    features = Features(Location(str(tmp_path)), DIMENSIONS)
    vectors = some_vectors(5)
    for _ in range(3):
        features.write(as_digests(digests(5)), vectors)
    for name in features.parts()[:2]:
        (tmp_path / name).write_bytes(b"no parquet")
    assert np.array_equal(gathered(features, 5), vectors)
