from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import ConfigurationError
from training.split import (
    Example,
    Skipped,
    Split,
    category_problems,
    read_split,
    stratified,
    validation_problems,
    write_split,
)

FOLDER = Path("pictures")


def examples(**counts: int) -> list[Example]:
    return [
        Example(f"{label}/{n}.png", f"{label}{n}", label)
        for label, count in sorted(counts.items())
        for n in range(count)
    ]


def count(found: list[Example], label: str) -> int:
    return sum(example.label == label for example in found)


def test_each_category_gives_the_same_share() -> None:
    _, held_out = stratified(examples(bird=20, coin=10), 0.3, seed=0)
    assert (count(held_out, "bird"), count(held_out, "coin")) == (6, 3)


@given(
    st.lists(st.integers(2, 30), min_size=2, max_size=5),
    st.floats(0.01, 0.99),
    st.integers(0, 100),
)
def test_a_split_loses_nothing_and_leaves_no_category_empty(
    counts: list[int], share: float, seed: int
) -> None:
    all_examples = examples(**{f"c{i}": n for i, n in enumerate(counts)})
    train, held_out = stratified(all_examples, share, seed)
    assert sorted([*train, *held_out], key=lambda e: e.path) == sorted(
        all_examples, key=lambda e: e.path
    )
    for i in range(len(counts)):
        assert count(train, f"c{i}") >= 1
        assert count(held_out, f"c{i}") >= 1


def test_equal_seeds_give_equal_splits_and_others_do_not() -> None:
    some = examples(bird=20, coin=20)
    assert stratified(some, 0.3, 1) == stratified(some, 0.3, 1)
    assert stratified(some, 0.3, 1) != stratified(some, 0.3, 2)


def test_one_category_is_too_few() -> None:
    [problem] = category_problems(examples(bird=5), FOLDER)
    assert "2 categories or more" in problem
    assert "only bird" in problem


def test_no_pictures_at_all_are_too_few() -> None:
    [problem] = category_problems([], FOLDER)
    assert "it has none" in problem


def test_categories_of_one_picture_are_named() -> None:
    [problem] = category_problems(examples(bird=5, coin=1, fish=1), FOLDER)
    assert "too few are in coin, fish" in problem


def test_all_that_is_wrong_with_categories_is_told_at_once() -> None:
    assert len(category_problems(examples(bird=1), FOLDER)) == 2
    assert category_problems(examples(bird=2, coin=2), FOLDER) == []


def test_validation_categories_without_training_pictures_are_named() -> None:
    [problem] = validation_problems(examples(bird=2), examples(bird=1, fish=1))
    assert "validation categories fish" in problem


def test_an_empty_validation_set_is_refused() -> None:
    [problem] = validation_problems(examples(bird=2), [])
    assert "no readable, labelled picture" in problem
    assert validation_problems(examples(bird=2), examples(bird=1)) == []


def test_a_split_is_read_as_it_was_written(tmp_path: Path) -> None:
    split = Split(
        root="a",
        validation_root="b",
        train=examples(bird=2),
        validation=examples(coin=1),
        skipped=[Skipped("bird/x.png", "it is empty", "empty file")],
        validation_skipped=[Skipped("y.png", "it is in no category's folder")],
    )
    write_split(split, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json") == split


@pytest.mark.parametrize("content", [None, b"{", b"[]"])
def test_a_file_that_is_no_split_is_told(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "split.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"train a model first|is not a split"):
        read_split(tmp_path / "split.json")


def test_the_fingerprint_is_of_labels_and_contents_alone() -> None:
    train, rest = examples(bird=2), examples(coin=2)
    split = Split(root="a", validation_root="a", train=train, validation=rest)
    other = Split(root="b", validation_root="b", train=rest, validation=train)
    assert split.fingerprint == other.fingerprint
    relabelled = [Example(e.path, e.sha256, "fish") for e in rest]
    changed = Split(root="a", validation_root="a", train=train, validation=relabelled)
    assert changed.fingerprint != split.fingerprint
