"""Attributes as columns: written in a stream, mapped, and filtered as plain Python would."""

import itertools
import random
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import DigestMismatch, InvalidFilter
from lookalike.index import (
    Attributes,
    AttributeSummary,
    AttributeWriter,
    Bits,
    PictureRow,
    Shard,
    bits_of,
    filter_of,
    open_attributes,
    summarise,
)
from lookalike.index.attributes import packed
from lookalike.index.column_writer import BLOCK_ROWS
from lookalike.index.columns import AttributeFile
from lookalike.index.details import ValueCount
from tests.lookalike.index.attribute_files import (
    Held,
    attributes_of,
    matches,
    write_attributes,
)

texts = st.sampled_from(["", "a", "aa", "b", "B", "été", "日本", "🦜", "\udcff", "\uffff", "1"])
numbers = st.sampled_from([0, 1, -1, 1.0, 2.5, -0.0, 2**53, 2**53 + 1, 2**63, 1e300, 10**400])
values = st.one_of(st.none(), st.booleans(), texts, numbers)
ordered = st.one_of(texts, numbers)
names = st.sampled_from(["price", "label", "colour", "é"])
rows_of_a_segment = st.lists(
    st.tuples(st.one_of(st.none(), texts), st.dictionaries(names, values)), max_size=20
)
conditions = st.tuples(
    names,
    st.dictionaries(
        st.sampled_from(["eq", "in", "lt", "lte", "gt", "gte"]), st.none(), min_size=1, max_size=3
    ),
)


@st.composite
def condition(draw: st.DrawFn) -> dict[str, Any]:
    name, ways = draw(conditions)
    kinds = {"eq": values, "in": st.lists(values, min_size=1, max_size=4)}
    return {"attribute": name, **{way: draw(kinds.get(way, ordered)) for way in ways}}


filters = st.recursive(
    condition(),
    lambda inner: st.one_of(
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda parts: {"and": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"or": parts}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)


def stored(row: Held) -> Held:
    """A number that no double is near counts as missing."""
    label, attributes = row
    return label, {name: None if value == 10**400 else value for name, value in attributes.items()}


def attributes_named(json: dict[str, Any]) -> set[str]:
    parts = json.get("and") or json.get("or") or ([json["not"]] if "not" in json else [])
    return (
        {json["attribute"]} if "attribute" in json else set().union(*map(attributes_named, parts))
    )


@given(segments=st.lists(rows_of_a_segment, min_size=1, max_size=3), json=filters)
@settings(max_examples=150, deadline=None)
def test_a_filter_matches_the_rows_that_plain_python_says(
    segments: list[list[Held]], json: dict[str, Any]
) -> None:
    named = frozenset(name for rows in segments for _, held in rows for name in held)
    wanted = filter_of(json)
    with tempfile.TemporaryDirectory() as folder:
        attributes = attributes_of(Path(folder), segments)
        if not attributes_named(json) <= named | {"label"}:
            with pytest.raises(InvalidFilter, match="no picture has the attribute"):
                attributes.matching(wanted)
            return
        everything = [stored(row) for rows in segments for row in rows]
        expected = [matches(json, row, named) for row in everything]
        assert (
            attributes.matching(wanted) == packed([np.array(expected, bool)], len(expected))
        ).all()


def bits(expected: list[bool]) -> Bits:
    return np.packbits(np.array(expected, bool), bitorder="little")


@pytest.fixture(scope="module")
def many() -> list[Held]:
    """More rows than three blocks hold, with a column that comes late and one of all texts."""
    draw = random.Random(4)  # noqa: S311
    rows: list[Held] = []
    for number in range(3 * BLOCK_ROWS + 17):
        held: dict[str, Any] = {"name": f"picture {draw.randrange(10**6)}", "n": number % 700 / 4}
        if number % 3:
            held["colour"] = draw.choice(["red", "green", "blue"])
        if number > 2 * BLOCK_ROWS and number % 2:
            held["late"] = draw.choice([True, False, "text", 7])
        rows.append((draw.choice(["cat", "dog", None]), held))
    return rows


@pytest.mark.parametrize(
    "json",
    [
        {"attribute": "name", "gte": "picture 3", "lt": "picture 4"},
        {"attribute": "colour", "in": ["red", "purple", None]},
        {"attribute": "late", "eq": None},
        {"and": [{"attribute": "n", "gte": 3, "lt": 50.5}, {"attribute": "label", "eq": "cat"}]},
        {"or": [{"attribute": "late", "eq": 7}, {"attribute": "late", "in": [True, "text"]}]},
        {"not": {"attribute": "n", "in": [0.25, 7, 100, 1000, -5]}},
    ],
    ids=str,
)
def test_columns_of_many_blocks_hold_every_value(
    many: list[Held], json: dict[str, Any], tmp_path: Path
) -> None:
    attributes = attributes_of(tmp_path, [many[:100], many[100:]])
    expected = [matches(json, row, frozenset()) for row in many]
    assert (attributes.matching(filter_of(json)) == bits(expected)).all()


def test_a_file_gives_back_every_value(many: list[Held], tmp_path: Path) -> None:
    write_attributes(tmp_path / "a", many)
    columns = AttributeFile(tmp_path / "a", len(many)).columns
    assert set(columns) == {None, "name", "n", "colour", "late"}
    names = [held["name"] for _, held in many]
    column = columns["name"]
    assert column.codes is not None
    assert [column.texts.text(code - 3) for code in column.codes.tolist()] == names
    assert list(column.texts) == sorted({name.encode() for name in names})
    assert column.codes.dtype.itemsize == 2
    assert columns["colour"].codes is not None
    assert columns["colour"].codes.dtype.itemsize == 1
    assert columns["n"].numbers is not None
    assert columns["n"].numbers.tolist() == [held["n"] for _, held in many]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_rows_that_pass_by_are_written(tmp_path: Path) -> None:
    rows = [PictureRow("a", "u", "cat", b"", {"n": 1}), PictureRow("b", "u", None, b"")]
    with AttributeWriter(tmp_path / "a") as writer:
        assert list(writer.passing(rows)) == rows
    attributes = open_attributes(
        [tmp_path], [Shard(file="f", pictures="p", vectors=2, attributes="a")]
    )
    assert attributes is not None
    assert (attributes.matching(filter_of({"attribute": "n", "eq": 1})) == bits_of([0], 2)).all()


def test_a_segment_without_attributes_is_none(tmp_path: Path) -> None:
    assert open_attributes([tmp_path], [Shard(file="f", pictures="p", vectors=2)]) is None


def test_a_damaged_file_is_refused(many: list[Held], tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_attributes(path, many[:1000])
    whole = path.read_bytes()
    with pytest.raises(DigestMismatch, match="1000 rows, its manifest says 999"):
        AttributeFile(path, 999)
    tail = len(whole) - 16
    length = int.from_bytes(whole[tail : tail + 8], "little")
    footer = whole[tail - length : tail]
    damaged = {
        "empty": b"",
        "cut off": whole[:-1],
        "longer than itself": whole[:tail] + (2**40).to_bytes(8, "little") + whole[-8:],
        "damaged footer": whole.replace(footer, b"?" + footer[1:]),
        "does not fit": whole.replace(footer, footer.replace(b'"count":1000', b'"count":9000')),
        "'colour' does not fit": whole[length:],
    }
    for message, data in damaged.items():
        path.write_bytes(data)
        with pytest.raises(DigestMismatch, match=message):
            AttributeFile(path, 1000)


def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path: Path) -> None:
    def torn() -> Any:
        yield (None, {"a": 1})
        raise RuntimeError("torn")

    with pytest.raises(RuntimeError):
        write_attributes(tmp_path / "a", torn())
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.lists(st.booleans(), max_size=20), max_size=6))
def test_masks_of_any_lengths_are_packed_one_after_the_other(masks: list[list[bool]]) -> None:
    together = list(itertools.chain(*masks))
    bits = packed([np.array(mask, bool) for mask in masks], len(together))
    assert np.unpackbits(bits, bitorder="little")[: len(together)].tolist() == together


