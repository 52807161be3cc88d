"""Packing of change records: every version, however old, comes to the same as before."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.packing import needed, pack
from lookalike.changes import (
    Addition,
    Additions,
    Change,
    ChangeLog,
    Deletion,
    LastWords,
    Record,
    open_changes,
    standing,
)
from lookalike.errors import StoreError
from lookalike.index import embedding_of
from tests.indexing.embedders import DIMENSIONS
from tests.indexing.publishing.galleries import MODEL, Gallery, a_plan
from tests.lookalike.changes.asking import ask, words
from tests.lookalike.test_store import root

__all__ = ["root"]
IDS = "abc"
changes = st.one_of(
    st.builds(Deletion, st.lists(st.sampled_from(IDS), min_size=1, max_size=2)),
    st.builds(
        Additions,
        st.lists(
            st.builds(Addition, st.sampled_from(IDS), st.sampled_from(["0" * 64, "1" * 64])),
            min_size=1,
            max_size=2,
        ),
    ),
)


def said(records: list[Record]) -> dict[str, object]:
    """Tell what a version that lacks some records makes of them: of each id, what holds."""
    words = LastWords()
    about = set().union(*map(words.take, records))
    return {name: (words.added(name), words.deleted_after(name, "")) for name in about}


@given(st.lists(changes, max_size=10), st.integers(0, 10), st.integers(0, 10))
def test_a_version_of_any_age_comes_to_the_same_by_what_is_kept(
    made: list[Change], built: int, packed: int
) -> None:
    records = [Record(f"{n:03d}.json", "", change) for n, change in enumerate(made)]
    kept = needed([*needed(records[:packed]), *records[packed:]])
    assert kept == needed(records)
    folded = {record.name for record in records[:built]}
    unknown = [record for record in records if record.name not in folded]
    left = [record for record in kept if record.name not in folded]
    before, after = said(unknown), said(left)
    assert after.keys() == before.keys()
    for name in before:
        assert after[name][0] == before[name][0]  # type: ignore[index]
    assert standing(kept).deleted == standing(records).deleted
    assert standing(kept).added == standing(records).added


def test_what_is_kept_of_a_picture_does_not_grow_with_what_was_asked_of_it() -> None:
    both = [Deletion(["a", "b"]), Additions([Addition("a", "0" * 64), Addition("b", "1" * 64)])]
    made = [Record(f"{n:03d}.json", "", change) for n, change in enumerate(both * 20)]
    made.append(Record("900.json", "", Deletion(["b"])))
    assert [(one.name, one.change) for one in needed(made)] == [
        ("038.json", Deletion(["a"])),
        ("039.json", Additions([Addition("a", "0" * 64)])),
        ("900.json", Deletion(["b"])),
    ]


def test_files_become_one_and_are_removed_by_a_later_run(root: str) -> None:
    log = open_changes(root, "default")
    before = ask(log, 40)
    assert not pack(log, few=40)
    assert pack(log, few=10)
    assert len(log.listed().records) == 40  # a listing that is under way may not miss them
    assert log.standing() == before
    assert not pack(log, few=10)
    assert len(log.listed().records) == 40
    assert not pack(log, few=10, settled_seconds=0)
    assert log.listed().records == []
    assert log.standing() == before
    log.append(Deletion(["picture 1"]))
    assert pack(log, few=0)
    assert len(log.listed().packs) == 2
    assert not pack(log, few=0, settled_seconds=0)
    assert [len(names) for names in (log.listed().records, log.listed().packs)] == [0, 1]
    assert log.standing().deleted == before.deleted | {"picture 1"}
    assert log.standing().added.keys() == before.added.keys() - {"picture 1"}


def test_a_pack_does_not_grow_with_what_was_asked_of_the_same_pictures(root: str) -> None:
    log = open_changes(root, "default")
    sizes = []
    for _ in range(4):
        ask(log, 20)
        pack(log, few=0)
        pack(log, few=0, settled_seconds=0)
        [made] = log.listed().packs
        header = log.read_pack(made).header
        sizes.append(len(header.names) + len(header.packed))
    assert sizes[1:] == sizes[1:2] * 3


def test_two_jobs_that_pack_at_once_lose_nothing(root: str) -> None:
    log = open_changes(root, "default")
    ask(log, 20)
    listed, early = log.listed(), log.records()  # of a job that goes on later
    before = ask(log, 20)
    assert pack(log, few=0)
    log.pack(needed(early), [record.name for record in early], listed)
    assert words(log.standing()) == words(before)
    assert log.news(before.names).records == []
    assert pack(log, few=100)  # one of both, however few
    pack(log, settled_seconds=0)
    assert [len(names) for names in (log.listed().records, log.listed().packs)] == [0, 1]
    assert words(log.standing()) == words(before)


def test_a_job_whose_files_another_one_removes_leaves_it_to_that(tmp_path: Path) -> None:
    log = open_changes(str(tmp_path), "default")
    before = ask(log, 5)

    class Overtaken(ChangeLog):
        def read(self, names: Any) -> list[Record]:
            pack(log, few=0)
            pack(log, few=0, settled_seconds=0)
            return super().read(names)

    assert not pack(Overtaken(log._location), few=0)
    assert words(log.standing()) == words(before)


def test_nothing_is_removed_for_a_pack_that_is_damaged(tmp_path: Path) -> None:
    log = open_changes(str(tmp_path), "default")
    ask(log, 5)
    pack(log, few=0)
    [made] = log.listed().packs
    path = tmp_path / "requests/default" / made
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match="restore it"):
        pack(log, settled_seconds=0)
    assert len(log.listed().records) == 5


def test_every_version_that_can_be_rolled_back_to_finds_what_it_found(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(30)
    versions = [gallery.publish().version]

    def add(name: str) -> None:
        vector = np.arange(1, DIMENSIONS + 1, dtype=np.float32)
        sha256 = gallery.changes.put_picture(b"nobody reads these bytes")
        one = Addition(name, sha256, embedding=embedding_of(vector, MODEL))
        gallery.changes.append(Additions([one]))

    add("deleted later")
    gallery.changes.append(Deletion(["picture 0003", "picture 0004"]))
    versions.append(gallery.publish(a_plan(anew=True)).version)
    gallery.changes.append(Deletion(["deleted later"]))
    add("picture 0004")
    versions.append(gallery.publish().version)
    add("new")
    gallery.changes.append(Deletion(["picture 0005"]))
    opened = gallery.opened(versions[0])
    found = [gallery.found(version) for version in versions]
    assert found[0] == {*gallery.pictures, "new"} - {"picture 0003", "picture 0005"}
    assert pack(gallery.changes, few=0)
    assert [gallery.found(version) for version in versions] == found
    pack(gallery.changes, few=0, settled_seconds=0)
    assert gallery.changes.listed().records == []
    assert [gallery.found(version) for version in versions] == found
    gallery.changes.append(Deletion(["picture 0006"]))
    opened.apply(gallery.changes)  # a replica that served all the while
    hits = opened.search(np.ones(DIMENSIONS, np.float32), opened.details.rows)
    opened.close()
    assert {hit.picture.id for hit in hits} == found[0] - {"picture 0006"}


def test_what_was_packed_is_no_reason_to_publish_anew(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(20)
    for _ in range(3):
        gallery.changes.append(Deletion(["picture 0003"]))
    made = gallery.publish()
    pack(gallery.changes, few=0)
    pack(gallery.changes, few=0, settled_seconds=0)
    assert len(gallery.changes.standing().names) < len(gallery.opened().folded) + 1
    again = gallery.publish()
    assert (again.version, again.changed) == (made.version, False)
