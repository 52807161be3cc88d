"""What pruning takes away, and what it must leave."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lookalike.errors import DigestMismatch
from lookalike.store import Collection, open_indexes, prune, verify_version
from lookalike.store.manifest import FILE_NAME
from tests.lookalike.test_store import Details, publish, publish_beside, root, shared_file

__all__ = ["root"]


def many(collection: Collection, count: int) -> list[str]:
    made = [publish(collection, bytes([65 + number])) for number in range(count)]
    return sorted(made)


def test_the_newest_and_the_current_version_stay(root: str) -> None:
    indexes = open_indexes(root, "default")
    versions = many(indexes, 5)
    indexes.set_current(versions[1])
    assert prune(indexes, keep=2) == [versions[0], versions[2]]
    assert indexes.versions() == [versions[1], *versions[3:]]
    assert indexes.current() == versions[1]
    folders = {name.split("/")[0] for name in indexes.location.names("*/*")}
    assert folders == set(indexes.versions())


def test_a_version_that_is_made_once_a_clock_went_back_is_the_newest(root: str) -> None:
    indexes = open_indexes(root, "default")
    now = publish(indexes)
    ahead = f"29991231T235959.999Z-{now.rpartition('-')[2]}"
    indexes.location.write(f"{ahead}/{FILE_NAME}", indexes.location.read(f"{now}/{FILE_NAME}"))
    later = [publish(indexes, content) for content in (b"a", b"b")]
    assert indexes.versions() == [now, ahead, *later]
    indexes.set_current(later[1])
    assert prune(indexes, keep=2) == [now, ahead]


def test_a_version_that_is_asked_for_is_spared(root: str) -> None:
    indexes = open_indexes(root, "default")
    versions = many(indexes, 3)
    assert prune(indexes, keep=1, spare=[versions[0]]) == [versions[1]]


def test_files_that_a_later_version_shares_stay_until_it_goes(root: str) -> None:
    indexes = open_indexes(root, "default")
    first = publish(indexes)
    with indexes.draft() as folder:
        (folder / "delta.bin").write_bytes(b"delta")
        (folder / "unshared.bin").write_bytes(b"unshared")
        second = indexes.publish(folder, Details("a"), shared=[shared_file(indexes, first)])
    both = [
        shared_file(indexes, first),
        msgspec.structs.replace(indexes.manifest(second).file("delta.bin"), version=second),
    ]
    with indexes.draft() as folder:
        third = indexes.publish(folder, Details("b"), shared=both)
    indexes.set_current(third)
    assert set(prune(indexes, keep=0)) == {first, second}
    assert verify_version(indexes, third) == (2, 12)
    assert f"{second}/unshared.bin" not in indexes.location.names(f"{second}/*")
    assert indexes.versions() == [third]


def test_what_a_killed_prune_left_goes_once_it_is_old(root: str, monkeypatch: object) -> None:
    indexes = open_indexes(root, "default")
    version = publish(indexes)
    old = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y%m%dT%H%M%S.000Z") + "-aaaaaaaaaaaa"
    new = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.000Z") + "-bbbbbbbbbbbb"
    for name in (old, new):
        source = Path(__file__)
        if indexes.local is not None:
            (indexes.local / name).mkdir()
        indexes.location.upload(source, f"{name}/data.bin")
    prune(indexes, keep=1)
    assert indexes.location.names(f"{old}/*") == []
    assert indexes.location.names(f"{new}/*") == [f"{new}/data.bin"]
    assert indexes.versions() == [version]


def test_a_prune_that_is_killed_after_the_manifest_leaves_no_half_version(tmp_path: Path) -> None:
    indexes = open_indexes(str(tmp_path), "default")
    first, second = many(indexes, 2)
    indexes.location.remove(f"{first}/{FILE_NAME}")  # as the first step of prune does
    assert indexes.versions() == [second]
    assert prune(indexes, keep=1) == []


@pytest.mark.parametrize("keep", [0, 1])
def test_pruning_nothing_is_no_error(root: str, keep: int) -> None:
    assert prune(open_indexes(root, "default"), keep=keep) == []


def test_a_shared_file_survives_its_owner(root: str) -> None:
    indexes = open_indexes(root, "default")
    first = publish(indexes)
    second = publish_beside(indexes, shared_file(indexes, first))
    indexes.set_current(second)
    assert prune(indexes, keep=1) == [first]
    assert verify_version(indexes, second) == (2, 12)


def test_a_version_that_cannot_be_listed_keeps_prune_from_removing_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = open_indexes(str(tmp_path), "default")
    first, second = many(indexes, 2)
    indexes.set_current(first)
    listed = os.scandir

    def failing(path: Any) -> Any:
        if first in str(path):
            raise OSError("input/output error")
        return listed(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(OSError, match="input/output"):
        prune(indexes, keep=1)
    monkeypatch.undo()
    assert indexes.versions() == [first, second]
    verify_version(indexes, first)


def test_where_current_names_nothing_nothing_is_removed(root: str) -> None:
    """Whatever it named is what is served."""
    indexes = open_indexes(root, "default")
    versions = many(indexes, 3)
    indexes.set_current(versions[0])
    indexes.location.write("CURRENT", b"")
    with pytest.raises(DigestMismatch, match="names no version"):
        prune(indexes, keep=1)
    assert indexes.versions() == versions
    assert indexes.current_if_told() is None
    assert indexes.set_current(versions[0]) is None
    assert indexes.current() == versions[0]
