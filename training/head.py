"""Training of the head on cached features: seconds, where the base took minutes.

The base is frozen, so each view's features are the same in every epoch. This module sees
numbers only, and knows both recipes.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from training.checkpoint import Checkpoint, Checkpoints
from training.contrastive import VALIDATION_MAP, Dense, pretrained_start, train_contrastive
from training.framework import keras
from training.labelled import Labelled
from training.loop import History, Watch
from training.model import EMBEDDING_LAYER, build_head
from training.request import HeadSettings
from training.scaling import Scaling, by_channel, by_length
from training.softmax import train_softmax

# Gives who is told of the epochs of a stage, by its name.
Watches = Callable[[str], Sequence[Watch]]
CONTRASTIVE, SOFTMAX = "contrastive", "softmax"
# Times the learning rate, where one layer is left to train: its loss is convex.
FASTER = 10


class TrainedHead(NamedTuple):
    """A head, and what is known of its training.

    Attributes:
        model: Keras model from features ``[n, d]`` to probabilities ``[n, categories]``.
        history: by name one number an epoch, of each stage of the recipe.
        scaling: that was put into dense_1.
    """

    model: Any
    history: History
    scaling: Scaling

    def __str__(self) -> str:
        """Say how long it took, and what came of it."""
        epochs = f"{len(self.history['loss'])} epochs for the softmax"
        if VALIDATION_MAP not in self.history:
            return f"head: {epochs}"
        found = self.history[VALIDATION_MAP]
        best = f"mAP {max(found):.3f} at best, before --interpolation"
        return f"head: {len(found)} epochs of dense_1, {best}; {epochs}"


def train_head(
    train: Labelled,
    validation: Labelled,
    categories: int,
    settings: HeadSettings,
    checkpoints: Checkpoints | None = None,
    watches: Watches = lambda _: (),
) -> TrainedHead:
    """Train a head by the recipe of the settings.

    Args:
        train: with any number of views a picture.
        validation: judged by its originals only.
        categories: how many classes there are.
        settings: how to train.
        checkpoints: where states are kept, for a run that is killed to go on; None: nowhere.
        watches: gives who is told of a stage's epochs.
    """
    keras.utils.set_random_seed(settings.seed)

    asked = msgspec.json.encode([settings, categories])

    def checkpoint(stage: str) -> Checkpoint | None:
        if checkpoints is None:
            return None
        sides = (array for side in (train, validation) for array in (side.vectors, side.labels))
        return checkpoints.of(stage, asked, *sides)

    contrastive = settings.recipe == CONTRASTIVE
    scaling = (by_channel if contrastive else by_length)(train.vectors)
    sides = train.scaled(scaling), validation.scaled(scaling)
    if not contrastive:
        head = build_head(categories, settings.dropout, train.vectors.shape[-1])
        history = train_softmax(head, *sides, settings, checkpoint(SOFTMAX), watches(SOFTMAX))
        _fold(scaling, head)
        return TrainedHead(head, history, scaling)
    start = pretrained_start(sides[0].originals)
    end, history = train_contrastive(
        start, *sides, settings, checkpoint(CONTRASTIVE), watches(CONTRASTIVE)
    )
    dense = start.towards(end, settings.interpolation)
    head = with_softmax(dense, scaling, *sides, categories, settings, checkpoint(SOFTMAX), watches)
    return TrainedHead(head.model, history | head.history, scaling)


def with_softmax(
    dense: Dense,
    scaling: Scaling,
    train: Labelled,
    validation: Labelled,
    categories: int,
    settings: HeadSettings,
    checkpoint: Checkpoint | None,
    watches: Watches,
) -> TrainedHead:
    """Train the softmax alone, behind a dense_1 that stays as it is.

    Args:
        dense: its weights, for scaled features.
        scaling: of the features.
        train: scaled features, with any number of views a picture.
        validation: likewise, judged by its originals only.
        categories: as of :func:`train_head`.
        settings: likewise.
        checkpoint: where the state is kept; None: nowhere.
        watches: as of :func:`train_head`.
    """
    head = build_head(categories, settings.dropout, train.vectors.shape[-1])
    layer = head.get_layer(EMBEDDING_LAYER)
    layer.set_weights(list(dense))
    layer.trainable = False
    faster = msgspec.structs.replace(settings, learning_rate=FASTER * settings.learning_rate)
    history = train_softmax(head, train, validation, faster, checkpoint, watches(SOFTMAX))
    layer.trainable = True
    _fold(scaling, head)
    return TrainedHead(head, history, scaling)


def _fold(scaling: Scaling, head: Any) -> None:
    """Put the features' scaling into dense_1, so that the head takes them as they come."""
    layer = head.get_layer(EMBEDDING_LAYER)
    layer.set_weights(list(scaling.folded(*layer.get_weights())))
