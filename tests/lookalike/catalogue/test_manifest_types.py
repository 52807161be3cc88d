"""What becomes of a manifest's values: text, numbers, truth values and times."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from lookalike.catalogue import Picture, open_catalogue
from lookalike.errors import DataError
from tests.lookalike.catalogue.manifests import read


def test_csv_columns_have_the_types_of_their_values(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "id,uri,i,f,b,d,t,z,s,e\n"
        "1,/a,12,1e3,true,2024-02-29,2024-02-29 10:00:00,2024-02-29T10:00:00Z,NA,\n"
        "2,/b,,nan,false,,,,,\n"
    )
    first, second = open_catalogue(str(tmp_path / "m.csv"))
    assert first.attributes == {
        "i": 12,
        "f": 1000.0,
        "b": True,
        "d": "2024-02-29",
        "t": "2024-02-29T10:00:00",
        "z": "2024-02-29T10:00:00+00:00",
        "s": "NA",
        "e": None,
    }
    assert second.attributes == dict.fromkeys("ifdtzse") | {"b": False}


def test_a_csv_column_that_begins_empty_may_hold_text_far_below(tmp_path: Path) -> None:
    lines = ["id,uri,note", *(f"{n},/a.png,{'x' * (n > 120_000)}" for n in range(120_010))]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    notes = [p.attributes["note"] for p in open_catalogue(str(tmp_path / "m.csv"))]
    assert len(notes) == 120_010
    assert notes[0] is None
    assert notes[-1] == "x"


def test_a_csv_value_of_another_type_far_below_is_an_error_that_shows_it(tmp_path: Path) -> None:
    lines = ["id,uri,stock", *(f"{n},/a.png,{n}" for n in range(120_000)), "x,/a.png,many"]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"m\.csv.*column #2.*'many'"):
        list(open_catalogue(str(tmp_path / "m.csv")))


def parquet_attribute(values: pa.Array, folder: Path) -> list[object]:
    size = len(values)
    table = {"id": [str(n) for n in range(size)], "uri": ["/a.png"] * size, "x": values}
    parquet.write_table(pa.table(table), folder / "m.parquet")
    return [p.attributes["x"] for p in open_catalogue(str(folder / "m.parquet"))]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1, None], pa.uint64()), [1, None]),
        (pa.array([1.5, float("nan"), float("inf")]), [1.5, None, None]),
        (pa.array([Decimal("1.25"), None]), [1.25, None]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array([date(2024, 2, 29)]), ["2024-02-29"]),
        (pa.array([time(1, 2, 3)]), ["01:02:03"]),
        (pa.array([1], pa.time64("ns")), ["00:00:00"]),
        (pa.array([datetime(2024, 2, 29, 1, 2, 3, 4)]), ["2024-02-29T01:02:03.000004"]),
        (pa.array([1], pa.timestamp("ns")), ["1970-01-01T00:00:00"]),
        (pa.array([datetime(2024, 2, 29, tzinfo=UTC)]), ["2024-02-29T00:00:00+00:00"]),
        (pa.array([True, None]), [True, None]),
    ],
)
def test_parquet_attributes_keep_their_type_and_times_are_iso_text(
    values: pa.Array, expected: list[object], tmp_path: Path
) -> None:
    assert parquet_attribute(values, tmp_path) == expected


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (pa.array([[1, 2]]), "a list"),
        (pa.array([{"a": 1}]), "a dict"),
        (pa.array([b"x"]), "a bytes"),
        (pa.array([timedelta(1)]), "a timedelta"),
        (pa.array([1], pa.duration("ns")), "a timedelta"),
    ],
)
def test_attributes_that_cannot_be_are_named(values: pa.Array, what: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"row 1: column 'x' holds {what}"):
        parquet_attribute(values, tmp_path)


def test_a_time_that_python_has_not_names_the_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one of the rows 1 to 1 cannot be read"):
        parquet_attribute(pa.array([10**18], pa.timestamp("ms")), tmp_path)


def test_whole_numbers_can_be_ids_and_labels_of_a_parquet_file(tmp_path: Path) -> None:
    found = read(tmp_path / "m.parquet", ["id", "uri", "label"], [[7, "/a.png", 12]])
    assert found == [Picture("7", "file:///a.png", "12")]


def test_other_ids_than_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: id holds a float, and must be text"):
        read(tmp_path / "m.parquet", ["id", "uri"], [[1.5, "/a.png"]])
