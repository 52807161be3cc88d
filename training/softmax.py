"""Training for the softmax over the categories: of the whole head, or of what follows dense_1."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.checkpoint import Checkpoint
from training.framework import keras
from training.labelled import Labelled, Labels, balanced_weights
from training.loop import Figures, History, Limits, Watch, train_in_epochs
from training.request import HeadSettings


def train_softmax(
    head: Any,
    train: Labelled,
    validation: Labelled,
    settings: HeadSettings,
    checkpoint: Checkpoint | None = None,
    watches: Sequence[Watch] = (),
) -> History:
    """Train what is trainable of a head, and keep the epoch of the lowest validation loss.

    By RMSprop and categorical cross-entropy with balanced categories; an epoch draws one view
    of each picture.

    Args:
        head: of ``build_head``; from ``[n, d]`` to probabilities ``[n, categories]``.
        train: with any number of views a picture.
        validation: judged by its originals only.
        settings: how to train.
        checkpoint: where the state is kept; None: nowhere.
        watches: are told of each epoch.

    Returns:
        By name (loss, accuracy, val_loss, val_accuracy) one number an epoch.
    """
    head.compile(
        optimizer=keras.optimizers.RMSprop(settings.learning_rate),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=["accuracy"],
    )

    def epoch(generator: np.random.Generator) -> Figures:
        return _train_once(head, train, settings.batch_size, generator) | _judge(head, validation)

    generator = np.random.default_rng(settings.seed)
    limits = Limits(epochs=settings.epochs, patience=settings.patience)
    return train_in_epochs(head, epoch, generator, limits, checkpoint, watches)


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
        validation.originals, _one_hot(head, validation.labels), return_dict=True
    )
    return {f"val_{name}": float(value) for name, value in figures.items()}


def _one_hot(head: Any, labels: Labels) -> Any:
    return keras.utils.to_categorical(labels, head.output_shape[-1])
