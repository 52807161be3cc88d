"""Training of the head on cached features: seconds, where the base took minutes.

The base is frozen, so each view's features are the same in every epoch; an epoch draws
one view of each picture. This module sees numbers only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.checkpoint import Checkpoints
from training.framework import keras
from training.loop import Figures, History, Limits, Watch, train_in_epochs
from training.model import EMBEDDING_LAYER, build_head
from training.request import HeadSettings

# Initial weights are drawn for inputs of about unit variance; VGG16's pooled features are
# some hundred long. On the stamps any mean length of 2 to 8 gives the same retrieval mAP,
# .08 above that of the unscaled features (docs/training.md).
FEATURE_LENGTH = 4.0

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Labelled:
    """Features ``float32[n, views, d]``, the original first, and class numbers ``int64[n]``."""

    vectors: Vectors
    labels: Labels

    def scaled(self, factor: float) -> "Labelled":
        """Multiply the features by a factor."""
        return Labelled(self.vectors * np.float32(factor), self.labels)


def train_head(
    train: Labelled,
    validation: Labelled,
    categories: int,
    settings: HeadSettings,
    checkpoints: Checkpoints | None = None,
    watches: Sequence[Watch] = (),
) -> tuple[Any, History]:
    """Train a head with balanced classes, and keep the epoch of the lowest validation loss.

    Args:
        train: with any number of views a picture.
        validation: judged by its originals only.
        categories: how many classes there are.
        settings: how to train.
        checkpoints: where the state is kept, for a run that is killed to go on; None: nowhere.
        watches: are told of each epoch.

    Returns:
        The Keras model from ``[n, d]`` to probabilities ``[n, categories]``, and by name
        (loss, accuracy, val_loss, val_accuracy) one number an epoch.
    """
    keras.utils.set_random_seed(settings.seed)
    head = _compiled(categories, settings)
    checkpoint = None
    if checkpoints is not None:
        asked = msgspec.json.encode([settings, categories])
        sides = (array for side in (train, validation) for array in (side.vectors, side.labels))
        checkpoint = checkpoints.of("head", asked, *sides)
    scale = FEATURE_LENGTH / float(np.linalg.norm(train.vectors, axis=-1).mean())
    train, validation = train.scaled(scale), validation.scaled(scale)

    def epoch(generator: np.random.Generator) -> Figures:
        figures = _train_once(head, train, settings.batch_size, generator)
        return figures | _judge(head, validation)

    history = train_in_epochs(
        head,
        epoch,
        np.random.default_rng(settings.seed),
        Limits(epochs=settings.epochs, patience=settings.patience),
        checkpoint,
        watches,
    )
    _fold(scale, head)
    return head, history


def balanced_weights(labels: Labels) -> Vectors:
    """Weigh each picture by ``n / (categories * count)``, so that each category counts the same.

    Args:
        labels: ``int64[n]``.

    Returns:
        ``float32[n]``, of mean 1.
    """
    present, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.take(len(labels) / (len(present) * counts), place).astype(np.float32)


def _compiled(categories: int, settings: HeadSettings) -> Any:
    head = build_head(categories, settings.dropout)
    head.compile(
        optimizer=keras.optimizers.RMSprop(settings.learning_rate),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=["accuracy"],
    )
    return head


def _fold(scale: float, head: Any) -> None:
    """Put the features' scaling into dense_1, so that the head takes them as they come."""
    dense = head.get_layer(EMBEDDING_LAYER)
    kernel, bias = dense.get_weights()
    dense.set_weights([kernel * np.float32(scale), bias])


def _train_once(
    head: Any, train: Labelled, batch_size: int, generator: np.random.Generator
) -> Figures:
    """Pass once over the pictures, in a new order, with one view of each."""
    pictures, views = train.vectors.shape[:2]
    targets, weights = _one_hot(head, train.labels), balanced_weights(train.labels)
    order, drawn = generator.permutation(pictures), generator.integers(views, size=(pictures,))
    head.reset_metrics()
    figures: Figures = {}
    for start in range(0, pictures, batch_size):
        rows = order[start : start + batch_size]
        figures = head.train_on_batch(
            train.vectors[rows, drawn[rows]],
            targets[rows],
            sample_weight=weights[rows],
            return_dict=True,
        )
    return {name: float(value) for name, value in figures.items()}


def _judge(head: Any, validation: Labelled) -> Figures:
    head.reset_metrics()
    figures = head.test_on_batch(
        validation.vectors[:, 0], _one_hot(head, validation.labels), return_dict=True
    )
    return {f"val_{name}": float(value) for name, value in figures.items()}


def _one_hot(head: Any, labels: Labels) -> Any:
    return keras.utils.to_categorical(labels, head.output_shape[-1])
