"""Parquet and CSV manifests, local and remote."""

import gzip
import io
import sys
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.catalogue import Picture, open_catalogue, tables
from lookalike.errors import ConfigurationError, DataError, SourceUnavailable
from tests.lookalike.catalogue.manifests import WRITERS, parquet_bytes, read

_numbers = count()
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
IDS = TEXTS.filter(lambda text: len(text.encode()) <= 4096)


@pytest.fixture(params=list(WRITERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_row_is_a_picture_with_attributes(kind: str, tmp_path: Path) -> None:
    names = ["price", "id", "label", "uri", "stock", "name", "sold"]
    rows = [[1.5, "a", "bird", "/a.png", 3, "owl", True], [2.0, "b", None, "/b", None, None, False]]
    assert read(tmp_path / f"m{kind}", names, rows) == [
        Picture(
            "a",
            "file:///a.png",
            "bird",
            {"price": 1.5, "stock": 3, "name": "owl", "sold": True},
        ),
        Picture("b", "file:///b", None, {"price": 2.0, "stock": None, "name": None, "sold": False}),
    ]


def test_id_and_uri_are_enough(kind: str, tmp_path: Path) -> None:
    found = read(tmp_path / f"m{kind}", ["uri", "id"], [["s3://bucket/a b.png", "a"]])
    assert found == [Picture("a", "s3://bucket/a b.png")]


def test_relative_uris_start_from_the_manifest(kind: str, tmp_path: Path) -> None:
    uris = ["bird/a b#.png", "./a.png", "../up.png", "/abs.png", "file:///x%20y.png"]
    rows: list[list[object]] = [[str(place), uri] for place, uri in enumerate(uris)]
    (tmp_path / "folder").mkdir()
    assert [p.uri for p in read(tmp_path / f"folder/m{kind}", ["id", "uri"], rows)] == [
        (tmp_path / "folder/bird/a b#.png").as_uri(),
        (tmp_path / "folder/a.png").as_uri(),
        (tmp_path / "up.png").as_uri(),
        "file:///abs.png",
        "file:///x%20y.png",
    ]


def test_a_remote_manifest_s_relative_uris_are_remote(kind: str, s3: Any, bucket: str) -> None:
    uris = ["bird/a b#.png", "../up.png", "../../../far.png", "gs://other/c.png"]
    rows: list[list[object]] = [[str(place), uri] for place, uri in enumerate(uris)]
    s3.pipe_file(f"{bucket}/x/y/m{kind}", WRITERS[kind](["id", "uri"], rows))
    assert [p.uri for p in open_catalogue(f"s3://{bucket}/x/y/m{kind}")] == [
        f"s3://{bucket}/x/y/bird/a b#.png",
        f"s3://{bucket}/x/up.png",
        f"s3://{bucket}/far.png",
        "gs://other/c.png",
    ]


def test_a_file_url_and_a_path_are_the_same_manifest(kind: str, tmp_path: Path) -> None:
    place = tmp_path / f"a b#{kind}"
    found = read(place, ["id", "uri"], [["a", "a.png"]])
    assert list(open_catalogue(place.as_uri())) == found


@pytest.mark.parametrize("kind", list(WRITERS))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ids=st.lists(IDS, min_size=1, max_size=5))
def test_any_text_survives_as_an_id(kind: str, tmp_path: Path, ids: list[str]) -> None:
    rows: list[list[object]] = [[text, "/a.png", text, text] for text in ids]
    found = read(tmp_path / f"m{kind}", ["id", "uri", "label", "note"], rows)
    assert [(p.id, p.label) for p in found] == [(text, text) for text in ids]


@pytest.mark.parametrize("text", ["🦉/" * 819 + "x", "007", "null", "NA", "true", "a\nb", '"', "'"])
def test_ids_are_text_whatever_they_look_like(kind: str, tmp_path: Path, text: str) -> None:
    found = read(tmp_path / f"m{kind}", ["id", "uri"], [[text, "/a.png"]])
    assert [p.id for p in found] == [text]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 2: the id is empty"),
        ("x" * 4097, "row 2: the id 'x{80}'… has 4097 bytes of UTF-8, over 4096"),
        ("é" * 2049, "row 2: the id 'é{80}'… has 4098 bytes"),
        ("a\0b", r"row 2: the id 'a\\x00b' has a NUL in it"),
    ],
)
def test_ids_that_cannot_be_are_named_by_their_row(
    kind: str, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=rf"m{kind}, {message}"):
        read(tmp_path / f"m{kind}", ["id", "uri"], [["a", "/a.png"], [text, "/b.png"]])


@pytest.mark.parametrize(("uri", "message"), [(None, "uri is empty"), ("a\0", "has a NUL")])
def test_uris_that_cannot_be_are_named_by_their_row(
    kind: str, tmp_path: Path, uri: str | None, message: str
) -> None:
    with pytest.raises(DataError, match=f"row 2: .*{message}"):
        read(tmp_path / f"m{kind}", ["id", "uri"], [["a", "/a.png"], ["b", uri]])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["id", "url"], "has no column 'uri'.*found .'id', 'url'"),
        (["ID", "url"], "has no column 'id' and no column 'uri'"),
    ],
)
def test_a_missing_column_is_named(
    kind: str, tmp_path: Path, names: list[str], message: str
) -> None:
    (tmp_path / f"m{kind}").write_bytes(WRITERS[kind](names, [["a", "b"]]))
    with pytest.raises(DataError, match=rf"m{kind} {message}"):
        open_catalogue(str(tmp_path / f"m{kind}"))


