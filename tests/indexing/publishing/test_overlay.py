"""Additions laid over a version: found as if the version had been built with them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lookalike.changes import Addition, Additions, Deletion, Embedding, Record
from lookalike.errors import InvalidFilter
from lookalike.index import IndexVersion, embedding_of, filter_of, vector_of
from lookalike.index.changed import ChangedRows
from lookalike.vectors import Vectors
from tests.indexing.embedders import DIMENSIONS
from tests.indexing.publishing.galleries import MODEL, Gallery, picture
from tests.indexing.publishing.test_filtering import RED, Shop

EVERY = np.ones(DIMENSIONS, np.float32)
OTHER_MODEL = Embedding(model="embedder", version=7, weights_sha256="0" * 64, vector=b"")


def vector(number: int) -> Vectors:
    return np.repeat(picture(number).mean(axis=(0, 1))[::-1], 2).astype(np.float32)


def add(gallery: Gallery, name: str, number: int, **told: Any) -> Record:
    """Record an addition with its vector, unless another is given."""
    _, data = cv2.imencode(".png", picture(number))
    sha256 = gallery.changes.put_picture(data.tobytes())
    told = {"embedding": embedding_of(vector(number), MODEL), **told}
    return gallery.changes.append(Additions([Addition(name, sha256, **told)]))


def ids(version: IndexVersion, k: int = 1000, json: Any = None) -> list[str]:
    selection = None if json is None else version.select(filter_of(json))
    return [hit.picture.id for hit in version.search(EVERY, k, selection)]


def test_a_search_finds_what_a_version_built_with_the_additions_finds(gallery: Gallery) -> None:
    for number in range(1000, 1020):
        add(gallery, f"picture {number}", number)
    add(gallery, "picture 0007", 2000)
    gallery.changes.append(Deletion(["picture 0008", "picture 1003"]))
    laid = gallery.opened()
    gallery.fill(20, first=1000)
    gallery.pictures |= {"picture 0007": 2000}
    gallery.publish()
    built = gallery.opened()
    assert laid.name != built.name
    assert (laid.added, built.added) == (20, 0)
    queries = np.stack([vector(number) for number in range(1000, 1030)])
    for k in (1, 5, 70, 100):
        for one, other in zip(
            laid.search_many(queries, k), built.search_many(queries, k), strict=True
        ):
            assert [hit.picture.id for hit in one] == [hit.picture.id for hit in other]
            assert [hit.distance for hit in one] == pytest.approx(
                [hit.distance for hit in other], abs=1e-3
            )
    laid.close()
    built.close()


def test_an_addition_hides_the_picture_that_had_its_id(gallery: Gallery) -> None:
    record = add(gallery, "picture 0005", 500, label="new")
    version = gallery.opened()
    assert sorted(ids(version)) == sorted(gallery.pictures)
    found = version.find_with_vector("picture 0005")
    assert found is not None
    assert found[0].label == "new"
    assert found[0].uri == gallery.changes.picture_uri(record.change.pictures[0])
    assert found[1] == pytest.approx(vector(500) / np.linalg.norm(vector(500)), abs=1e-6)
    version.close()


def test_the_last_word_on_a_picture_holds(gallery: Gallery) -> None:
    version = gallery.opened()
    steps: list[tuple[Any, bool]] = [
        (lambda: add(gallery, "new", 100), True),
        (lambda: add(gallery, "new", 101, label="second"), True),
        (lambda: gallery.changes.append(Deletion(["new"])), False),
        (lambda: add(gallery, "new", 102, label="third"), True),
        (lambda: gallery.changes.append(Deletion(["new", "picture 0001"])), False),
    ]
    for change, there in steps:
        change()
        version.apply(gallery.changes)
        assert ("new" in ids(version)) == there == (version.find("new") is not None)
    assert version.added == 0
    assert "picture 0001" not in ids(version)
    version.close()


def test_records_that_come_late_do_not_undo_later_ones(gallery: Gallery) -> None:
    first, second = add(gallery, "new", 100), add(gallery, "new", 101, label="second")
    gone = gallery.changes.append(Deletion(["new"]))
    version = gallery.opened(gallery.indexes.current())
    rows = ChangedRows(version.pictures, version.vectors, frozenset(), version.details)
    for record, label in ((second, "second"), (first, "second"), (gone, None)):
        rows.apply([record], gallery.changes.picture_uri)
        assert (rows.now.overlay and rows.now.overlay.rows[0].label) == label
    version.close()


def test_a_filter_holds_for_additions_too(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.fill(60)
    shop.publish()
    version = shop.opened()
    before = version.select(filter_of(RED))
    with pytest.raises(InvalidFilter):
        version.select(filter_of({"attribute": "size", "eq": 1}))
    add(shop, "red", 100, attributes={"colour": "red", "size": 1}, label="odd")
    add(shop, "blue", 101, attributes={"colour": "blue"})
    add(shop, "picture 0003", 102, attributes={"colour": "green"})  # was red
    version.apply(shop.changes)
    expected = {f"picture {n:04d}" for n in range(0, 60, 3) if n != 3} | {"red"}
    assert set(ids(version, json=RED)) == expected
    assert {hit.picture.id for hit in version.search(EVERY, 100, before)} == expected
    assert ids(version, json={"attribute": "size", "eq": 1}) == ["red"]
    assert "red" in ids(version, json={"and": [RED, {"attribute": "label", "eq": "odd"}]})
    # Rows that were chosen without a filter have no additions among them.
    chosen = version.vectors.select(before.bits)
    assert "red" not in {hit.picture.id for hit in version.search(EVERY, 100, chosen)}
    version.close()


def test_what_a_version_folds_in_is_not_laid_over_it_and_a_rollback_brings_it_back(
    gallery: Gallery,
) -> None:
    first = gallery.indexes.current()
    add(gallery, "picture 1000", 1000)
    gallery.fill(1, first=1000)
    gallery.publish()
    for version, added in ((gallery.indexes.current(), 0), (first, 1)):
        opened = gallery.opened(version)
        assert opened.added == added
        assert sorted(ids(opened)) == sorted(gallery.pictures)
        opened.close()


def test_an_addition_without_a_vector_of_this_model_waits(gallery: Gallery) -> None:
    add(gallery, "picture 0005", 500, label="new", embedding=OTHER_MODEL)
    add(gallery, "new", 501, embedding=None)
    version = gallery.opened()
    [changed, new] = version.waiting(8)
    assert version.waiting(1) == [changed]
    assert [changed.addition.id, new.addition.id] == ["picture 0005", "new"]
    assert (version.added, len(ids(version))) == (0, 60)
    version.lay_over(changed, "file:///there", vector(500))
    version.lay_over(new, "file:///there", None)  # the model has none for it
    assert version.waiting(8) == []
    found = version.find("picture 0005")
    assert found is not None
    assert found.label == "new"
    assert sorted(ids(version)) == sorted(gallery.pictures)
    version.close()


def test_what_was_deleted_while_it_waited_is_not_laid_over(gallery: Gallery) -> None:
    add(gallery, "new", 500, embedding=None)
    version = gallery.opened()
    [waiting] = version.waiting(8)
    gallery.changes.append(Deletion(["new"]))
    version.apply(gallery.changes)
    version.lay_over(waiting, "file:///there", vector(500))
    assert version.find("new") is None
    version.close()


def test_a_picture_stays_found_while_what_replaces_it_waits(gallery: Gallery) -> None:
    version = gallery.opened()
    add(gallery, "new", 500, label="first")
    add(gallery, "new", 501, label="second", embedding=None)
    version.apply(gallery.changes)
    found = version.find("new")
    assert found is None  # both came at once: only the last word was heard
    add(gallery, "other", 500, label="first")
    version.apply(gallery.changes)
    add(gallery, "other", 501, label="second", embedding=None)
    version.apply(gallery.changes)
    assert version.find("other").label == "first"  # type: ignore[union-attr]
    gallery.changes.append(Deletion(["other"]))
    add(gallery, "other", 501, label="third", embedding=None)
    version.apply(gallery.changes)
    assert version.find("other") is None
    version.close()


def test_no_more_are_taken_in_than_memory_is_set_aside_for(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.index.changed.MOST_ADDED", 3)
    monkeypatch.setattr("lookalike.index.changed.AT_ONCE", 0)
    for number in range(5):
        add(gallery, f"new {number}", 100 + number)
    version = gallery.opened()
    assert (version.added, len(ids(version)), version.passed_over) == (3, 63, 2)
    assert version.has_room_for("new 1")
    assert not version.has_room_for("new 4")
    gallery.changes.append(Deletion(["new 0"]))
    version.apply(gallery.changes)
    assert version.has_room_for("new 4")
    version.close()


def test_additions_that_were_written_at_once_into_the_last_place_are_all_found(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.index.changed.MOST_ADDED", 1)
    workers = [gallery.opened() for _ in range(2)]
    for number, (worker, name) in enumerate(zip(workers, ("x", "y"), strict=True)):
        assert worker.has_room_for(name)
        add(gallery, name, 100 + number)
    for worker in workers:
        worker.apply(gallery.changes)
        assert {"x", "y"} <= set(ids(worker))
        assert not worker.has_room_for("z")
        assert worker.passed_over == 0
        worker.close()


def test_the_earliest_additions_have_the_room_there_is(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.index.changed.MOST_ADDED", 1)
    monkeypatch.setattr("lookalike.index.changed.AT_ONCE", 1)
    for number, name in enumerate("cab"):
        add(gallery, name, 100 + number)
    version = gallery.opened()
    assert {name for name in "abc" if version.find(name)} == {"c", "a"}
    version.close()


def test_what_is_replaced_or_deleted_at_once_leaves_its_room_to_others(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a folder that is added a second time, with one picture more."""
    monkeypatch.setattr("lookalike.index.changed.MOST_ADDED", 4)
    monkeypatch.setattr("lookalike.index.changed.AT_ONCE", 0)
    version = gallery.opened()
    for name in "abc":
        add(gallery, name, 100)
    version.apply(gallery.changes)
    for name in "abcd":
        add(gallery, name, 101)
    version.apply(gallery.changes)
    assert (version.added, version.passed_over) == (4, 0)
    add(gallery, "e", 102)
    gallery.changes.append(Deletion(["a"]))
    version.apply(gallery.changes)
    assert (version.find("a"), version.passed_over) == (None, 0)
    assert {name for name in "bcde" if version.find(name)} == set("bcde")
    version.close()


@pytest.mark.parametrize(
    "damaged", [b"", b"\0" * 4 * DIMENSIONS, b"\xff" * 4 * DIMENSIONS, b"\1" * 4 * (DIMENSIONS + 1)]
)
def test_a_vector_that_is_none_counts_as_missing(damaged: bytes) -> None:
    whole = embedding_of(vector(1), MODEL)
    assert vector_of(Addition("a", "0" * 64, embedding=whole), MODEL) == pytest.approx(vector(1))
    torn = Embedding(
        model=whole.model,
        version=whole.version,
        weights_sha256=whole.weights_sha256,
        vector=damaged,
    )
    assert vector_of(Addition("a", "0" * 64, embedding=torn), MODEL) is None
    assert vector_of(Addition("a", "0" * 64, embedding=OTHER_MODEL), MODEL) is None
