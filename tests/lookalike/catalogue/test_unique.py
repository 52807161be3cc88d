from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalogue import Folder, Picture, check_unique, unique
from lookalike.errors import DataError


class Listed:
    """A catalogue of these ids, that counts how often and how far it is gone through."""

    distinct = False

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self.passes = 0
        self.taken = 0

    def __iter__(self) -> Iterator[Picture]:
        self.passes += 1
        for text in self.ids:
            self.taken += 1
            yield Picture(text, "file:///a.png")


def test_distinct_ids_cost_one_pass() -> None:
    catalogue = Listed([str(number) for number in range(1000)])
    check_unique(catalogue)
    assert (catalogue.passes, catalogue.taken) == (1, 1000)


@pytest.mark.parametrize("ids", [[], ["a"]])
def test_none_and_one_are_distinct(ids: list[str]) -> None:
    check_unique(Listed(ids))


def test_an_id_that_is_given_twice_is_named() -> None:
    with pytest.raises(DataError, match=r"gives an id more than once.*: 'bird/🦉\.png'$"):
        check_unique(Listed(["a", "bird/🦉.png", "b", "bird/🦉.png"]))


def test_five_of_many_are_named_and_the_number_of_all_is_told() -> None:
    ids = [str(number % 700) for number in range(2000)]
    with pytest.raises(DataError, match=r"gives 700 ids more than once") as caught:
        check_unique(Listed(ids))
    assert str(caught.value).partition(": ")[2].count(",") == 4


def test_of_thousands_that_are_twice_no_more_than_a_thousand_are_looked_for() -> None:
    catalogue = Listed([str(number % 5000) for number in range(10_000)])
    with pytest.raises(DataError, match=r"gives 5000 ids more than once"):
        check_unique(catalogue)
    assert catalogue.passes == 2
    assert catalogue.taken < 20_000


def test_an_id_that_is_there_three_times_is_one_id() -> None:
    with pytest.raises(DataError, match=r"gives an id more than once.*: 'a'$"):
        check_unique(Listed(["a"] * 3))


def test_a_long_id_is_cut_short_in_the_message() -> None:
    with pytest.raises(DataError, match=r": 'x{200}'…$"):
        check_unique(Listed(["x" * 4096] * 2))


def test_ids_that_only_share_a_hash_are_distinct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unique, "_hash", len)
    check_unique(Listed(["a", "b", "cc"]))
    with pytest.raises(DataError, match=r": 'cc'$"):
        check_unique(Listed(["a", "b", "cc", "dd", "cc"]))


@given(st.lists(st.text("ab", max_size=2), max_size=12))
def test_what_is_told_is_what_a_set_would_tell(ids: list[str]) -> None:
    twice = {text for text in ids if ids.count(text) > 1}
    try:
        check_unique(Listed(ids))
    except DataError as error:
        named = str(error).rpartition(": ")[2].split(", ")
        assert {name.strip("'") for name in named} <= twice
        assert len(named) == min(5, len(twice))
    else:
        assert twice == set()


def test_a_folder_is_not_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folder, "__iter__", lambda _: pytest.fail("it was gone through"))
    check_unique(Folder(tmp_path))
