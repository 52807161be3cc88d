"""Every filter of docs/filters.md matches the pictures that the page says it does."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lookalike.catalogue import Attribute
from lookalike.index import Attributes, decode_filter
from tests.documents.reading import ROOT, blocks
from tests.lookalike.index.attribute_files import attributes_of

PAGE = ROOT / "docs" / "filters.md"
EXAMPLE = re.compile(r"```json\n(.*?)```\s+matches ((?:`[\w/]+`(?:, )?)+)", re.DOTALL)
NUMBERS_AND_TRUTH = re.compile(r"[\d.]+|true|false")


def examples() -> list[tuple[str, str]]:
    return EXAMPLE.findall(PAGE.read_text())


def table() -> dict[str, dict[str, Attribute]]:
    """Read the page's pictures: the label and attributes of each id."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[:6]]
    return {row[0]: dict(zip(cells[0][1:], map(value, row[1:]), strict=True)) for row in cells[1:]}


def value(cell: str) -> Attribute:
    if NUMBERS_AND_TRUTH.fullmatch(cell):
        return msgspec.json.decode(cell, type=Attribute)
    return cell.strip('"') or None


@pytest.fixture
def attributes(tmp_path: Path) -> Attributes:
    rows = []
    for held in table().values():
        label = held.pop("label")
        assert label is None or isinstance(label, str)
        rows.append((label, held))
    return attributes_of(tmp_path, [rows[:3], rows[3:]])


@pytest.mark.parametrize(("json", "ids"), examples())
def test_an_example_matches_what_the_page_says(json: str, ids: str, attributes: Attributes) -> None:
    matched = np.unpackbits(attributes.matching(decode_filter(json)), bitorder="little")
    names = list(table())
    assert {names[row] for row in np.flatnonzero(matched)} == set(re.findall(r"[\w/]+", ids))


def test_every_filter_of_the_page_says_what_it_matches() -> None:
    assert [json for json, _ in examples()] == blocks(PAGE, "json")
