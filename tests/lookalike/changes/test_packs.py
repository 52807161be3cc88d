"""Packs of records: read as the records themselves, in part or not at all where those are known."""

from pathlib import Path

import pytest

from lookalike.changes import Addition, Additions, ChangeLog, Deletion, Listing, open_changes
from lookalike.errors import StoreError
from tests.lookalike.test_store import root

__all__ = ["root"]
NEWLINES = Addition("new\nline", "0" * 64, "a\r\nb\u2028c", {"note": "\n"})


@pytest.fixture
def log(root: str) -> ChangeLog:
    return open_changes(root, "default")


def packed(log: ChangeLog) -> list[str]:
    """Pack all of a log, and remove what that stands for; give the records' names."""
    listed, records = log.listed(), log.records()
    names = [record.name for record in records]
    log.pack(records, names, listed)
    log.remove([*listed.records, *listed.packs])
    return names


def only_pack(log: ChangeLog) -> Path:
    [name] = log.listed().packs
    return Path(log._location.path(name))


def test_packed_records_are_read_as_they_were_written(log: ChangeLog) -> None:
    written = [log.append(Deletion(["a"])), log.append(Additions([NEWLINES]))]
    names = packed(log)
    assert log.listed().records == []
    assert log.records() == written
    assert log.standing().names == frozenset(names)
    assert log.news(known=names[:1]).records == written[1:]
    assert log.news(known=names).records == []


def test_records_and_the_packs_of_packs_are_read_together_and_once_each(log: ChangeLog) -> None:
    written = [log.append(Deletion([name])) for name in "ab"]
    packed(log)
    written.append(log.append(Deletion(["c"])))
    listed = log.listed()
    log.pack(written, [record.name for record in written], listed)  # what it has stays a while
    written.append(log.append(Deletion(["d"])))
    assert (len(log.listed().packs), len(log.listed().records)) == (2, 2)
    assert log.records() == written
    news = log.news()
    assert log.news(news.names, news.packs) == type(news)([], frozenset(), frozenset())


def test_a_later_record_comes_after_all_that_are_packed(
    log: ChangeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(Additions([NEWLINES]))
    packed(log)
    monkeypatch.setattr("lookalike.changes.log.time.time_ns", lambda: 5)  # a clock far behind
    log.append(Deletion([NEWLINES.id]))
    assert log.standing().deleted == {NEWLINES.id}


def test_who_knows_all_records_of_a_pack_reads_none_of_them(tmp_path: Path) -> None:
    log = open_changes(str(tmp_path), "default")
    log.append(Deletion(["a"]))
    names = packed(log)
    header, _, _ = only_pack(log).read_bytes().partition(b"\n")
    only_pack(log).write_bytes(header + b"\n")
    assert log.news(known=names).records == []
    with pytest.raises(StoreError, match="SHA-256"):
        log.records()


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda data: data[:-9],
        lambda data: data.replace(b'"ids":["a"]', b'"ids":["b"]'),
        lambda data: data.replace(b'"format":1', b'"format":2'),
        lambda data: data[data.index(b"\n") + 1 :],
    ],
)
def test_a_damaged_pack_is_told_and_never_passed_over(tmp_path: Path, damage: object) -> None:
    log = open_changes(str(tmp_path), "default")
    log.append(Deletion(["a"]))
    packed(log)
    only_pack(log).write_bytes(damage(only_pack(log).read_bytes()))  # type: ignore[operator]
    with pytest.raises(StoreError, match=r"\.pack is (not a pack|of format 2)"):
        log.records()


class Stale(ChangeLog):
    """A log whose first listing was taken before another process packed and removed."""

    def __init__(self, of: ChangeLog, times: int) -> None:
        super().__init__(of._location)
        self._of, self._times = of, times

    def listed(self) -> Listing:
        listed = super().listed()
        if self._times:
            self._times -= 1
            packed(self._of)
            self._of.append(Deletion(["another"]))
        return listed


def test_what_is_packed_and_removed_while_it_is_read_is_not_missed(log: ChangeLog) -> None:
    log.append(Deletion(["a"]))
    for _ in range(2):  # a record that goes, then a pack
        assert Stale(log, times=1).standing().deleted == {"a", "another"}


def test_a_store_in_which_files_go_on_vanishing_is_told(log: ChangeLog) -> None:
    log.append(Deletion(["a"]))
    with pytest.raises(StoreError, match="gone again and again"):
        Stale(log, times=9).records()
