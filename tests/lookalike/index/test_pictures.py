"""What rows are: written once, streamed, and read back by row and by id."""

import sqlite3
import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.errors import DataError, DigestMismatch
from lookalike.index import (
    PictureRow,
    Pictures,
    PictureTable,
    Quarantined,
    QuarantineTable,
    bits_of,
    open_pictures,
    read_tombstones,
    write_pictures,
    write_quarantine,
    write_tombstones,
)

ROWS = [
    PictureRow("a/1.png", "a/1.png", "a", b"1" * 32, {"price": 2.5, "sold": False, "by": None}),
    PictureRow('it\'s "quoted"/日本 🦜.png', "u", None, b"2" * 32, {"colour": "été"}),
    PictureRow("x" * 4096, "u", "", b"3" * 32),
]
# As rows were written until November 2026.
SQLITE = """
CREATE TABLE pictures (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL, label TEXT, sha256 BLOB,
    attributes TEXT
);
"""


def write_sqlite(path: Path, rows: list[PictureRow]) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(SQLITE)
    for number, row in enumerate(rows):
        attributes = msgspec.json.encode(row.attributes).decode() if row.attributes else ""
        values = (number, row.id, row.uri, row.label, row.sha256, attributes)
        connection.execute("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?)", values)
    connection.commit()
    connection.close()


