"""Ways to train a head: the recipes of ``lookalike train``, and others beside them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from training.framework import keras
from training.head import train_head
from training.labelled import Labelled
from training.model import EMBEDDING_DIMENSIONS, EMBEDDING_LAYER, PREDICTIONS, embedder_of
from training.request import HeadSettings
from training.scaling import by_length
from training.softmax import train_softmax

# Multiplies cosines before the softmax; CosFace (Wang and others, 2018) bounds it from below by
# the number of categories: 16 lets 24 of them have a probability of .999.
COSINE_SCALE = 16


# Trains a head on one side, judged by the other, of so many categories, by a seed; gives what
# embeds features.
Train = Callable[[Labelled, Labelled, int, int], Any]


def recipe(**settings: Any) -> Train:
    """Give a recipe of ``lookalike train``, with these flags."""

    def train_so(train: Labelled, validation: Labelled, categories: int, seed: int) -> Any:
        asked = HeadSettings(**settings, seed=seed)
        return embedder_of(train_head(train, validation, categories, asked).model)

    return train_so


def balanced_sampling(train: Labelled, validation: Labelled, categories: int, seed: int) -> Any:
    """Train plainly, each category drawn as often as the largest, where it else weighs as much."""
    names, counts = np.unique(train.labels, return_counts=True)
    drawn = [np.resize(np.flatnonzero(train.labels == name), counts.max()) for name in names]
    return PLAIN(train.chosen(np.concatenate(drawn)), validation, categories, seed)


def cosine_softmax(train: Labelled, validation: Labelled, categories: int, seed: int) -> Any:
    """Train dense_1 for a softmax over cosines to a vector of each category."""
    keras.utils.set_random_seed(seed)
    scaling = by_length(train.vectors)
    features = keras.Input((train.vectors.shape[-1],))
    embedded = keras.layers.Dense(EMBEDDING_DIMENSIONS, "relu", name=EMBEDDING_LAYER)(features)
    head = keras.Model(features, _cosines(embedded, categories))
    sides = train.scaled(scaling), validation.scaled(scaling)
    train_softmax(head, *sides, HeadSettings(recipe="plain", seed=seed))
    embedder = keras.Model(features, embedded)
    embedder.set_weights(list(scaling.folded(*embedder.get_weights())))
    return embedder


def _cosines(embedded: Any, categories: int) -> Any:
    layers = keras.layers
    dropped = layers.Dropout(HeadSettings().dropout)(embedded)
    unit = keras.constraints.UnitNorm(axis=0)
    weigh = layers.Dense(categories, use_bias=False, kernel_constraint=unit, name="cosines")
    cosines = weigh(layers.UnitNormalization()(dropped))
    return layers.Softmax(name=PREDICTIONS)(layers.Rescaling(COSINE_SCALE)(cosines))


PLAIN = recipe(recipe="plain")
WAYS: dict[str, Train] = {
    "plain": PLAIN,
    "plain.unsmoothed": recipe(recipe="plain", label_smoothing=0.0),
    "plain.balanced_sampling": balanced_sampling,
    "plain.cosine_softmax": cosine_softmax,
    "contrastive": recipe(),
    "contrastive.all_the_way": recipe(interpolation=1.0),
    "contrastive.half_way": recipe(interpolation=0.5),
    "contrastive.long": recipe(steps=2_000),
}
