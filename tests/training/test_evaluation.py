import msgspec
import numpy as np
import pytest

from training.evaluation import PRETRAINED, RAW, TUNED, Judged, Report, as_text, compare


@pytest.fixture
def report() -> Report:
    """Pretrained vectors mix the categories up, tuned ones keep them apart."""
    labels = np.array([0, 0, 1, 1])
    apart = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
    mixed = np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1]], np.float32)
    kinds = {
        RAW: Judged(gallery=mixed, queries=mixed[::-1]),
        PRETRAINED: Judged(gallery=mixed, queries=apart),
        TUNED: Judged(gallery=apart, queries=apart),
    }
    return compare(kinds, labels, labels, ["bird", "coin"])


def test_each_kind_of_vectors_is_measured_by_both_metrics(report: Report) -> None:
    assert [(row.vectors, row.metric) for row in report.rows] == [
        (kind, metric) for kind in (RAW, PRETRAINED, TUNED) for metric in ("cosine", "l2")
    ]


def test_categories_that_lie_apart_have_a_map_of_one(report: Report) -> None:
    tuned = report.rows[-1]
    assert tuned.mean_average_precision == pytest.approx(1.0)
    assert tuned.nearest_neighbour == 1.0
    assert [c.tuned for c in report.categories] == pytest.approx([1.0, 1.0])
    assert all(c.pretrained < 1 for c in report.categories)


def test_the_quality_of_a_card_names_vectors_metric_and_figure(report: Report) -> None:
    quality = report.quality()
    assert quality["tuned_cosine_map"] == 1.0
    assert quality["pretrained_l2_nearest_neighbour"] == report.rows[3].nearest_neighbour
    assert len(quality) == 18


def test_the_text_has_a_line_for_each_row_and_category(report: Report) -> None:
    text = as_text(report)
    assert text.startswith("4 held-out queries against a gallery of 4 pictures")
    assert text.count("dense_1") == 2
    assert [line.split()[0] for line in text.splitlines()[-2:]] == ["bird", "coin"]


def test_a_report_survives_json(report: Report) -> None:
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
