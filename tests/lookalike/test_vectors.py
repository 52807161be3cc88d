import numpy as np

from lookalike.vectors import prepared, unit, without_features


def test_unit_vectors_have_length_one() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 128)).astype(np.float32)
    assert np.allclose(np.linalg.norm(unit(vectors), axis=1), 1, atol=1e-6)


def test_a_vector_of_zeros_stays_one_and_is_told() -> None:
    vectors = np.array([[0, 0], [3, 4]], dtype=np.float32)
    assert unit(vectors).tolist() == [[0, 0], [np.float32(0.6), np.float32(0.8)]]
    assert without_features(vectors).tolist() == [True, False]


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    vectors = np.random.default_rng(0).normal(size=(33, 128)).astype(np.float32)
    together = unit(vectors)
    alone = np.concatenate([unit(vectors[i : i + 1]) for i in range(len(vectors))])
    assert np.array_equal(together, alone)


def test_extremes_neither_overflow_nor_vanish() -> None:
    vectors = np.array([[1e-30, 0], [3e38, 3e38]], dtype=np.float32)
    assert np.allclose(np.linalg.norm(unit(vectors), axis=1), 1)


def test_the_raw_metric_leaves_vectors_as_they_are() -> None:
    vectors = np.array([[3, 4]], dtype=np.float32)
    assert prepared(vectors, "l2").tolist() == [[3, 4]]
    assert np.allclose(prepared(vectors, "cosine"), [[0.6, 0.8]])
