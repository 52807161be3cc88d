import numpy as np
import pytest

from training.head import Labelled, balanced_weights, train_head
from training.model import embedder_of
from training.request import HeadSettings

CATEGORIES, DIMENSIONS = 3, 512


def clusters(per_category: int, views: int, seed: int) -> Labelled:
    """Features of the size of VGG16's, around one centre a category."""
    centres = np.random.default_rng(0).random((CATEGORIES, DIMENSIONS)) * 8
    labels = np.repeat(np.arange(CATEGORIES), per_category)
    noise = np.random.default_rng(seed).normal(size=(len(labels), views, DIMENSIONS))
    return Labelled((centres[labels][:, None] + noise).astype(np.float32), labels)


def test_a_head_learns_to_tell_categories_apart() -> None:
    head, history = train_head(
        clusters(20, 3, 1), clusters(10, 1, 2), CATEGORIES, HeadSettings(epochs=40)
    )
    assert history["val_accuracy"][-1] == 1.0
    unseen = clusters(10, 1, 3)
    predicted = np.asarray(head(unseen.vectors[:, 0])).argmax(axis=1)
    np.testing.assert_array_equal(predicted, unseen.labels)


def test_the_same_seed_gives_the_same_head() -> None:
    settings = HeadSettings(epochs=3, seed=4)
    first, second = (
        train_head(clusters(5, 2, 1), clusters(4, 1, 2), CATEGORIES, settings)[0] for _ in "ab"
    )
    for left, right in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_epoch_of_the_lowest_validation_loss_is_kept() -> None:
    """Validation labels are shuffled, so that more training makes the loss worse."""
    validation = clusters(10, 1, 2)
    wrong = Labelled(validation.vectors, np.roll(validation.labels, 10))
    settings = HeadSettings(epochs=30, patience=3, label_smoothing=0.0)
    head, history = train_head(clusters(20, 1, 1), wrong, CATEGORIES, settings)
    losses = history["val_loss"]
    assert len(losses) == losses.index(min(losses)) + 1 + 3
    probabilities = np.asarray(head(wrong.vectors[:, 0]))
    kept = -np.log(probabilities[np.arange(len(wrong.labels)), wrong.labels]).mean()
    assert kept == pytest.approx(min(losses), rel=1e-3)


def test_the_history_has_one_number_an_epoch() -> None:
    told: list[int] = []
    _, history = train_head(
        clusters(5, 1, 1),
        clusters(4, 1, 2),
        CATEGORIES,
        HeadSettings(epochs=4),
        watches=[lambda done: told.append(done.epoch)],
    )
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert {len(values) for values in history.values()} == {4}
    assert told == [1, 2, 3, 4]


def test_the_embedder_ends_at_dense_1() -> None:
    head, _ = train_head(clusters(5, 1, 1), clusters(4, 1, 2), CATEGORIES, HeadSettings(epochs=1))
    vectors = np.asarray(embedder_of(head)(clusters(2, 1, 3).vectors[:, 0]))
    assert vectors.shape == (6, 128)
    assert vectors.min() >= 0


def test_balanced_weights_let_each_category_count_the_same() -> None:
    labels = np.array([0, 0, 0, 1])
    weights = balanced_weights(labels)
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2])
    assert weights.mean() == pytest.approx(1.0)
