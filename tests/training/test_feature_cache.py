from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.errors import ConfigurationError
from training import feature_cache
from training.feature_cache import FeatureCache, Key

KEYS = [Key("a" * 64, 0), Key("a" * 64, 1), Key("b" * 64, 0)]


def vectors() -> NDArray[np.float32]:
    return np.arange(12, dtype=np.float32).reshape(3, 4)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_was_flushed_is_there_the_next_time(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 4)
    cache.add(KEYS, vectors())
    cache.flush()
    again = FeatureCache(tmp_path, 4)
    assert len(again) == 3
    np.testing.assert_array_equal(np.stack([again[key] for key in KEYS]), vectors())
    assert Key("b" * 64, 1) not in again


def test_pieces_of_several_runs_add_up(tmp_path: Path) -> None:
    for part in (slice(0, 1), slice(1, 3)):
        cache = FeatureCache(tmp_path, 4)
        cache.add(KEYS[part], vectors()[part])
        cache.flush()
    assert len(FeatureCache(tmp_path, 4)) == 3


def test_flushing_nothing_writes_nothing(tmp_path: Path) -> None:
    FeatureCache(tmp_path, 4).flush()
    assert list(tmp_path.iterdir()) == []


def test_what_has_gathered_for_long_is_flushed_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "FLUSH_SECONDS", 0.0)
    FeatureCache(tmp_path, 4).add(KEYS, vectors())
    assert len(FeatureCache(tmp_path, 4)) == 3


def test_what_takes_much_memory_is_flushed_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "FLUSH_BYTES", 200)
    cache = FeatureCache(tmp_path, 4)
    cache.add(KEYS[:1], vectors()[:1])
    assert len(FeatureCache(tmp_path, 4)) == 0
    cache.add(KEYS[1:], vectors()[1:])
    assert len(FeatureCache(tmp_path, 4)) == 3


def test_large_ones_lie_on_the_disk_and_hold_no_file_open(tmp_path: Path) -> None:
    """A process may open 1,024 files, usually, and an extraction of hours makes more pieces."""
    cache, before = FeatureCache(tmp_path, 4, large=True), open_files()
    for key, vector in zip(KEYS, vectors(), strict=True):
        cache.add([key], vector[None])
        cache.flush()
    for opened in (cache, FeatureCache(tmp_path, 4, large=True)):
        found = np.stack([opened[key] for key in KEYS])
        np.testing.assert_array_equal(found, vectors())
    assert len(list(tmp_path.glob("*.npy"))) == 3
    assert open_files() == before
    for piece in tmp_path.glob("*.npy"):
        piece.unlink()
    with pytest.raises(FileNotFoundError):
        cache[KEYS[0]]


def test_halves_take_half_of_the_disk_and_none_becomes_infinite(tmp_path: Path) -> None:
    wide = np.array([[0.1, -3e5, 1.0, 3e5]] * 100, np.float32)
    keys = [Key(f"{number:064}", 0) for number in range(100)]
    for half in (False, True):
        cache = FeatureCache(tmp_path / str(half), 4, large=half)
        cache.add(keys, wide)
        cache.flush()
        again = FeatureCache(tmp_path / str(half), 4, large=half)
        expected = np.clip(wide[0], -65504, 65504) if half else wide[0]
        np.testing.assert_allclose(again[keys[0]], expected, rtol=1e-3)
    whole, halved = (
        sum(piece.stat().st_size for piece in (tmp_path / str(half)).iterdir())
        for half in (False, True)
    )
    assert whole - halved == 100 * 4 * 2


@pytest.mark.parametrize("damage", [b"", b"not numpy", b"PK\3\4" * 9, b"\x93NUMPY\1\0\1\0{"])
def test_a_damaged_piece_is_named(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "piece.npy").write_bytes(damage)
    with pytest.raises(ConfigurationError, match=r"piece\.npy are damaged: delete it"):
        FeatureCache(tmp_path, 4)


def test_a_truncated_piece_is_named(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 4)
    cache.add(KEYS, vectors())
    cache.flush()
    [piece] = tmp_path.iterdir()
    piece.write_bytes(piece.read_bytes()[:-5])
    with pytest.raises(ConfigurationError, match="damaged: delete it"):
        FeatureCache(tmp_path, 4)


def test_a_piece_of_other_dimensions_is_named(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 4)
    cache.add(KEYS, vectors())
    cache.flush()
    with pytest.raises(ConfigurationError, match="of another kind"):
        FeatureCache(tmp_path, 5)


def test_a_garbled_number_is_never_given(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 4)
    cache.add(KEYS, vectors())
    cache.flush()
    [piece] = tmp_path.iterdir()
    whole = piece.read_bytes()
    for place in range(len(whole) - len(KEYS) * (4 + 64 + 4 + 16), len(whole)):
        piece.write_bytes(whole[:place] + bytes([whole[place] ^ 0x81]) + whole[place + 1 :])
        with pytest.raises(ConfigurationError, match=f"{piece.name} are damaged: delete it"):
            FeatureCache(tmp_path, 4)


def test_a_garbled_large_one_is_told_when_it_is_read(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 4, large=True)
    cache.add(KEYS, vectors())
    cache.flush()
    [piece] = tmp_path.iterdir()
    whole = piece.read_bytes()
    for damaged in (whole[:-3] + b"\xff" + whole[-2:], whole[:-1]):
        piece.write_bytes(damaged)
        assert (cache[KEYS[1]] == vectors()[1]).all()
        with pytest.raises(ConfigurationError, match=f"{piece.name} are damaged: delete it"):
            cache[KEYS[2]]


def test_a_garbled_name_of_a_large_one_is_a_picture_that_nobody_has(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 4, large=True)
    cache.add(KEYS[:1], vectors()[:1])
    cache.flush()
    [piece] = tmp_path.iterdir()
    piece.write_bytes(piece.read_bytes().replace(b"aaaa", b"\xff\xfe\xfd\xfc", 1))
    assert KEYS[0] not in FeatureCache(tmp_path, 4, large=True)
