"""Filters on whole published versions: base, delta, deletions, and versions without columns."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lookalike.changes import Deletion
from lookalike.errors import InvalidFilter, NotFilterable
from lookalike.index import IndexVersion, PictureRow, ValueCount, filter_of
from lookalike.store import verify_version
from tests.indexing.embedders import DIMENSIONS
from tests.indexing.publishing.galleries import Gallery, a_plan

RED = {"attribute": "colour", "eq": "red"}


class Shop(Gallery):
    """A gallery whose pictures have a label, a colour, and most of them a price."""

    def row(self, name: str) -> PictureRow:
        number = self.pictures[name]
        attributes: dict[str, Any] = {"colour": ("red", "green", "blue")[number % 3]}
        if number % 4:
            attributes["price"] = number / 2
        label = "even" if number % 2 == 0 else "odd"
        return msgspec.structs.replace(super().row(name), label=label, attributes=attributes)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.fill(60)
    shop.publish()
    return shop


def numbers(version: IndexVersion, json: Any) -> set[int]:
    """Number the pictures that a search finds under a filter."""
    selection = version.select(filter_of(json))
    hits = version.search(np.ones(DIMENSIONS, np.float32), version.details.rows, selection)
    assert len(hits) == selection.count
    return {int(hit.picture.id.split()[1]) for hit in hits}


def test_a_search_finds_what_the_filter_matches_and_nothing_else(shop: Shop) -> None:
    version = shop.opened()
    assert numbers(version, RED) == set(range(0, 60, 3))
    cheap = {"attribute": "price", "gte": 2, "lt": 10}
    assert numbers(version, cheap) == {n for n in range(4, 20) if n % 4}
    odd = {"and": [RED, {"not": {"attribute": "label", "eq": "even"}}]}
    assert numbers(version, odd) == set(range(3, 60, 6))
    assert numbers(version, {"attribute": "colour", "eq": "purple"}) == set()
    version.close()


def test_an_attribute_that_no_picture_has_is_named_with_those_there_are(shop: Shop) -> None:
    version = shop.opened()
    with pytest.raises(InvalidFilter, match="'size'; there are 'colour', 'label', 'price'"):
        version.select(filter_of({"attribute": "size", "eq": 1}))
    version.close()


def test_a_delta_is_filtered_with_its_base(shop: Shop) -> None:
    shop.fill(3, first=60)
    shop.pictures["picture 0000"] = 1  # red, and now green
    del shop.pictures["picture 0003"]
    assert shop.publish().delta == 4
    version = shop.opened()
    assert version.details.delta is not None
    red = numbers(version, RED)
    assert red == set(range(6, 61, 3))
    [colour] = [item for item in version.details.attributes or [] if item.name == "colour"]
    expected = {"red": len(red), "green": 22, "blue": 21}
    assert colour.values is not None
    assert set(colour.values) == {ValueCount(*item) for item in expected.items()}
    version.close()


def test_what_was_deleted_never_comes_back_through_a_selection(shop: Shop) -> None:
    version = shop.opened()
    before = version.select(filter_of(RED))
    shop.changes.append(Deletion(["picture 0003", "picture 0004"]))
    version.apply(shop.changes)
    left = set(range(0, 60, 3)) - {3}
    hits = version.search(np.ones(DIMENSIONS, np.float32), 60, before)
    assert {int(hit.picture.id.split()[1]) for hit in hits} == left
    assert numbers(version, RED) == left
    after = version.select(filter_of(RED))
    assert after.count == 19
    shop.changes.append(Deletion(["picture 0006"]))
    version.apply(shop.changes)
    assert numbers(version, RED) == left - {6}
    version.close()


def test_a_selection_is_made_once(shop: Shop) -> None:
    version = shop.opened()
    assert version.select(filter_of(RED)) is version.select(filter_of({"or": [RED, RED]}).parts[0])
    version.close()


def test_the_columns_are_files_of_the_version(shop: Shop) -> None:
    current = shop.indexes.current()
    files = [file.path for file in shop.indexes.manifest(current).files]
    assert "shard-00000.attributes" in files
    verify_version(shop.indexes, current)
    shop.fill(2, first=60)
    delta = shop.publish().version
    shared = {file.path: file.version for file in shop.indexes.manifest(delta).files}
    assert shared["shard-00000.attributes"] == current
    assert shared["delta.attributes"] is None
    verify_version(shop.indexes, delta)


def test_a_version_without_columns_says_that_it_must_be_rebuilt(shop: Shop) -> None:
    name = shop.indexes.current()
    folder = shop.root / "store" / "indexes" / "default" / name
    details = shop.opened().details
    old = [msgspec.structs.replace(shard, attributes=None) for shard in details.shards]
    without = msgspec.structs.replace(details, shards=old, attributes=None)
    version = IndexVersion(name, folder, without)
    assert len(version.search(np.ones(DIMENSIONS, np.float32), 5)) == 5
    with pytest.raises(NotFilterable, match="--rebuild"):
        version.select(filter_of(RED))
    version.close()


def test_a_delta_beside_a_base_without_columns_has_no_summary(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before_there_were_columns:
        before_there_were_columns.setattr("indexing.build.segment.attributes_name", lambda _: None)
        shop.publish(a_plan(anew=True))
    shop.fill(2, first=60)
    published = shop.publish()
    assert published.delta == 2
    assert published.details.attributes is None
    version = shop.opened()
    with pytest.raises(NotFilterable):
        version.select(filter_of(RED))
    version.close()
    assert shop.publish(a_plan(anew=True)).details.attributes is not None
