import numpy as np
import pytest

from lookalike.vectors import unit
from training.contrastive import pretrained_start
from training.head import train_head
from training.labelled import Labelled
from training.model import embedder_of
from training.request import HeadSettings, Recipe
from training.scaling import by_channel

CATEGORIES, DIMENSIONS = 3, 512


def clusters(per_category: int, views: int, seed: int) -> Labelled:
    """Features of the size of VGG16's, around one centre a category."""
    centres = np.random.default_rng(0).random((CATEGORIES, DIMENSIONS)) * 8
    labels = np.repeat(np.arange(CATEGORIES), per_category)
    noise = np.random.default_rng(seed).normal(size=(len(labels), views, DIMENSIONS))
    return Labelled((centres[labels][:, None] + noise).astype(np.float32), labels)


RECIPES: tuple[Recipe, ...] = ("contrastive", "plain")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_head_learns_to_tell_categories_apart(recipe: Recipe) -> None:
    settings = HeadSettings(recipe=recipe, epochs=40, batch_size=16)
    head, history, _ = train_head(clusters(20, 3, 1), clusters(10, 1, 2), CATEGORIES, settings)
    assert history["val_accuracy"][-1] == 1.0
    unseen = clusters(10, 1, 3)
    predicted = np.asarray(head(unseen.vectors[:, 0])).argmax(axis=1)
    np.testing.assert_array_equal(predicted, unseen.labels)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_same_seed_gives_the_same_head(recipe: Recipe) -> None:
    settings = HeadSettings(recipe=recipe, epochs=3, seed=4)
    first, second = (
        train_head(clusters(5, 2, 1), clusters(4, 1, 2), CATEGORIES, settings).model for _ in "ab"
    )
    for left, right in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_epoch_of_the_lowest_validation_loss_is_kept() -> None:
    """Validation labels are shuffled, so that more training makes the loss worse."""
    validation = clusters(10, 1, 2)
    wrong = Labelled(validation.vectors, np.roll(validation.labels, 10))
    settings = HeadSettings(
        recipe="plain", epochs=60, patience=3, batch_size=16, label_smoothing=0.0
    )
    head, history, _ = train_head(clusters(20, 1, 1), wrong, CATEGORIES, settings)
    losses = history["val_loss"]
    assert len(losses) == losses.index(min(losses)) + 1 + 3
    probabilities = np.asarray(head(wrong.vectors[:, 0]))
    kept = -np.log(probabilities[np.arange(len(wrong.labels)), wrong.labels]).mean()
    assert kept == pytest.approx(min(losses), rel=1e-3)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_history_has_one_number_an_epoch_of_each_stage(recipe: Recipe) -> None:
    told: list[tuple[str, int]] = []
    history = train_head(
        clusters(5, 1, 1),
        clusters(4, 1, 2),
        CATEGORIES,
        HeadSettings(recipe=recipe, epochs=2),
        watches=lambda stage: [lambda done: told.append((stage, done.epoch))],
    ).history
    of_the_softmax = {"loss", "accuracy", "val_loss", "val_accuracy"}
    of_dense_1 = {"contrastive_loss", "val_contrastive_loss", "val_map"}
    assert set(history) == of_the_softmax | (of_dense_1 if recipe == "contrastive" else set())
    assert {len(values) for values in history.values()} == {2}
    stages = ["contrastive", "softmax"] if recipe == "contrastive" else ["softmax"]
    assert told == [(stage, epoch) for stage in stages for epoch in (1, 2)]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_embedder_ends_at_dense_1(recipe: Recipe) -> None:
    settings = HeadSettings(recipe=recipe, epochs=1)
    head = train_head(clusters(5, 1, 1), clusters(4, 1, 2), CATEGORIES, settings).model
    vectors = np.asarray(embedder_of(head)(clusters(2, 1, 3).vectors[:, 0]))
    assert vectors.shape == (6, 128)
    assert vectors.min() >= 0


def test_the_further_from_the_start_the_more_categories_lie_together() -> None:
    train, validation = clusters(5, 1, 1), clusters(4, 1, 2)
    same = validation.labels[:, None] == validation.labels[None]

    def gap(share: float) -> float:
        settings = HeadSettings(epochs=4, interpolation=share)
        head = train_head(train, validation, CATEGORIES, settings).model
        vectors = unit(np.asarray(embedder_of(head)(validation.originals)))
        cosines = vectors @ vectors.T
        return float(cosines[same].mean() - cosines[~same].mean())

    gaps = [gap(share) for share in (0.0, 0.5, 1.0)]
    assert gaps == sorted(gaps)
    assert gaps[0] < gaps[2]


def test_dense_1_takes_features_as_they_come() -> None:
    """What the features were scaled by in training is in the weights."""
    settings = HeadSettings(epochs=4, interpolation=0.0)
    train = clusters(20, 1, 1)
    head = train_head(train, clusters(4, 1, 2), CATEGORIES, settings).model
    scaling = by_channel(train.vectors)
    features = scaling.applied(train.originals)
    expected = pretrained_start(features).embedded(features)
    np.testing.assert_allclose(embedder_of(head)(train.originals), expected, atol=2e-3)