ROWS: list[Held] = [
    ("cat", {"price": 2, "sold": True, "by": "ann"}),
    ("cat", {"price": 3.5, "sold": False, "mixed": 1}),
    (None, {"price": 2, "mixed": "one"}),
    ("dog", {"price": None, "mixed": True, "empty": None}),
]


def summed_up(attributes: Attributes, dead: Bits | None = None) -> dict[str, AttributeSummary]:
    return {item.name: item for item in summarise(attributes, dead)}


def test_what_can_be_filtered_by_is_summed_up(tmp_path: Path) -> None:
    found = {
        item.name: item for item in summarise(attributes_of(tmp_path, [ROWS[:3], ROWS[3:]]), None)
    }
    assert list(found) == ["by", "empty", "label", "mixed", "price", "sold"]
    label = found["label"]
    assert (label.kinds, label.missing, label.texts) == (["text"], 1, 2)
    assert label.values == [ValueCount("cat", 2), ValueCount("dog", 1)]
    price = found["price"]
    assert (price.kinds, price.missing, price.least, price.most) == (["number"], 1, 2, 3.5)
    assert price.values == [ValueCount(2.0, 2), ValueCount(3.5, 1)]
    assert found["sold"].kinds == ["truth value"]
    assert found["mixed"].kinds == ["text", "number", "truth value"]
    assert found["mixed"].missing == 1
    assert (found["empty"].kinds, found["empty"].missing, found["empty"].values) == ([], 4, [])
    assert msgspec.json.decode(msgspec.json.encode(label), type=type(label)) == label


def test_dead_rows_are_not_counted(tmp_path: Path) -> None:
    found = summed_up(attributes_of(tmp_path, [ROWS[:3], ROWS[3:]]), bits_of([0, 3], 4))
    assert found["label"].values == [ValueCount("cat", 1)]
    assert found["label"].missing == 1
    assert found["price"].values is not None
    assert set(found["price"].values) == {ValueCount(3.5, 1), ValueCount(2.0, 1)}
    assert found["by"].kinds == []
    assert found["by"].missing == 2


def test_many_values_are_counted_and_not_listed(many: list[Held], tmp_path: Path) -> None:
    found = {
        item.name: item for item in summarise(attributes_of(tmp_path, [many[:9], many[9:]]), None)
    }
    assert found["name"].values is None
    assert found["name"].texts == len({held["name"] for _, held in many})
    assert found["n"].values is None
    assert (found["n"].least, found["n"].most) == (0, 174.75)
