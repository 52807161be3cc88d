"""Gathering of the vectors that an evaluation compares; the figures are evaluation.py's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import ModelCard, read_model_card
from lookalike.progress import working
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from training.evaluation import PRETRAINED, RAW, TUNED, Judged, Report, compare
from training.features import FeatureExtractor
from training.held_out import HITS
from training.labelled import ORIGINAL
from training.model import base_of, build_base, embedder_of, load_model
from training.output import model_file
from training.request import BackboneName
from training.retrieval import Neighbours, neighbours
from training.split import FILE_NAME as SPLIT_FILE
from training.split import Example, Split, read_split
from training.weights import imagenet_weights

RAW_SIZE = 32
# Ranking is quadratic: past these numbers a fixed random part stands for the whole.
MOST_QUERIES = 2_000
MOST_GALLERY = 20_000
SAMPLE_SEED = 0


class Trained(NamedTuple):
    """A trained model, and what it takes to judge it.

    Attributes:
        split: says which pictures, and where they are.
        pretrained: gives the features that training began with.
        extractor: those of the model's own base; the same one where that was frozen.
        embedder: Keras model from the latter to ``dense_1``.
    """

    split: Split
    pretrained: FeatureExtractor
    extractor: FeatureExtractor
    embedder: Any

    def embed(self, examples: Sequence[Example], root: Path) -> None:
        """Have pictures' features ready, of both bases."""
        self.pretrained.embed(examples, root)
        self.extractor.embed(examples, root)

    def before(self, examples: Sequence[Example]) -> Vectors:
        """Give the pretrained features of pictures that are embedded: ``float32[n, d]``."""
        return self.pretrained.vectors(examples)[:, ORIGINAL]

    def after(self, examples: Sequence[Example]) -> Vectors:
        """Give the model's vectors of pictures that are embedded: ``float32[n, 128]``."""
        features = self.extractor.vectors(examples)[:, ORIGINAL]
        return np.asarray(self.embedder.predict(features, verbose=0), np.float32)


def judge(trained: Trained) -> Report:
    """Compare raw pixels, pretrained features and the model's vectors on one split."""
    split = trained.split
    gallery, queries = sides(split)
    both = [(gallery, Path(split.root)), (queries, Path(split.validation_root))]
    for examples, root in both:
        trained.embed(examples, root)
    read = trained.pretrained.raw_pixels
    kinds = {
        RAW: Judged(*(read(examples, root, RAW_SIZE) for examples, root in both)),
        PRETRAINED: Judged(*(trained.before(examples) for examples, _ in both)),
        TUNED: Judged(*(trained.after(examples) for examples, _ in both)),
    }
    categories = split.categories
    labels = class_numbers(gallery, categories), class_numbers(queries, categories)
    with working("measuring retrieval"):
        return compare(kinds, *labels, categories)


def held_out_neighbours(trained: Trained) -> Neighbours:
    """Find what held-out pictures find by the model's vectors, after :func:`judge`.

    Among the training pictures and the other held-out ones: an index has pictures that the
    model was trained on and such as it never saw.
    """
    gallery, queries = sides(trained.split)
    both = [*queries, *gallery]
    return neighbours(
        trained.after(both),
        class_numbers(both, trained.split.categories),
        np.arange(len(queries)),
        np.arange(len(both)),
        HITS,
    )


def class_numbers(examples: Sequence[Example], categories: Sequence[str]) -> NDArray[np.int64]:
    """Give each example's category by its place: ``int64[n]``."""
    place = {name: number for number, name in enumerate(categories)}
    return np.array([place[example.label] for example in examples], np.int64)


def sides(split: Split) -> tuple[list[Example], list[Example]]:
    """Give the gallery and the queries, each no more than can be ranked in good time."""
    return _sample(split.train, MOST_GALLERY), _sample(split.validation, MOST_QUERIES)


def _sample(examples: Sequence[Example], most: int) -> list[Example]:
    if len(examples) <= most:
        return list(examples)
    chosen = np.random.default_rng(SAMPLE_SEED).choice(len(examples), most, replace=False)
    return [examples[i] for i in sorted(chosen)]


def open_saved(
    folder: Path,
    settings: Settings,
    workers: int,
    pictures: Path | None = None,
    validation: Path | None = None,
) -> Trained:
    """Read the model of an output folder, with the split that it was trained with.

    Args:
        folder: made by training.
        settings: give the cache and the limit of decoding.
        workers: threads that read pictures.
        pictures: where the training pictures are, unless where they were.
        validation: likewise, by default ``pictures`` where there was one folder.

    Raises:
        ConfigurationError: the folder holds no trained model.
        SourceUnavailable: its base was tuned, and what it was tuned from cannot be had.
    """
    model = load_model(model_file(folder))
    card, split = read_model_card(folder / CARD_FILE), read_split(folder / SPLIT_FILE)

    def features_of(base: Any) -> FeatureExtractor:
        cache, limit = Path(settings.cache), settings.max_decoded_bytes
        return FeatureExtractor(base, card.picture, cache, workers, limit)

    own = features_of(base_of(model))
    frozen = card.tuned_from is None
    return Trained(
        split=_moved(split, pictures, validation),
        pretrained=own if frozen else features_of(_pretrained(card, settings)),
        extractor=own,
        embedder=embedder_of(model),
    )


def _pretrained(card: ModelCard, settings: Settings) -> Any:
    """Build the base that a model was tuned from."""
    file = Path(settings.weights) if settings.weights else None
    backbone = msgspec.convert(card.backbone, BackboneName)
    weights = imagenet_weights(Path(settings.cache), file, backbone)
    return build_base(card.picture.size, weights.layers, backbone=backbone)


def _moved(split: Split, pictures: Path | None, validation: Path | None) -> Split:
    together = split.root == split.validation_root
    root = pictures or Path(split.root)
    judged = validation or (root if together else Path(split.validation_root))
    return msgspec.structs.replace(split, root=str(root), validation_root=str(judged))
