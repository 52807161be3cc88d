import errno
import multiprocessing
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.indexing.killing import ChangeCounter
from training import checkpoint
from training.checkpoint import Checkpoint, Checkpoints, Saved

MADE_BY = {"lookalike": "1", "numpy": "2"}
GENERATOR = np.random.default_rng(3).bit_generator.state


def state(number: int) -> Saved:
    """Numbers that JSON and archives might round, cut or reorder."""
    facts = {"epochs": number, "best": 0.1 + 0.2, "none yet": np.inf, "generator": GENERATOR}
    many = [np.full(2, n, np.float32) for n in range(12)]
    return Saved(facts, {"trained": [np.array([number, 1e-45], np.float32)], "best": many})


def assert_equal(found: Saved | None, expected: Saved) -> None:
    assert found is not None
    assert found.facts == expected.facts
    assert found.arrays.keys() == expected.arrays.keys()
    for name, row in expected.arrays.items():
        for left, right in zip(found.arrays[name], row, strict=True):
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    told: list[str] = []
    kept = Checkpoint(tmp_path / "folder" / "kept", MADE_BY, told.append)
    assert kept.read() is None
    for number in (1, 2):
        kept.write(state(number))
        assert_equal(kept.read(), state(number))
    assert told == []


def test_a_state_is_due_once_the_seconds_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoint(tmp_path / "kept", MADE_BY, print)
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 1e9)
    assert not kept.is_due
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 0.0)
    assert kept.is_due


def test_any_damage_is_told_and_the_state_is_not_taken(tmp_path: Path) -> None:
    told: list[str] = []
    kept = Checkpoint(tmp_path / "kept", MADE_BY, told.append)
    kept.write(state(1))
    whole = kept.path.read_bytes()
    flipped = [bytes([*whole[:n], whole[n] ^ 1, *whole[n + 1 :]]) for n in range(0, len(whole), 97)]
    for data in (b"", whole[:30], whole[:-1], whole + b"\0", *flipped):
        kept.path.write_bytes(data)
        assert kept.read() is None
        assert str(kept.path) in told.pop()
    kept.path.write_bytes(whole)
    assert_equal(kept.read(), state(1))


@pytest.mark.parametrize("other", ["packages", "format"])
def test_a_state_of_another_version_is_told_and_not_taken(tmp_path: Path, other: str) -> None:
    told: list[str] = []
    kept = Checkpoint(tmp_path / "kept", MADE_BY, told.append)
    kept.write(state(1))
    if other == "format":
        kept.path.write_bytes(kept.path.read_bytes().replace(b"checkpoint 1", b"checkpoint 9", 1))
    else:
        kept = Checkpoint(kept.path, {**MADE_BY, "numpy": "3"}, told.append)
    assert kept.read() is None
    assert "is of another version" in told[0]


def test_each_run_stage_and_beginning_has_a_checkpoint_of_its_own(tmp_path: Path) -> None:
    first, second = (Checkpoints(tmp_path, run * 64, MADE_BY, print) for run in "ab")
    ones, twos = np.ones((2, 2)), np.full((2, 2), 2.0)
    kept = [
        first.of("head", b"flags", ones),
        first.of("head", b"flags", twos),
        first.of("head", b"flag", ones),
        first.of("head", b"flags", ones, ones),
        first.of("base", b"flags", ones),
        second.of("head", b"flags", ones),
    ]
    assert len({one.path for one in kept}) == len(kept)
    assert first.of("head", b"flags", ones.copy()).path == kept[0].path


def test_a_disk_that_takes_no_checkpoint_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "replace_file", full)
    told: list[str] = []
    kept = Checkpoint(tmp_path / "kept", MADE_BY, told.append)
    for epochs in (1, 2):
        kept.write(state(epochs))
    assert len(told) == 1
    assert "No space left" in told[0]
    assert kept.read() is None


def test_what_is_removed_are_the_checkpoints_of_one_run(tmp_path: Path) -> None:
    first, second = (Checkpoints(tmp_path, run * 64, MADE_BY, print) for run in "ab")
    kept = [first.of("head"), first.of("base"), second.of("head")]
    for one in kept:
        one.write(state(1))
    first.remove()
    assert [one.path.exists() for one in kept] == [False, False, True]


def write_twice(path: Path, kill_at: int | None, changes: Any) -> None:
    kept = Checkpoint(path, MADE_BY, print)
    kept.write(state(1))
    counter = ChangeCounter(path.parent, kill_at)
    kept.write(state(2))
    changes.value = counter.count


@pytest.mark.long
def test_a_kill_at_any_change_of_a_file_leaves_the_former_state_or_the_new_one(
    tmp_path: Path,
) -> None:
    spawn = multiprocessing.get_context("spawn")
    changes = spawn.Value("i", 0)

    def run(path: Path, kill_at: int | None) -> int | None:
        process = spawn.Process(target=write_twice, args=(path, kill_at, changes))
        process.start()
        process.join()
        return process.exitcode

    assert run(tmp_path / "whole" / "kept", None) == 0
    assert changes.value > 3
    for kill_at in range(1, changes.value + 1):
        path = tmp_path / str(kill_at) / "kept"
        assert run(path, kill_at) == -signal.SIGKILL
        found = Checkpoint(path, MADE_BY, print).read()
        assert found is not None
        assert_equal(found, state(found.facts["epochs"]))
        Checkpoint(path, MADE_BY, print).write(state(3))
        assert [file.name for file in path.parent.iterdir()] == ["kept"]
