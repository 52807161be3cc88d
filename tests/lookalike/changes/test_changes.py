"""Deletions and additions: durable, in order, and never passed over."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalogue import Picture
from lookalike.changes import (
    Added,
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
from tests.lookalike.test_store import root

__all__ = ["root"]
ODD = ["a/b.png", 'it\'s "quoted"', "🦉" * 1000, "tab\tline\n"]


@pytest.fixture
def log(root: str) -> ChangeLog:
    return open_changes(root, "default")


def test_records_come_back_as_they_were_written_and_in_order(log: ChangeLog) -> None:
    written = [
        log.append(Deletion(ODD)),
        log.append(Additions([Addition("a", "0" * 64, "bird", {"price": 2.5, "note": None})])),
        log.append(Deletion(["a"])),
    ]
    assert log.records() == written
    assert log.news(known={written[0].name}).records == written[1:]


def test_an_index_without_changes_has_no_records(log: ChangeLog) -> None:
    assert log.records() == []


def test_indexes_do_not_see_each_others_changes(root: str) -> None:
    open_changes(root, "one").append(Deletion(["a"]))
    assert open_changes(root, "two").records() == []


def test_a_damaged_record_is_told_and_never_passed_over(tmp_path: Path) -> None:
    log = open_changes(str(tmp_path), "default")
    record = log.append(Deletion(["a"]))
    (tmp_path / "requests/default" / record.name).write_bytes(b'{"name": "x"')
    with pytest.raises(StoreError, match="ask for that change again"):
        log.records()


@pytest.mark.parametrize("name", ["notes.json", "-.json", "1-copy of it.json", "²-ab.json"])
def test_a_file_that_is_no_record_by_its_name_is_in_nobodys_way(log: ChangeLog, name: str) -> None:
    first = log.append(Deletion(["a"]))
    log._location.write(name, b"{}")
    second = log.append(Deletion(["b"]))
    assert log.records() == [first, second]


def test_an_added_pictures_bytes_are_kept_under_their_digest(tmp_path: Path) -> None:
    log = open_changes(str(tmp_path / "a store"), "default")
    sha256 = log.put_picture(b"picture")
    assert sha256 == hashlib.sha256(b"picture").hexdigest()
    uri = log.picture_uri(Addition("a", sha256))
    assert Picture("a", uri).path.read_bytes() == b"picture"
    assert log.records() == []


def record(number: int, change: Change) -> Record:
    return Record(f"{number:03d}.json", "2026-01-01T00:00:00.000+00:00", change)


changes = st.one_of(
    st.builds(Deletion, st.lists(st.sampled_from("abc"), min_size=1, max_size=2)),
    st.builds(
        Additions,
        st.lists(st.builds(Addition, st.sampled_from("abc"), st.just("0" * 64)), max_size=2),
    ),
)


@given(st.lists(changes, max_size=12), st.randoms())
def test_the_last_word_on_an_id_holds_in_whatever_order_records_are_read(
    made: list[Change], shuffler: object
) -> None:
    records = [record(number, change) for number, change in enumerate(made)]
    last: dict[str, str] = {}
    for item in records:
        change = item.change
        ids = change.ids if isinstance(change, Deletion) else [p.id for p in change.pictures]
        last.update(dict.fromkeys(ids, type(item.change).__name__))
    shuffler.shuffle(records)  # type: ignore[attr-defined]
    found = standing(records)
    assert found.deleted == {key for key, word in last.items() if word == "Deletion"}
    assert found.added.keys() == {key for key, word in last.items() if word == "Additions"}
    assert found.names == {item.name for item in records}


@given(st.lists(changes, max_size=12), st.randoms())
def test_last_words_are_what_stands_in_whatever_order_records_come(
    made: list[Change], shuffler: object
) -> None:
    records = [record(number, change) for number, change in enumerate(made)]
    now = standing(records)
    shuffler.shuffle(records)  # type: ignore[attr-defined]
    words = LastWords()
    about = set().union(*map(words.take, records))
    assert about == now.deleted | now.added.keys()
    for name in about:
        added = words.added(name)
        assert (added and added.addition) == now.added.get(name)
        assert words.deleted_after(name, "") >= (name in now.deleted)


def test_a_picture_that_was_deleted_before_it_was_added_is_known_to_have_been() -> None:
    words = LastWords()
    later, earlier = record(3, Additions([Addition("b", "0" * 64)])), record(2, Deletion(["b"]))
    words.take(later)
    words.take(earlier)
    assert words.added("b") == Added(later.name, later.change.pictures[0])
    assert words.deleted_after("b", "")
    assert not words.deleted_after("b", later.name)


def test_a_later_record_comes_later_whatever_the_clocks_say(
    log: ChangeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = log.append(Additions([Addition("a", "0" * 64)]))
    monkeypatch.setattr("lookalike.changes.log.time.time_ns", lambda: 5)  # a clock far behind
    second = log.append(Deletion(["a"]))
    assert [item.name for item in log.records()] == [first.name, second.name]
    assert standing(log.records()).deleted == {"a"}


def test_a_log_that_cannot_be_listed_is_no_empty_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_changes(str(tmp_path), "default")
    log.append(Deletion(["a"]))
    monkeypatch.setattr("lookalike.store.location.os.scandir", _refuse)
    with pytest.raises(OSError, match="refused"):
        log.records()


def _refuse(*_: object, **__: object) -> None:
    raise OSError("refused")


def test_a_store_whose_path_looks_like_a_pattern_is_listed(tmp_path: Path) -> None:
    log = open_changes(str(tmp_path / "[prod]*"), "default")
    record = log.append(Deletion(["a"]))
    assert log.records() == [record]
