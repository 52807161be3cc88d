from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import ConfigurationError
from training.folder_checks import category_problems, validation_problems
from training.split import (
    Example,
    Skipped,
    Split,
    read_split,
    stratified,
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


@given(
    st.lists(st.integers(2, 20), min_size=2, max_size=4),
    st.floats(0.05, 0.95),
    st.integers(0, 50),
    st.data(),
)
def test_groups_stay_on_one_side_and_every_category_is_trained_on(
    counts: list[int], share: float, seed: int, data: st.DataObject
) -> None:
    some = examples(**{f"c{i}": n for i, n in enumerate(counts)})
    order = data.draw(st.permutations(some))
    sizes = data.draw(st.lists(st.integers(2, 5), max_size=5))
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    groups = [order[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    train, held_out = stratified(some, share, seed, [group for group in groups if group])
    assert len(train) + len(held_out) == len(some)
    for group in groups:
        assert len({example in held_out for example in group}) <= 1
    assert {example.label for example in train} == {example.label for example in some}


def test_groups_take_their_share_of_what_is_held_out() -> None:
    some = examples(bird=20, coin=10)
    pairs = [some[n : n + 2] for n in range(0, 20, 2)]
    train, held_out = stratified(some, 0.3, 0, pairs)
    assert (count(held_out, "bird"), count(held_out, "coin")) == (6, 3)
    assert count(train, "bird") == 14


def test_a_category_of_copies_alone_is_only_trained_on() -> None:
    some = examples(bird=4, coin=3)
    train, held_out = stratified(some, 0.3, 0, [some[:4]])
    assert (count(train, "bird"), count(held_out, "bird")) == (4, 0)
    assert count(held_out, "coin") == 1


def test_a_group_that_is_too_large_is_held_out_where_nothing_else_can_be() -> None:
    some = examples(bird=6, coin=3)
    _, held_out = stratified(some, 0.2, 0, [some[:3], some[3:6]])
    assert count(held_out, "bird") == 3


def test_splits_of_before_skipped_files_were_kept_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(
        '{"root": "a", "validation_root": "a", "train": [], "validation": []}'
    )
    assert read_split(tmp_path / "split.json").skipped == []
