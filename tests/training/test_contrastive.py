import msgspec
import numpy as np

from lookalike.vectors import unit
from tests.training.test_head import CATEGORIES, clusters
from training.contrastive import Dense, pretrained_start, train_contrastive
from training.labelled import Labelled
from training.request import HeadSettings
from training.scaling import by_channel

SETTINGS = HeadSettings(epochs=8, batch_size=16)


def scaled(*sides: Labelled) -> list[Labelled]:
    scaling = by_channel(sides[0].vectors)
    return [side.scaled(scaling) for side in sides]


def cosines(vectors: np.ndarray) -> np.ndarray:
    return unit(vectors) @ unit(vectors).T


def test_training_begins_with_the_similarity_of_the_features() -> None:
    [data] = scaled(clusters(20, 1, 1))
    features = data.originals
    found = cosines(pretrained_start(features).embedded(features))
    agreement = np.corrcoef(found.ravel(), cosines(features).ravel())[0, 1]
    assert agreement > 0.95


def test_no_picture_begins_without_features() -> None:
    [data] = scaled(clusters(20, 1, 1))
    embedded = pretrained_start(data.originals).embedded(data.originals)
    assert (np.linalg.norm(embedded, axis=1) > 0).all()


def test_training_draws_categories_together() -> None:
    train, validation = scaled(clusters(12, 2, 1), clusters(8, 1, 2))
    start = pretrained_start(train.originals)
    end, history = train_contrastive(start, train, validation, SETTINGS)
    same = validation.labels[:, None] == validation.labels[None]

    def gap(weights: Dense) -> float:
        found = cosines(weights.embedded(validation.originals))
        return float(found[same].mean() - found[~same].mean())

    assert gap(end) > gap(start)
    assert history["val_map"][-1] >= history["val_map"][0]
    assert history["contrastive_loss"][-1] < history["contrastive_loss"][0]
    assert {len(figures) for figures in history.values()} == {SETTINGS.epochs}


def test_the_epoch_by_which_validation_pictures_find_their_kind_best_is_kept() -> None:
    """Validation labels are wrong, so that more training makes it worse."""
    train, validation = scaled(clusters(12, 1, 1), clusters(8, 1, 2))
    wrong = Labelled(validation.vectors, np.roll(validation.labels, len(validation.labels) // 3))
    settings = HeadSettings(epochs=8, batch_size=16, patience=3)
    start = pretrained_start(train.originals)
    end, history = train_contrastive(start, train, wrong, settings)
    best = int(np.argmax(history["val_map"])) + 1
    assert len(history["val_map"]) == min(best + 3, 8)
    shorter = msgspec.structs.replace(settings, epochs=best)
    again, _ = train_contrastive(start, train, wrong, shorter)
    np.testing.assert_array_equal(again.kernel, end.kernel)


def test_steps_bound_the_epochs_to_the_end_of_one() -> None:
    train, validation = scaled(clusters(12, 1, 1), clusters(8, 1, 2))
    start = pretrained_start(train.originals)
    for steps, epochs in ((1, 1), (3, 1), (4, 2)):  # 36 pictures are three batches of 12
        settings = HeadSettings(epochs=9, batch_size=12, steps=steps)
        _, history = train_contrastive(start, train, validation, settings)
        assert len(history["val_map"]) == epochs


def test_half_of_the_way_lies_between() -> None:
    start, end = (Dense(np.full((2, 2), n, np.float32), np.full(2, n, np.float32)) for n in (1, 3))
    assert start.towards(end, 0.5).kernel[0, 0] == 2
    np.testing.assert_array_equal(start.towards(end, 0).kernel, start.kernel)
    np.testing.assert_array_equal(start.towards(end, 1).bias, end.bias)


def test_the_loss_takes_few_categories_and_few_pictures() -> None:
    train, validation = scaled(clusters(2, 1, 1), clusters(1, 1, 2))
    end, _ = train_contrastive(pretrained_start(train.originals), train, validation, SETTINGS)
    assert np.isfinite(end.kernel).all()
    assert len(np.unique(train.labels)) == CATEGORIES
