"""Training of dense_1 itself: from the pretrained similarity to one that knows the categories.

It begins where dense_1 sees what the base saw, so that what training does not teach is kept;
the supervised contrastive loss then draws pictures of a category together. docs/training.md
says what that gains.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lookalike.vectors import Vectors
from training.checkpoint import Checkpoint
from training.framework import keras
from training.labelled import Labelled, balanced_weights, batches, drawn_views
from training.loop import Figures, History, Limits, Watch, train_in_epochs
from training.losses import SupervisedContrastive
from training.model import EMBEDDING_DIMENSIONS, build_embedder
from training.request import HeadSettings
from training.retrieval import query_gallery

# Ranking is quadratic: past these numbers a fixed random part is ranked after each epoch. An
# evaluation (judging.py), which comes once, ranks more.
EPOCH_QUERIES, EPOCH_GALLERY = 1_000, 5_000
VALIDATION_MAP = "val_map"


class Dense(NamedTuple):
    """Weights of dense_1: kernel ``float32[d, 128]`` and bias ``float32[128]``."""

    kernel: Vectors
    bias: Vectors

    def towards(self, end: "Dense", share: float) -> "Dense":
        """Go a share of the way to others (Wortsman and others, WiSE-FT, 2022)."""
        here, there = np.float32(1 - share), np.float32(share)
        return Dense(*(here * a + there * b for a, b in zip(self, end, strict=True)))

    def embedded(self, features: Vectors) -> Vectors:
        """Give dense_1 of scaled features ``float32[n, d]``: ``float32[n, 128]``."""
        return np.asarray(np.maximum(features @ self.kernel + self.bias, 0), np.float32)


def pretrained_start(features: Vectors) -> Dense:
    """Give weights by which dense_1 keeps as much of features as 128 numbers can.

    The first principal components, each once with either sign, since ReLU lets only one
    through: cosines are then about those of the features.

    Args:
        features: scaled, ``float32[n, d]``.
    """
    centred = (features - features.mean(axis=0)).astype(np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)  # the least first
    components = directions[:, ::-1][:, : EMBEDDING_DIMENSIONS // 2]
    kernel = np.concatenate([components, -components], axis=1)
    return Dense(kernel.astype(np.float32), -(features.mean(axis=0) @ kernel).astype(np.float32))


def train_contrastive(
    start: Dense,
    train: Labelled,
    validation: Labelled,
    settings: HeadSettings,
    checkpoint: Checkpoint | None = None,
    watches: Sequence[Watch] = (),
) -> tuple[Dense, History]:
    """Train dense_1, and keep the epoch by which validation pictures find their kind best.

    Args:
        start: what it begins with.
        train: scaled features, with any number of views a picture.
        validation: likewise; their originals are queried, the training pictures are found.
        settings: how to train.
        checkpoint: where the state is kept; None: nowhere.
        watches: are told of each epoch.

    Returns:
        The weights, and by name (contrastive_loss, val_contrastive_loss, val_map) one number
        an epoch.
    """
    embedder = _compiled(start, settings)
    gallery, queries = train.sample(EPOCH_GALLERY), validation.sample(EPOCH_QUERIES)

    def epoch(generator: np.random.Generator) -> Figures:
        return {
            "contrastive_loss": _train_once(embedder, train, settings, generator),
            "val_contrastive_loss": _loss(embedder, queries, settings),
            VALIDATION_MAP: _mean_average_precision(embedder, gallery, queries),
        }

    generator = np.random.default_rng(settings.seed)
    steps = -(-len(train.labels) // settings.batch_size)
    limits = Limits(
        epochs=min(settings.epochs, -(-settings.steps // steps)),
        patience=settings.patience,
        criterion=VALIDATION_MAP,
        highest=True,
    )
    history = train_in_epochs(embedder, epoch, generator, limits, checkpoint, watches)
    return _weights(embedder), history


def _compiled(start: Dense, settings: HeadSettings) -> Any:
    embedder = build_embedder(len(start.kernel))
    embedder.set_weights(list(start))
    embedder.compile(
        optimizer=keras.optimizers.RMSprop(settings.learning_rate),
        loss=SupervisedContrastive(settings.temperature),
    )
    return embedder


def _weights(embedder: Any) -> Dense:
    return Dense(*embedder.get_weights())


def _train_once(
    embedder: Any, train: Labelled, settings: HeadSettings, generator: np.random.Generator
) -> float:
    """Pass once over the pictures, with one view of each; give the mean loss."""
    weights = balanced_weights(train.labels)
    drawn = drawn_views(len(train.labels), train.vectors.shape[1], generator)
    embedder.reset_metrics()
    loss = 0.0
    for rows in batches(train.labels, settings.batch_size, generator):
        loss = embedder.train_on_batch(
            train.vectors[rows, drawn[rows]], train.labels[rows], sample_weight=weights[rows]
        )
    return float(loss)


def _loss(embedder: Any, queries: Labelled, settings: HeadSettings) -> float:
    """Give the mean loss of pictures as they are, in batches that are always the same."""
    embedder.reset_metrics()
    loss = 0.0
    drawn = np.random.default_rng(settings.seed)
    for rows in batches(queries.labels, settings.batch_size, drawn):
        loss = embedder.test_on_batch(queries.originals[rows], queries.labels[rows])
    return float(loss)


def _mean_average_precision(embedder: Any, gallery: Labelled, queries: Labelled) -> float:
    weights = _weights(embedder)
    found, asked = (weights.embedded(side.originals) for side in (gallery, queries))
    ranked = query_gallery(asked, queries.labels, found, gallery.labels, "cosine")
    return ranked.means().average_precision
