import math

import numpy as np
import pytest

from training.retrieval import leave_one_out, query_gallery


def test_average_precision_is_that_of_a_hand_worked_ranking() -> None:
    """The query at 0 meets labels 1, 0, 1, 1 in order: (1/1 + 2/3 + 3/4) / 3."""
    gallery = np.array([[1], [2], [3], [4]], np.float32)
    result = query_gallery(
        np.array([[0]], np.float32), np.array([1]), gallery, np.array([1, 0, 1, 1]), "l2"
    )
    assert result.average_precision[0] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert result.nearest.tolist() == [True]


def test_a_far_relevant_picture_counts_little() -> None:
    gallery = np.array([[1], [2], [3], [4]], np.float32)
    result = query_gallery(
        np.array([[0]], np.float32), np.array([1]), gallery, np.array([0, 0, 0, 1]), "l2"
    )
    assert result.average_precision[0] == pytest.approx(1 / 4)
    assert result.nearest.tolist() == [False]
    assert result.recall.tolist() == [True]


def test_recall_looks_at_the_first_ten() -> None:
    gallery = np.arange(1, 13, dtype=np.float32)[:, None]
    labels = np.array([0] * 10 + [1, 1])
    result = query_gallery(np.zeros((1, 1), np.float32), np.array([1]), gallery, labels, "l2")
    assert result.recall.tolist() == [False]
    assert result.average_precision[0] == pytest.approx((1 / 11 + 2 / 12) / 2)


def test_cosine_compares_directions_and_l2_lengths_too() -> None:
    query, label = np.array([[1, 0]], np.float32), np.array([1])
    gallery, labels = np.array([[100, 0], [1, 1]], np.float32), np.array([1, 0])
    assert query_gallery(query, label, gallery, labels, "cosine").nearest.tolist() == [True]
    assert query_gallery(query, label, gallery, labels, "l2").nearest.tolist() == [False]


def test_leave_one_out_does_not_find_the_query_itself() -> None:
    vectors = np.array([[0], [1], [10], [12]], np.float32)
    result = leave_one_out(vectors, np.array([0, 1, 0, 1]), "l2")
    assert result.nearest.tolist() == [False, False, False, False]
    np.testing.assert_allclose(result.average_precision, [1 / 2, 1 / 3, 1 / 3, 1 / 2])


def test_queries_without_a_relevant_picture_are_left_out() -> None:
    vectors = np.array([[0], [1], [2]], np.float32)
    result = leave_one_out(vectors, np.array([0, 0, 7]), "l2")
    assert result.labels.tolist() == [0, 0]
    assert math.isnan(result.of_category(7))
    assert result.of_category(0) == pytest.approx(1.0)


def test_many_queries_give_what_each_gives_alone() -> None:
    generator = np.random.default_rng(5)
    queries, gallery = (generator.random((n, 8), np.float32) for n in (600, 90))
    labels, gallery_labels = generator.integers(0, 4, 600), generator.integers(0, 4, 90)
    together = query_gallery(queries, labels, gallery, gallery_labels, "cosine")
    alone = [
        query_gallery(queries[i : i + 1], labels[i : i + 1], gallery, gallery_labels, "cosine")
        for i in range(0, 600, 97)
    ]
    np.testing.assert_allclose(
        together.average_precision[::97], [a.average_precision[0] for a in alone]
    )


def test_vectors_of_zeros_give_figures_and_no_nan() -> None:
    vectors = np.zeros((4, 3), np.float32)
    result = leave_one_out(vectors, np.array([0, 0, 1, 1]), "cosine")
    assert np.isfinite(result.average_precision).all()
