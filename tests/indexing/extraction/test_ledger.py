"""The ledger of one part, and what it knows without a file being read."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexing.extraction import ledger_file, stamps
from indexing.extraction.features import Features
from indexing.extraction.known import as_digests, sort_digests
from indexing.extraction.ledger import Entry, Ledger
from indexing.extraction.parts import Part
from indexing.extraction.pending import Made
from lookalike.catalogue import Picture, Stamp
from lookalike.errors import DataError, StoreError
from lookalike.store import Location

DIGEST = bytes(range(32))


def opened(path: Path, known: Sequence[bytes] = (DIGEST,), part: Part | None = None) -> Ledger:
    return Ledger(path, part or Part(), sort_digests([as_digests(known)]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledgers" / "part-0-of-1.sqlite"


def picture(name: str, stamp: Stamp | None = None, uri: str = "file:///a") -> Picture:
    return Picture(name, uri, None, {}, stamp)


def finished(path: Path, entries: Sequence[Entry], uri: str = "file:///a") -> None:
    ledger = opened(path)
    ledger.look_up([picture(entry.id, uri=uri) for entry in entries])
    ledger.record(entries)
    ledger.forget()
    ledger.finish()


STAMPS = st.one_of(
    st.none(),
    st.builds(
        Stamp,
        st.integers(0, 2),
        st.one_of(st.none(), st.integers(0, 2)),
        st.one_of(st.none(), st.sampled_from(["a", "b"])),
    ),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(recorded=STAMPS, listed=STAMPS)
def test_the_rule_of_stamps_is_the_same_in_sql_and_in_python(
    tmp_path: Path, recorded: Stamp | None, listed: Stamp | None
) -> None:
    path = tmp_path / "ledger.sqlite"
    path.unlink(missing_ok=True)
    finished(path, [Entry("a", "embedded", DIGEST, recorded)])
    ledger = opened(path)
    found = ledger.look_up([picture("a", listed)])
    ledger.close()
    assert found.unchanged == stamps.same(recorded, listed)
    asked = [item for item in found.to_read if item.recorded is not None]
    assert len(asked) == (listed is None and recorded is not None)


def test_what_is_recorded_in_a_run_that_was_broken_off_is_not_looked_at_again(path: Path) -> None:
    ledger = opened(path)
    ledger.look_up([picture(name) for name in "abc"])
    bad = Entry("b", "quarantined", stamp=Stamp(1, 1), type="x", detail="")
    ledger.record([Entry("a", "embedded", DIGEST), bad])
    ledger.close()
    again = opened(path)
    assert again.resumed
    found = again.look_up([picture(name) for name in "abc"])
    assert [item.id for item in found.to_read] == ["c"]
    assert found.done == {"embedded": 1, "quarantined": 1}
    again.close()


def test_a_missing_picture_is_looked_for_again_even_in_the_same_run(path: Path) -> None:
    ledger = opened(path)
    ledger.look_up([picture("a")])
    ledger.record([Entry("a", "missing", type="missing", detail="")])
    ledger.close()
    again = opened(path)
    assert [item.id for item in again.look_up([picture("a")]).to_read] == ["a"]
    again.close()


def test_a_picture_that_moved_is_read(path: Path) -> None:
    stamp = Stamp(1, 1)
    finished(path, [Entry("a", "embedded", DIGEST, stamp)])
    ledger = opened(path)
    assert len(ledger.look_up([picture("a", stamp, uri="file:///b")]).to_read) == 1
    ledger.close()


@pytest.mark.parametrize("listed", [Stamp(1, 1), None])
def test_a_picture_that_moved_is_read_by_the_run_after_one_that_was_broken_off(
    listed: Stamp | None, path: Path
) -> None:
    finished(path, [Entry("a", "embedded", DIGEST, Stamp(1, 1))])
    moved = picture("a", listed, uri="file:///b")  # of one size and time, as unpacked files can be
    broken_off = opened(path)
    broken_off.look_up([moved])
    broken_off.close()
    ledger = opened(path)
    [found] = ledger.look_up([moved]).to_read
    ledger.close()
    assert found.recorded is None


def test_a_run_cannot_end_while_a_picture_has_no_outcome(path: Path) -> None:
    ledger = opened(path)
    ledger.look_up([picture("a"), picture("b")])
    ledger.record([Entry("a", "embedded", DIGEST)])
    with pytest.raises(StoreError, match=r"1 pictures .* have no outcome"):
        ledger.forget()
    ledger.close()


def test_ids_that_are_forgotten_leave_the_file(path: Path) -> None:
    entries = [Entry(f"person {number}", "embedded", DIGEST) for number in range(500)]
    finished(path, entries)
    assert path.read_bytes().count(b"person ") >= len(entries)
    finished(path, entries[:1])
    assert path.read_bytes().replace(b"person 0", b"").count(b"person ") == 0


def test_ids_that_are_there_twice_are_named_across_stretches(path: Path) -> None:
    ledger = opened(path)
    ledger.look_up([picture("a"), picture("b")])
    with pytest.raises(DataError, match="'b'"):
        ledger.look_up([picture("c"), picture("b")])
    ledger.close()


def test_vectors_that_wait_are_known_and_survive(path: Path, tmp_path: Path) -> None:
    first, second = bytes(32), bytes([1]) * 32
    vectors = np.array([[0, 0], [1, 2]], np.float32)
    ledger = opened(path, [])
    ledger.record([], Made([first, second], vectors))
    ledger.record([], Made([second], vectors[1:]))  # twice does no harm
    ledger.close()
    again = opened(path, [])
    assert again.fresh([first, second, DIGEST]) == {first: True, second: False}
    features = Features(Location(str(tmp_path / "features")), 2)
    again.flush(features, least=4)
    assert features.parts() == []
    again.flush(features, least=2)
    out = np.empty((2, 2), np.float32)
    features.gather(np.frombuffer(second + first, np.uint8).reshape(2, 32), out)
    assert np.array_equal(out, vectors[::-1])
    again.flush(features, least=1)
    assert len(features.parts()) == 1
    again.close()


def test_a_second_process_at_one_part_is_told_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexing.extraction.ledger_file.LOCK_SECONDS", 0.1)
    ledger = opened(path)
    with pytest.raises(StoreError, match="another process is extracting"):
        opened(path)
    ledger.close()
    opened(path).close()


def test_a_ledger_of_another_part_is_refused(path: Path) -> None:
    opened(path).close()
    with pytest.raises(StoreError, match="is of part 0 of 1, not of part 1 of 2"):
        opened(path, part=Part(1, 2))


def test_a_file_that_is_no_ledger_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        opened(path)


def test_a_ledger_of_another_format_is_refused(path: Path) -> None:
    finished(path, [])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE about SET value = 99 WHERE name = 'format'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="of format 99"):
        opened(path)


def test_a_finished_ledger_is_one_file(path: Path) -> None:
    finished(path, [Entry("a", "embedded", DIGEST)])
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_reasons_are_told_commonest_first(path: Path) -> None:
    ledger = opened(path)
    ledger.look_up([picture(name) for name in "abcd"])
    kinds = {"a": "x", "b": "y", "c": "y"}
    ledger.record([Entry(name, "quarantined", type=kind) for name, kind in kinds.items()])
    ledger.record([Entry("d", "embedded", DIGEST)])
    assert ledger.reasons() == [("y", 2, "b"), ("x", 1, "a")]
    assert ledger.counts() == {"quarantined": 3, "embedded": 1}
    ledger.close()


KILLED_AT_THE_JOURNAL = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA cache_size = 5")
connection.execute("BEGIN")
rows = ((f"half {number}", number) for number in range(20_000))
connection.executemany("INSERT INTO about VALUES (?, ?)", rows)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_killed_while_it_wrote_by_a_journal_is_rolled_back(path: Path) -> None:
    """As where leaving the write-ahead mode is broken off."""
    finished(path, [])
    command = [sys.executable, "-c", KILLED_AT_THE_JOURNAL, str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert path.with_name(f"{path.name}-journal").stat().st_size > 0
    connection = ledger_file.open_for_reading(path)
    names = [name for (name,) in connection.execute("SELECT name FROM about")]
    connection.close()
    assert "finished" in names
    assert not [name for name in names if name.startswith("half")]


def test_a_ledger_that_was_killed_before_it_had_tables_is_read_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "part-0-of-1.sqlite"
    path.touch()
    connection = ledger_file.open_for_reading(path)
    assert connection.execute("SELECT count(*) FROM pictures").fetchone() == (0,)
    connection.close()
