"""The figures of the report against what is known of the pictures."""

from pathlib import Path

import numpy as np
import pytest

from lookalike.picture import read_picture
from tests.training.report.conftest import BROKEN, CATEGORIES, PICTURES, Made
from training.copy_check import CONTRACT, agreement, reduced
from training.report.figures import Picture
from training.report.found import Ranked, confusions, hardest
from training.report.map import placed
from training.report.measure import read_history, score_calibration

LABELS = ("a", "b")


def test_the_copies_are_on_one_side_and_their_labels_disagree(made: Made) -> None:
    data = made.evaluation.data
    [group] = [one for one in data.near_copies if {each.id for each in one} & made.copies]
    assert {one.id for one in group} == made.copies
    assert group in data.contradictory
    assert data.leaked == []
    assert "near copies: 2 pictures" in made.output


def test_data_are_counted(made: Made) -> None:
    data = made.evaluation.data
    assert {one.category for one in data.categories} == set(CATEGORIES.values())
    total = len(CATEGORIES) * PICTURES + 1
    assert sum(one.pictures for one in data.categories) == data.measured == data.compared == total
    assert data.formats == {"PNG": total - 1, "JPEG": 1}
    assert sum(one.pictures for one in data.sizes) == total
    assert [file.id for file in data.skipped] == [BROKEN]
    assert data.imbalance == pytest.approx((PICTURES + 1) / PICTURES)


def test_the_cost_is_that_of_the_model(made: Made) -> None:
    cost = made.evaluation.cost
    assert cost.vector_bytes == 4 * cost.dimensions == 512
    assert cost.pictures_per_second > 0
    # VGG16 without its top, 512 to 128, and 128 to the categories; preprocessing has 12 numbers.
    assert cost.parameters == 14_714_688 + 513 * 128 + 129 * len(CATEGORIES) + 12
    assert cost.model_bytes > 4 * cost.parameters


def test_figures_agree_with_each_other(made: Made) -> None:
    told = made.evaluation
    weighed = [(one.tuned, one.queries) for one in told.categories]
    mean = sum(value * count for value, count in weighed) / told.queries
    tuned = next(row for row in told.rows if (row.vectors, row.metric) == ("tuned", "cosine"))
    assert mean == pytest.approx(tuned.mean_average_precision)
    worst = [one.precision for one in told.hardest]
    assert worst == sorted(worst)
    assert {len(series) for series in told.history.values()} == {len(told.history["loss"])}
    assert sum(one.pairs for one in told.calibration.bins) == told.calibration.hits
    assert all(one.hits <= one.of for one in told.confusions)


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


def test_the_known_copies_agree(made: Made) -> None:
    one, other = (
        reduced(read_picture((made.pictures / name).read_bytes(), CONTRACT))
        for name in sorted(made.copies)
    )
    assert agreement(one, other).is_near_copy