@pytest.fixture(params=["p.pictures", "p #1?.sqlite"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def made(path: Path, rows: list[PictureRow]) -> PictureTable:
    if path.suffix == ".sqlite":
        write_sqlite(path, rows)
    else:
        assert write_pictures(path, iter(rows)) == len(rows)
    table = open_pictures(path)
    path.unlink()  # as another worker's swap does
    return table


def test_pictures_come_back_by_row_and_in_order(path: Path) -> None:
    table = made(path, ROWS)
    assert [table.row(number) for number in (2, 0, 1)] == [ROWS[2], ROWS[0], ROWS[1]]
    assert list(table) == ROWS
    assert table.count == 3
    table.close()


def test_ids_give_their_rows(path: Path) -> None:
    table = made(path, ROWS)
    asked = [ROWS[1].id, "", "nobody", "zz", ROWS[2].id]
    assert table.find(asked) == {ROWS[1].id: 1, ROWS[2].id: 2}
    assert table.find([]) == {}
    table.close()


def test_digests_are_found(path: Path) -> None:
    table = made(path, ROWS)
    assert table.digests({b"2" * 32, b"4" * 32}) == {b"2" * 32}
    table.close()


def test_a_segment_may_be_without_rows(path: Path) -> None:
    table = made(path, [])
    assert (table.count, list(table), table.find(["a"])) == (0, [], {})
    table.close()


@pytest.mark.parametrize("every", [1, 7, 300, 1999])
def test_thousands_of_rows_can_be_asked_for_at_once(path: Path, every: int) -> None:
    rows = [PictureRow(f"{n:04}", str(n), None, b"") for n in range(2000)]
    table = made(path, rows)
    asked = [row.id for row in rows[::-every]]
    assert table.find(["", "0000!", *asked, "2000"]) == {name: int(name) for name in asked}
    table.close()


def test_a_whole_number_of_any_size_comes_back(path: Path) -> None:
    """MessagePack's have 64 bits."""
    rows = [PictureRow("a", "u", "l", b"1" * 32, {"n": 10**20, "m": -(2**63) - 1}), ROWS[2]]
    table = made(path, rows)
    assert (list(table), table.find(["a", "b", ROWS[2].id])) == (rows, {"a": 0, ROWS[2].id: 1})
    table.close()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**63 - 2, 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
PICTURES = st.builds(
    PictureRow,
    id=st.text(max_size=6),
    uri=st.text(),
    label=st.none() | st.text(),
    sha256=st.binary(min_size=32, max_size=32),
    attributes=st.dictionaries(st.text(), VALUES, max_size=3),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pictures=st.lists(PICTURES, unique_by=lambda row: row.id))
def test_whatever_rows_hold_comes_back(tmp_path: Path, pictures: list[PictureRow]) -> None:
    rows = sorted(pictures, key=lambda row: row.id)
    table = made(tmp_path / "p.pictures", rows)
    assert list(map(repr, table)) == list(map(repr, rows))  # 1, 1.0 and true are not the same
    assert table.find([row.id for row in pictures]) == {row.id: n for n, row in enumerate(rows)}
    table.close()


def test_segments_are_numbered_through(tmp_path: Path) -> None:
    names = [["a", "b", "c"], ["d"], ["b", "e"]]
    paths = [tmp_path / name for name in ("0.sqlite", "1.pictures", "2.pictures")]
    for path, ids in zip(paths, names, strict=True):
        write = write_sqlite if path.suffix == ".sqlite" else write_pictures
        write(path, [PictureRow(name, name, None, b"") for name in ids])
    pictures = Pictures(paths, [3, 1, 2])
    assert [row.id for row in pictures.rows([5, 0, 3, 4])] == ["e", "a", "d", "b"]
    assert pictures.find(["b", "e", "z"]) == {"b": [1, 4], "e": [5]}
    numbered = [(number, row.id) for number, row in pictures.by_id()]
    assert numbered == [(0, "a"), (1, "b"), (4, "b"), (2, "c"), (3, "d"), (5, "e")]
    assert [row.id for _, row in pictures.by_id(slice(2))] == ["a", "b", "c", "d"]
    pictures.close()


@pytest.mark.parametrize("counts", [[2, 1], [3, 0], [4, 1]])
def test_a_file_of_another_number_of_rows_is_refused(counts: list[int], tmp_path: Path) -> None:
    """Else searches would fail on the rows that are not there."""
    paths = [tmp_path / "0.pictures", tmp_path / "1.pictures"]
    for path, ids in zip(paths, (["a", "b", "c"], ["d"]), strict=True):
        write_pictures(path, [PictureRow(name, name, None, b"") for name in ids])
    Pictures(paths, [3, 1]).close()
    with pytest.raises(DigestMismatch, match=r"rows, its manifest says"):
        Pictures(paths, counts)


def test_two_pictures_of_one_id_are_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'a/1\.png' twice"):
        write_pictures(tmp_path / "p", [ROWS[0], ROWS[0], ROWS[1]])


def test_rows_that_are_not_sorted_are_refused(tmp_path: Path) -> None:
    """Else none would be found by its id."""
    with pytest.raises(ValueError, match=r"'a/1\.png' came after"):
        write_pictures(tmp_path / "p", [ROWS[1], ROWS[0]])


def test_a_draft_that_was_broken_off_is_no_file_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        write_pictures(tmp_path / "p", [ROWS[0], ROWS[0]])
    with pytest.raises(DigestMismatch, match=r"p is no file of a segment's pictures"):
        open_pictures(tmp_path / "p")
    assert [file.name for file in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize("size", [0, 7, 16, 4000, -1])
def test_a_file_that_is_cut_is_refused(size: int, tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", ROWS)
    (tmp_path / "p").write_bytes((tmp_path / "p").read_bytes()[:size])
    with pytest.raises(DigestMismatch, match="pictures"):
        open_pictures(tmp_path / "p")


@pytest.mark.parametrize(
    ("place", "damage"),
    [(0, b"\xc1"), (0, b"["), (0, b'["a'), (2, b"\xff")],
    ids=["no-row", "no-json", "half-json", "no-utf8"],
)
def test_a_damaged_row_is_an_error_of_its_own(place: int, damage: bytes, tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", ROWS)
    data = (tmp_path / "p").read_bytes()
    (tmp_path / "p").write_bytes(data[:place] + damage + data[place + len(damage) :])
    table = open_pictures(tmp_path / "p")
    for read in (lambda: table.row(0), lambda: list(table), lambda: table.find(["a"])):
        with pytest.raises(DigestMismatch, match=r"p is no file of a segment's pictures"):
            read()
    assert table.row(1) == ROWS[1]
    table.close()


@pytest.mark.parametrize("count", [0, 1, 2, 4, 2**60])
def test_a_damaged_count_of_rows_is_noticed(count: int, tmp_path: Path) -> None:
    write_pictures(tmp_path / "p", ROWS)
    (tmp_path / "p").write_bytes((tmp_path / "p").read_bytes()[:-8] + struct.pack("<Q", count))
    with pytest.raises(DigestMismatch, match=r"p is no file of a segment's pictures"):
        open_pictures(tmp_path / "p")


def test_a_damaged_file_of_former_times_is_told_alike(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    write_sqlite(path, [PictureRow(f"{n:04}", "u" * 99, None, b"") for n in range(400)])
    data = path.read_bytes()
    path.write_bytes(data[:4096] + bytes(len(data) - 4096))
    with pytest.raises(DigestMismatch, match=r"p\.sqlite is no file of a segment's pictures"):
        list(open_pictures(path))
    path.write_bytes(b"none of SQLite's")
    with pytest.raises(DigestMismatch, match=r"p\.sqlite is no file of a segment's pictures"):
        open_pictures(path)


def test_the_quarantine_is_listed_by_id(tmp_path: Path) -> None:
    items = [Quarantined("b", "u", "truncated-picture", "why"), Quarantined("a", "u", "t", "d")]
    assert write_quarantine(tmp_path / "q.sqlite", iter(items)) == 2
    quarantine = QuarantineTable(tmp_path / "q.sqlite")
    (tmp_path / "q.sqlite").unlink()  # as another worker's swap does
    assert list(quarantine) == items[::-1]
    assert quarantine.page("t", 10, 0) == (items[1:], {"t": 1, "truncated-picture": 1})
    assert (quarantine.find("b"), quarantine.find("c")) == (items[0], None)
    assert quarantine.among(["a", "c"]) == {"a"}
    quarantine.close()


def test_a_version_without_a_quarantine_has_an_empty_one() -> None:
    quarantine = QuarantineTable(None)
    assert list(quarantine) == []
    assert quarantine.page(None, 10, 0) == ([], {})
    quarantine.close()


def test_a_picture_that_is_quarantined_twice_is_named(tmp_path: Path) -> None:
    item = Quarantined("b'", "u", "truncated-picture", "why")
    with pytest.raises(DataError, match="b'"):
        write_quarantine(tmp_path / "q.sqlite", [item, item])


def test_tombstones_come_back_and_are_of_every_row(tmp_path: Path) -> None:
    bits = bits_of([0, 9, 12], 13)
    write_tombstones(tmp_path / "dead", bits)
    assert (read_tombstones(tmp_path / "dead", 13) == bits).all()
    with pytest.raises(DigestMismatch, match="17 rows"):
        read_tombstones(tmp_path / "dead", 17)
