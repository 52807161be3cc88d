"""What rows are: written once, streamed, and read back by row and by id."""

import sqlite3
from pathlib import Path

import pytest

import lookalike.index.pictures as pictures_module
from lookalike.errors import DataError, DigestMismatch
from lookalike.index import (
    PictureRow,
    Pictures,
    PictureTable,
    Quarantined,
    QuarantineTable,
    bits_of,
    read_tombstones,
    write_pictures,
    write_quarantine,
    write_tombstones,
)
from lookalike.index.pictures import INSERTED_TOGETHER

ROWS = [
    PictureRow("a/1.png", "a/1.png", "a", b"1" * 32, {"price": 2.5, "sold": False, "by": None}),
    PictureRow('it\'s "quoted"/日本 🦜.png', "u", None, b"2" * 32, {"colour": "été"}),
    PictureRow("x" * 4096, "u", "", b"3" * 32),
]


def test_pictures_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "pictures #1?.sqlite"
    assert write_pictures(path, iter(ROWS)) == 3
    table = PictureTable(path)
    assert table.rows([2, 0, 1]) == [ROWS[2], ROWS[0], ROWS[1]]
    assert table.rows([]) == []
    assert list(table) == ROWS
    table.close()


def test_ids_give_their_rows(tmp_path: Path) -> None:
    write_pictures(tmp_path / "p.sqlite", ROWS)
    table = PictureTable(tmp_path / "p.sqlite")
    assert table.find([ROWS[1].id, "nobody", ROWS[2].id]) == {ROWS[1].id: 1, ROWS[2].id: 2}
    assert table.find([]) == {}
    table.close()


def test_thousands_of_rows_can_be_asked_for_at_once(tmp_path: Path) -> None:
    rows = [PictureRow(str(n), str(n), None, b"") for n in range(2000)]
    write_pictures(tmp_path / "p.sqlite", rows)
    table = PictureTable(tmp_path / "p.sqlite")
    assert [row.id for row in table.rows(list(range(1999, -1, -1)))][:2] == ["1999", "1998"]
    assert table.find([row.id for row in rows]) == {str(n): n for n in range(2000)}
    table.close()


def test_segments_are_numbered_through(tmp_path: Path) -> None:
    names = [["a", "b", "c"], ["d"], ["b", "e"]]
    paths = [tmp_path / f"{number}.sqlite" for number in range(3)]
    for path, ids in zip(paths, names, strict=True):
        write_pictures(path, [PictureRow(name, name, None, b"") for name in ids])
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
    paths = [tmp_path / "0.sqlite", tmp_path / "1.sqlite"]
    for path, ids in zip(paths, (["a", "b", "c"], ["d"]), strict=True):
        write_pictures(path, [PictureRow(name, name, None, b"") for name in ids])
    Pictures(paths, [3, 1]).close()
    with pytest.raises(DigestMismatch, match=r"rows, its manifest says"):
        Pictures(paths, counts)


def test_two_pictures_of_one_id_are_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'a/1\.png' twice"):
        write_pictures(tmp_path / "p.sqlite", [ROWS[0], ROWS[1], ROWS[0]])


@pytest.mark.parametrize("together", [INSERTED_TOGETHER, 3])
@pytest.mark.parametrize(
    ("again", "twice"),
    [({4: 0}, 0), ({1: 0}, 0), ({5: 4}, 4), ({9: 8}, 8), ({7: 1, 5: 2}, 2), ({7: 6, 8: 0}, 6)],
)
def test_the_first_id_that_an_earlier_row_has_is_named(
    again: dict[int, int],
    twice: int,
    together: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures_module, "INSERTED_TOGETHER", together)
    rows = [PictureRow(f"id {again.get(n, n)}", "u", None, b"") for n in range(10)]
    with pytest.raises(DataError, match=f"'id {twice}' twice"):
        write_pictures(tmp_path / "p.sqlite", rows)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_every_row_is_there_at_the_end(more: int, tmp_path: Path) -> None:
    rows = [PictureRow(f"{n:05}", "u", None, b"") for n in range(2 * INSERTED_TOGETHER + more)]
    assert write_pictures(tmp_path / "p.sqlite", rows) == len(rows)
    table = PictureTable(tmp_path / "p.sqlite")
    assert list(table) == rows
    table.close()


def test_a_published_table_is_never_changed(tmp_path: Path) -> None:
    write_pictures(tmp_path / "p.sqlite", ROWS)
    table = PictureTable(tmp_path / "p.sqlite")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        table._connection.execute("DELETE FROM pictures")
    table.close()


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