def test_a_column_that_is_there_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("id,uri,id\na,b,c\n")
    with pytest.raises(DataError, match="more than one column 'id'"):
        open_catalogue(str(tmp_path / "m.csv"))


def test_a_manifest_without_rows_is_an_empty_catalogue(kind: str, tmp_path: Path) -> None:
    assert read(tmp_path / f"m{kind}", ["id", "uri"], []) == []


@pytest.mark.parametrize("data", [b"", b"PAR1 no", b"\xff\xfe\x00"])
def test_a_file_that_is_no_table_is_refused(kind: str, tmp_path: Path, data: bytes) -> None:
    (tmp_path / f"m{kind}").write_bytes(data)
    with pytest.raises(DataError, match=f"m{kind}"):
        list(open_catalogue(str(tmp_path / f"m{kind}")))


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    rows: list[list[object]] = [[f"{number:09}", "/a.png"] for number in range(10_000)]
    data = bytearray(parquet_bytes(["id", "uri"], rows))
    data[50:2000] = bytes(1950)
    (tmp_path / "m.parquet").write_bytes(data)
    with pytest.raises(DataError, match=r"m\.parquet"):
        list(open_catalogue(str(tmp_path / "m.parquet")))


def test_a_cut_off_gzip_file_is_refused(tmp_path: Path) -> None:
    rows: list[list[object]] = [[f"{number:09}", "/a.png"] for number in range(10_000)]
    data = WRITERS[".csv.gz"](["id", "uri"], rows)
    (tmp_path / "m.csv.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"m\.csv\.gz"):
        list(open_catalogue(str(tmp_path / "m.csv.gz")))


ROWS = [f"{number},{number}.png,owl" for number in range(9)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "row",
    ['x,x.png,"owl', 'x,x.png,"owl\ny,y.png,"owl"', 'x,x.png,"owl\ny,y.png,a\nz,z.png,"owl'],
)
def test_an_unclosed_quote_loses_no_rows_silently(row: str, packed: bool, tmp_path: Path) -> None:
    text = "\n".join(["id,uri,label", *ROWS, row, *ROWS, ""]).encode()
    place = tmp_path / ("m.csv.gz" if packed else "m.csv")
    place.write_bytes(gzip.compress(text) if packed else text)
    catalogue = open_catalogue(str(place))
    with pytest.raises(DataError, match=r"m\.csv.*, line 11: a quote is not closed"):
        list(catalogue)


def test_quotes_are_seen_to_wherever_the_file_is_cut() -> None:
    sound = b'"a","b ""c""\nd",5" x\n"","""",6"\n' * 5
    for size in range(1, len(sound)):
        for text, line in ((sound, None), (sound + b'"e\nf,"g', 16), (sound + b'"e"",', 16)):
            checked = tables._Checked(io.BytesIO(text), "m.csv")
            while checked.read(size):
                pass
            with nullcontext() if line is None else pytest.raises(DataError, match=f"line {line}:"):
                checked.check_end()


def test_an_unclosed_quote_before_a_megabyte_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "\n".join(["id,uri,label", *ROWS, 'x,"x.png,owl', *ROWS * 20_000])
    )
    with pytest.raises(DataError, match=r"a row of over 1 MB: perhaps a quote is not closed"):
        list(open_catalogue(str(tmp_path / "m.csv")))


def test_inches_are_no_quotes(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('id,uri,size\na,a.png,5" wide\nb,b.png,6\n')
    sizes = [picture.attributes["size"] for picture in open_catalogue(str(tmp_path / "m.csv"))]
    assert sizes == ['5" wide', "6"]


def test_inches_beside_a_value_of_several_lines_are_no_quotes(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('id,uri,note,size\na,a.png,"two\nlines",5" nail\n')
    [picture] = open_catalogue(str(tmp_path / "m.csv"))
    assert picture.attributes == {"note": "two\nlines", "size": '5" nail'}


@pytest.mark.parametrize("place", ["m.csv", "memory://none/m.parquet"])
def test_a_manifest_that_is_not_there_is_named(place: str, tmp_path: Path) -> None:
    source = place if "://" in place else str(tmp_path / place)
    with pytest.raises(DataError, match=f"there is no .*{place}"):
        open_catalogue(source)


def test_an_empty_source_is_not_the_current_folder() -> None:
    with pytest.raises(ConfigurationError, match="the source is empty"):
        open_catalogue("")


def test_a_host_that_is_down_is_no_bad_data() -> None:
    with pytest.raises(SourceUnavailable, match="Cannot connect to host"):
        open_catalogue("http://127.0.0.1:9/m.csv")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pictures.xlsx").touch()
    with pytest.raises(DataError, match=r"neither a folder nor a manifest \(\.parquet.*\.csv"):
        open_catalogue(str(tmp_path / "pictures.xlsx"))


def test_a_manifest_can_be_gone_through_twice(kind: str, tmp_path: Path) -> None:
    place = tmp_path / f"m{kind}"
    place.write_bytes(WRITERS[kind](["id", "uri", "n"], [["a", "/a.png", 1], ["b", "/b.png", 2]]))
    catalogue = open_catalogue(str(place))
    assert list(catalogue) == list(catalogue)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.csv").write_text("id,uri\na,b\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'lookalike\[jobs\]'"):
        open_catalogue(str(tmp_path / "m.csv"))
