"""Labelled pictures for benchmarks of training, as the features that a head is trained on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import fashion
from demo.samples import stamps
from lookalike.catalogue import Folder
from lookalike.picture import PictureContract
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from training.features import FeatureExtractor
from training.held_out import HITS
from training.labelled import Labelled, Labels, Rows
from training.retrieval import Neighbours, neighbours
from training.split import Example, class_numbers, stratified

VIEWS = 2
HELD_BACK = 0.3
# So that what is held back from all is drawn otherwise than what training holds out.
HELD_BACK_SEED = 1000


class Parts(NamedTuple):
    """Rows that a head is trained on, that its training holds out, and that it never sees."""

    trained: Rows
    held_out: Rows
    held_back: Rows


class Embedded(NamedTuple):
    """Vectors ``float32[n, 128]`` of a trained model, with labels."""

    vectors: Vectors
    labels: Labels

    def found(self, queries: Rows, gallery: Rows) -> Neighbours:
        """Find what a search with each query finds in a gallery."""
        return neighbours(self.vectors, self.labels, queries, gallery, HITS)


def stamps_of(size: int) -> Labelled:
    """Give the sample pictures' features."""
    return features_of(stamps(Path(Settings.from_environment().cache)), size, VIEWS)


def features_of(pictures: Path, size: int, views: int) -> Labelled:
    """Give the features of a folder of labelled folders; each is computed once a machine."""
    from training.model import build_base
    from training.weights import imagenet_weights

    settings = Settings.from_environment()
    cache = Path(settings.cache)
    base = build_base(size, imagenet_weights(cache).layers)
    contract = PictureContract(size=size)
    extractor = FeatureExtractor(base, contract, cache, 2, settings.max_decoded_bytes)
    folder = Folder(pictures)
    examples, _ = extractor.examine(list(folder))
    extractor.embed(examples, folder.root, views)
    categories = sorted({example.label for example in examples})
    return Labelled(extractor.vectors(examples, views), class_numbers(examples, categories))


def fashion_of(count: int) -> Labelled:
    """Give the features of Fashion-MNIST's first pictures."""
    cache = Path(Settings.from_environment().cache)
    pooled, labels = fashion.pooled_features(cache, count)
    return Labelled(pooled[:, None], labels)


def divided(labels: Labels, seed: int) -> Parts:
    """Hold pictures of each category back, and divide the others as training does."""
    others, held_back = in_two(labels, HELD_BACK, HELD_BACK_SEED + seed)
    trained, held_out = in_two(labels[others], HELD_BACK, seed)
    return Parts(others[trained], others[held_out], held_back)


def in_two(labels: Labels, share: float, seed: int) -> tuple[Rows, Rows]:
    """Divide pictures as training does: rows of the rest, and of a share of each category."""
    every = [Example(str(row), str(row), str(label)) for row, label in enumerate(labels)]
    rest, part = stratified(every, share, seed)
    return _rows(rest), _rows(part)


def embedded(data: Labelled, parts: Parts, seed: int) -> Embedded:
    """Train a head, and embed all pictures with it."""
    from training.head import train_head
    from training.model import embedder_of
    from training.request import HeadSettings

    train, validation = (Labelled(data.vectors[rows], data.labels[rows]) for rows in parts[:2])
    categories = int(data.labels.max()) + 1
    head = train_head(train, validation, categories, HeadSettings(seed=seed)).model
    vectors = embedder_of(head).predict(data.originals, batch_size=1000, verbose=0)
    return Embedded(np.asarray(vectors, np.float32), data.labels)


def _rows(examples: list[Example]) -> Rows:
    return np.array([int(example.path) for example in examples], np.int64)
