import math

import numpy as np
import pytest

from training.retrieval import leave_one_out, neighbours, query_gallery


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


def test_where_the_first_alone_ask_they_find_each_other_and_the_rest() -> None:
    vectors = np.array([[0], [1], [10], [12]], np.float32)
    labels = np.array([0, 1, 0, 1])
    some, every = leave_one_out(vectors, labels, "l2", 2), leave_one_out(vectors, labels, "l2")
    assert some.queries.tolist() == [0, 1]
    np.testing.assert_array_equal(some.average_precision, every.average_precision[:2])


def test_queries_without_a_relevant_picture_are_left_out() -> None:
    vectors = np.array([[0], [1], [3]], np.float32)
    result = leave_one_out(vectors, np.array([0, 0, 7]), "l2")
    assert result.labels.tolist() == [0, 0]
    assert math.isnan(result.of_category(7).average_precision)
    assert result.of_category(0) == pytest.approx((1.0, 1.0, 1.0))


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


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf], ids=str)
def test_vectors_that_are_all_the_same_find_nothing_in_any_order(value: float) -> None:
    """Nine of ten pictures are of one category, and come first."""
    labels = np.array([0] * 90 + [1] * 10)
    vectors = np.full((100, 8), value, np.float32)
    with np.errstate(invalid="ignore"):
        found = query_gallery(vectors, labels, vectors, labels, "cosine")
    assert not found.nearest.any()
    drawn = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    random = query_gallery(drawn, labels, drawn[::-1], labels, "cosine")
    assert found.average_precision.mean() < random.average_precision.mean()


def test_vectors_of_zeros_give_figures_and_no_nan() -> None:
    vectors = np.zeros((4, 3), np.float32)
    result = leave_one_out(vectors, np.array([0, 0, 1, 1]), "cosine")
    assert np.isfinite(result.average_precision).all()


def test_neighbours_are_by_angle_the_nearest_first_and_never_the_query_itself() -> None:
    vectors = np.array([[1, 0], [3, 0], [1, 1], [0, 5]], np.float32)
    labels, every = np.array([0, 1, 0, 1]), np.arange(4)
    found = neighbours(vectors, labels, every[:1], every, 10)
    root = math.sqrt(2)
    np.testing.assert_allclose(found.distances, [[0, math.sqrt(2 - root), root]], atol=1e-3)
    assert found.same.tolist() == [[False, True, False]]


def test_a_gallery_without_the_queries_is_found_whole_or_to_the_count() -> None:
    vectors = np.eye(5, dtype=np.float32)
    labels, queries, gallery = np.array([0, 0, 1, 0, 0]), np.array([0]), np.array([2, 3, 4])
    assert neighbours(vectors, labels, queries, gallery, 10).same.sum() == 2
    assert neighbours(vectors, labels, queries, gallery, 2).distances.shape == (1, 2)


def test_pictures_without_features_neither_ask_nor_are_found() -> None:
    vectors = np.array([[1, 0], [0, 0], [0, 1]], np.float32)
    every = np.arange(3)
    found = neighbours(vectors, np.zeros(3, np.int64), every, every, 10)
    np.testing.assert_allclose(found.distances, [[math.sqrt(2)]] * 2)
    nothing = neighbours(np.zeros((3, 2), np.float32), every, every, every, 10)
    assert nothing.distances.shape == (0, 0)


def test_neighbours_of_many_queries_are_those_of_each() -> None:
    draw = np.random.default_rng(0)
    vectors, labels = draw.random((600, 4), np.float32), draw.integers(0, 3, 600)
    every = np.arange(600)
    whole = neighbours(vectors, labels, every, every, 5)
    alone = neighbours(vectors, labels, every[599:], every, 5)
    np.testing.assert_allclose(whole.distances[599:], alone.distances, atol=1e-6)
    assert whole.same[599:].tolist() == alone.same.tolist()
