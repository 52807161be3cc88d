"""The second stage: a base's last layers are tuned with dense_1, at a low rate.

What lies before them is frozen: its output, the trunk's, is computed once for each view and
cached, as features are for the first stage. Which epoch is the best, and whether any is better
than none, is decided by what validation pictures find.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lookalike.vectors import Vectors
from training.checkpoint import Checkpoint
from training.contrastive import EPOCH_GALLERY, EPOCH_QUERIES, Dense
from training.features import FeatureExtractor
from training.framework import keras
from training.head import CONTRASTIVE, TrainedHead
from training.labelled import ORIGINAL, Labels, balanced_weights, batches, drawn_views, fixed_sample
from training.loop import Figures, History, Limits, Watch, train_in_epochs
from training.losses import SupervisedContrastive
from training.model import EMBEDDING_LAYER, PREDICTIONS, build_model
from training.precision import gpu_capabilities
from training.request import HeadSettings, TuningSettings
from training.retrieval import query_gallery
from training.split import Example

TUNING = "tuning"
TUNING_LOSS, FOUND = "tuning_loss", "val_tuning_map"
EMBEDDED_AT_ONCE = 64


class LabelledExamples(NamedTuple):
    """Pictures, and their class numbers ``int64[n]``."""

    examples: Sequence[Example]
    labels: Labels

    def sample(self, most: int) -> "LabelledExamples":
        """Take no more than so many, a fixed random part where there are more."""
        rows = fixed_sample(len(self.labels), most)
        return LabelledExamples([self.examples[row] for row in rows], self.labels[rows])


class Tunable(NamedTuple):
    """What a tail is trained on.

    Attributes:
        trunk: has embedded the pictures, and those to train on in all their views.
        train: pictures to train on, which are found.
        validation: such as are queried.
        views: augmented ones of each picture to train on.
    """

    trunk: FeatureExtractor
    train: LabelledExamples
    validation: LabelledExamples
    views: int


class Tuned(NamedTuple):
    """What came of it; the tail has its weights.

    Attributes:
        embedder: Keras model from what the trunk gives to dense_1, through the tail.
        before: validation pictures' mAP of the head alone.
        history: by name (tuning_loss, val_tuning_map) one number an epoch.
    """

    embedder: Any
    before: float
    history: History

    @property
    def dense(self) -> Dense:
        """Weights of dense_1, for scaled features."""
        return Dense(*self.embedder.get_layer(EMBEDDING_LAYER).get_weights())

    @property
    def best(self) -> float:
        """Validation pictures' mAP after the best epoch."""
        return max(self.history[FOUND])

    @property
    def is_better(self) -> bool:
        """Whether any epoch found more than the head alone."""
        return self.best > self.before

    def __str__(self) -> str:
        """Say what was gained, and what is kept."""
        kept = "the tuned base is kept" if self.is_better else "the head alone is kept"
        epochs = len(self.history[FOUND])
        return (
            f"tuning: {epochs} epochs, mAP {self.before:.3f} before, best {self.best:.3f}: {kept}"
        )


def tune(
    tail: Any,
    head: TrainedHead,
    pictures: Tunable,
    settings: HeadSettings,
    tuning: TuningSettings,
    checkpoint: Checkpoint | None = None,
    watches: Sequence[Watch] = (),
) -> Tuned:
    """Train a tail, and leave it with the weights of its best epoch.

    Args:
        tail: of :func:`training.model.cut_before`.
        head: of the first stage; it is left as it is.
        pictures: what to train on, and to judge by.
        settings: of the head; the recipe decides the loss.
        tuning: how to train.
        checkpoint: where the state is kept; None: nowhere.
        watches: are told of each epoch.

    Raises:
        ConfigurationError: training diverged.
        DataError: a picture is not what it was when it was examined.
    """
    trunk, train, validation, views = pictures
    trunk.check((one, view) for one in train.examples for view in range(1 + views))
    trunk.check((one, ORIGINAL) for one in validation.examples)
    model = _compiled(tail, head, settings, tuning)
    embedder = keras.Model(model.input, model.get_layer(EMBEDDING_LAYER).output)
    gallery, queries = train.sample(EPOCH_GALLERY), validation.sample(EPOCH_QUERIES)

    def found() -> float:
        asked, known = (_embedded(embedder, trunk, side.examples) for side in (queries, gallery))
        ranked = query_gallery(asked, queries.labels, known, gallery.labels, "cosine")
        return ranked.means().average_precision

    def epoch(generator: np.random.Generator) -> Figures:
        loss = _train_once(model, pictures, settings.batch_size, generator)
        return {TUNING_LOSS: loss, FOUND: found()}

    before = found()
    limits = Limits(
        epochs=tuning.tuning_epochs,
        patience=tuning.tuning_patience,
        criterion=FOUND,
        highest=True,
    )
    generator = np.random.default_rng(settings.seed)
    history = train_in_epochs(model, epoch, generator, limits, checkpoint, watches)
    return Tuned(embedder, before, history)


def _compiled(tail: Any, head: TrainedHead, settings: HeadSettings, tuning: TuningSettings) -> Any:
    """Join a tail with a copy of the head, up to what the recipe's loss is of."""
    factor, offset = head.scaling
    scaled = keras.layers.Rescaling(factor, offset, name="scaling")(tail.output)
    whole = build_model(keras.Model(tail.input, scaled), head.model)
    dense_1 = whole.get_layer(EMBEDDING_LAYER)
    dense_1.set_weights(list(head.scaling.unfolded(*dense_1.get_weights())))
    contrastive = settings.recipe == CONTRASTIVE
    last = dense_1 if contrastive else whole.get_layer(PREDICTIONS)
    model = keras.Model(whole.input, last.output, name=TUNING)
    model.compile(
        optimizer=keras.optimizers.RMSprop(tuning.tuning_rate),
        loss=SupervisedContrastive(settings.temperature)
        if contrastive
        else keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        # On a processor XLA's convolutions are slower than TensorFlow's own.
        jit_compile=bool(gpu_capabilities()),
    )
    return model


def _train_once(model: Any, pictures: Tunable, size: int, generator: np.random.Generator) -> float:
    """Pass once over the pictures, with one view of each; give the mean loss."""
    trunk, train, _, views = pictures
    weights, targets = balanced_weights(train.labels), _targets(model, train.labels)
    drawn = drawn_views(len(train.labels), 1 + views, generator)
    model.reset_metrics()
    loss = 0.0
    for rows in batches(train.labels, size, generator):
        vectors = trunk.drawn((train.examples[row], int(drawn[row])) for row in rows)
        loss = model.train_on_batch(vectors, targets[rows], sample_weight=weights[rows])
    return float(loss)


def _targets(model: Any, labels: Labels) -> Any:
    """Give what a model's loss compares with: class numbers, or one of each category's ones."""
    if isinstance(model.loss, SupervisedContrastive):
        return labels
    return keras.utils.to_categorical(labels, model.output_shape[-1])


def _embedded(embedder: Any, trunk: FeatureExtractor, examples: Sequence[Example]) -> Vectors:
    made = []
    for start in range(0, len(examples), EMBEDDED_AT_ONCE):
        some = examples[start : start + EMBEDDED_AT_ONCE]
        features = trunk.drawn((one, ORIGINAL) for one in some)
        made.append(np.asarray(embedder.predict_on_batch(features), np.float32))
    return np.concatenate(made)
