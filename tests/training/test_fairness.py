"""Two models that are compared are asked on equal terms. Vectors are made here, not trained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lookalike.vectors import Vectors
from training.against import fair_sides, precision, with_something_to_find
from training.comparison import Difference, difference
from training.split import Example, Side, Split
from training.trained_on import read_trained_on, write_trained_on

LABELS, EACH, DIMENSIONS = 4, 40, 8
PICTURES = [
    Example(f"{label}/{number}", f"{label * EACH + number:032x}" * 2, str(label))
    for label in range(LABELS)
    for number in range(EACH)
]


class Model:
    """Sees categories a little, and knows what it was trained on by heart."""

    def __init__(self, seed: int, share: float) -> None:
        draw = np.random.default_rng(seed)
        known = draw.random(len(PICTURES)) < share
        kinds = np.eye(LABELS, DIMENSIONS)[[int(e.label) for e in PICTURES]]
        noise = draw.normal(size=(len(PICTURES), DIMENSIONS))
        vectors = kinds + noise * np.where(known, 0.05, 0.6)[:, None]
        self._vectors = dict(zip(PICTURES, vectors.astype(np.float32), strict=True))
        self.train = [e for e, one in zip(PICTURES, known, strict=True) if one]
        self.held_out = [e for e, one in zip(PICTURES, known, strict=True) if not one]

    def vectors(self, examples: Sequence[Example]) -> Vectors:
        return np.array([self._vectors[example] for example in examples])

    @property
    def split(self) -> Split:
        return Split(root="/p", validation_root="/p", train=self.train, validation=self.held_out)


def beside(new: Model, other: Model, folder: Path) -> Difference:
    write_trained_on((example.sha256 for example in other.train), folder / "trained_on")
    sides = fair_sides(new.split, read_trained_on(folder / "trained_on"))
    return difference(precision(new.vectors, *sides), precision(other.vectors, *sides))


def test_two_models_that_change_places_give_the_mirrored_difference(tmp_path: Path) -> None:
    one, other = Model(1, 0.7), Model(2, 0.4)
    there, back = beside(one, other, tmp_path), beside(other, one, tmp_path)
    assert there.mean != 0
    assert tuple(there) == pytest.approx((-back.mean, -back.high, -back.low))


def test_of_two_models_that_see_equally_well_none_is_told_better(tmp_path: Path) -> None:
    for seed in range(5):
        one, other = Model(seed, 0.7), Model(seed + 50, 0.7)
        assert beside(one, other, tmp_path).verdict == "not distinguishable"


def test_pictures_that_one_alone_was_trained_on_neither_ask_nor_are_found(tmp_path: Path) -> None:
    one, other = Model(1, 0.7), Model(2, 0.7)
    write_trained_on((example.sha256 for example in other.train), tmp_path / "file")
    both, neither = fair_sides(one.split, read_trained_on(tmp_path / "file"))
    assert set(both.examples) == set(one.train) & set(other.train)
    assert set(neither.examples) == set(one.held_out) & set(other.held_out)


def test_where_nobody_knows_what_the_other_was_trained_on_nothing_is_left_out() -> None:
    one = Model(1, 0.7)
    both, neither = fair_sides(one.split, None)
    assert (both.examples, neither.examples) == (one.train, one.held_out)


def test_a_picture_alone_of_its_category_counts_for_no_query() -> None:
    both = Side([Example("a/1", "1", "a")], Path())
    alone, pair = Example("b/2", "2", "b"), [Example("c/3", "3", "c"), Example("c/4", "4", "c")]
    neither = Side([Example("a/5", "5", "a"), alone, *pair], Path())
    assert with_something_to_find(both, neither) == 3

    def vectors(examples: Sequence[Example]) -> Vectors:
        return np.ones((len(examples), 2), np.float32)

    assert len(precision(vectors, both, neither)) == 3
