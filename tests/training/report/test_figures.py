"""The figures of the report, of a few vectors."""

from pathlib import Path

import numpy as np
import pytest

from training.report.figures import Picture
from training.report.found import Ranked, confusions, hardest
from training.report.map import placed
from training.report.measure import read_history, score_calibration

LABELS = ("a", "b")


def ranked(vectors: list[list[float]], labels: list[int], queries: int) -> Ranked:
    floats = np.array(vectors, np.float32)
    pictures = [
        Picture(f"{LABELS[label]}/{row}", LABELS[label], row < queries)
        for row, label in enumerate(labels)
    ]
    return Ranked(floats, floats, np.array(labels), pictures, queries)


def test_confusions_are_among_as_many_hits_as_there_could_be() -> None:
    # Two queries; the gallery has two of a and one of b.
    made = ranked([[1, 0], [0, 1], [1, 0.1], [0.1, 1], [1, 0.2]], [0, 1, 0, 0, 1], 2)
    found = confusions(made, made.hits())
    assert [(one.category, one.found, one.hits, one.of) for one in found] == [
        ("b", "a", 1, 1),
        ("a", "b", 1, 2),
    ]
    assert [hit.picture.id for hit in found[0].examples[0].hits] == ["a/3", "a/2"]


def test_the_hardest_query_comes_first_and_perfect_ones_are_left_out() -> None:
    made = ranked([[1, 0], [0, 1], [1, 0.1], [0.1, 1], [1, 0.2]], [0, 1, 0, 0, 1], 2)
    worst = hardest(made, made.hits())
    assert [one.picture.id for one in worst] == ["b/1", "a/0"]
    assert worst[0].precision == pytest.approx(1 / 2)
    assert worst[0].hits[0].cosine == pytest.approx(0.995, abs=1e-3)
    perfect = ranked([[1, 0], [1, 0.1], [0, 1]], [0, 0, 1], 1)
    assert hardest(perfect, perfect.hits()) == confusions(perfect, perfect.hits()) == []


def test_a_map_keeps_groups_together() -> None:
    draw = np.random.default_rng(0)
    centres = np.eye(3, 16, dtype=np.float32) * 10
    labels = np.repeat(np.arange(3), 20)
    places = placed(centres[labels] + draw.normal(size=(60, 16)).astype(np.float32))
    assert places.min() >= 0
    assert places.max() <= 1
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert (labels[gaps.argmin(axis=1)] == labels).all()


@pytest.mark.parametrize("count", [4, 5])
def test_few_pictures_and_equal_ones_have_places_too(count: int) -> None:
    assert placed(np.eye(count, 8, dtype=np.float32)).shape == (count, 2)
    assert (placed(np.ones((count, 8), np.float32)) == 0.5).all()


def test_without_the_files_of_training_the_report_says_so(tmp_path: Path) -> None:
    assert read_history(tmp_path / "history.json") == {}
    assert "before its hits were kept" in str(score_calibration(tmp_path / "hits.json").reason)
