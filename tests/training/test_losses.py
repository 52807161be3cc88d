import numpy as np
import pytest

from training.losses import SupervisedContrastive

TEMPERATURE = 0.2


def expected(vectors: np.ndarray, labels: np.ndarray) -> list[float]:
    """Equation 2 of the paper, one picture and one pair at a time; 0 without a pair."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    losses = []
    for i in range(len(unit)):
        others = [j for j in range(len(unit)) if j != i]
        total = sum(np.exp(unit[i] @ unit[j] / TEMPERATURE) for j in others)
        shares = [
            np.log(np.exp(unit[i] @ unit[j] / TEMPERATURE) / total)
            for j in others
            if labels[j] == labels[i]
        ]
        losses.append(-float(np.mean(shares)) if shares else 0.0)
    return losses


def test_it_is_the_loss_of_the_paper() -> None:
    vectors = np.random.default_rng(0).random((7, 5)).astype(np.float32)
    labels = np.array([0, 1, 0, 2, 1, 2, 0])
    found = np.asarray(SupervisedContrastive(TEMPERATURE).call(labels, vectors))
    np.testing.assert_allclose(found, expected(vectors, labels), rtol=1e-4)


def test_a_picture_without_another_of_its_category_leaves_the_mean_to_the_others() -> None:
    vectors = np.random.default_rng(1).random((4, 5)).astype(np.float32)
    labels = np.array([0, 0, 1, 2])
    found = np.asarray(SupervisedContrastive(TEMPERATURE).call(labels, vectors))
    alone = expected(vectors, labels)
    assert alone[2:] == [0.0, 0.0]
    np.testing.assert_array_equal(found[2:], 0)
    assert found.mean() == pytest.approx(np.mean(alone[:2]), rel=1e-4)


def test_a_vector_of_zeros_has_a_loss_that_is_a_number() -> None:
    vectors = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    found = np.asarray(SupervisedContrastive(TEMPERATURE)(np.array([0, 0, 1]), vectors))
    assert np.isfinite(found).all()
