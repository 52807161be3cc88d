"""The comparison that an incremental rebuild rests on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.difference import Dead, Fresh, differences, merged, same_row
from lookalike.catalogue.picture import Attribute
from lookalike.index import PictureRow

IDS = ["", "A", "a", "a/b", "a b", "é", "🦉", "z" * 50]


def row(name: str, content: int) -> PictureRow:
    return PictureRow(name, f"file:///{name}", None, bytes([content]) * 32)


contents = st.dictionaries(st.sampled_from(IDS), st.integers(0, 2))


def ordered(pictures: dict[str, int]) -> list[PictureRow]:
    return [row(name, content) for name, content in sorted(pictures.items())]


@given(contents, contents)
def test_applying_the_differences_to_the_base_gives_what_is_wanted(
    base: dict[str, int], wanted: dict[str, int]
) -> None:
    held = dict(enumerate(ordered(base)))
    found = list(differences(held.items(), ordered(wanted)))
    for change in found:
        if isinstance(change, Dead):
            del held[change.row]
    left = {picture.id: picture for picture in held.values()}
    for change in found:
        if isinstance(change, Fresh):
            assert change.picture.id not in left
            left[change.picture.id] = change.picture
    assert left == {picture.id: picture for picture in ordered(wanted)}


@given(contents)
def test_nothing_changed_gives_nothing(pictures: dict[str, int]) -> None:
    rows = ordered(pictures)
    assert list(differences(enumerate(rows), rows)) == []


@given(contents, contents)
def test_only_what_changed_is_fresh(base: dict[str, int], wanted: dict[str, int]) -> None:
    found = differences(enumerate(ordered(base)), ordered(wanted))
    fresh = {change.picture.id for change in found if isinstance(change, Fresh)}
    assert fresh == {name for name in wanted if base.get(name) != wanted[name]}


@given(contents, contents)
def test_of_two_rows_of_one_id_the_one_laid_over_holds(
    first: dict[str, int], over: dict[str, int]
) -> None:
    assert list(merged(ordered(first), ordered(over))) == ordered({**first, **over})


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [(1, True, True), (False, 0, True), (0.0, False, True), (2, 2.0, False), (True, True, False)],
)
def test_a_number_that_turns_into_a_truth_value_is_a_change_as_it_is_to_a_filter(
    before: Attribute, now: Attribute, changed: bool
) -> None:
    first, second = (
        PictureRow("a", "file:///a", None, bytes(32), {"size": 3, "in_stock": value})
        for value in (before, now)
    )
    assert same_row(first, second) is not changed
    found = list(differences([(7, first)], [second]))
    assert found == ([Dead(7), Fresh(second)] if changed else [])


def test_no_row_is_like_no_row_alone() -> None:
    assert same_row(None, None)
    assert not same_row(None, row("a", 1))
    assert not same_row(row("a", 1), None)
