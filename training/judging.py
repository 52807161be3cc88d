"""Gathering of the vectors that an evaluation compares; the figures are evaluation.py's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import read_model_card
from lookalike.progress import working
from lookalike.settings import Settings
from training.evaluation import PRETRAINED, RAW, TUNED, Judged, Report, compare
from training.features import FeatureExtractor
from training.held_out import HITS
from training.model import base_of, embedder_of, load_model
from training.output import model_file
from training.retrieval import Neighbours, neighbours
from training.split import FILE_NAME as SPLIT_FILE
from training.split import Example, Split, read_split

RAW_SIZE = 32
# Ranking is quadratic: past these numbers a fixed random part stands for the whole.
MOST_QUERIES = 2_000
MOST_GALLERY = 20_000
SAMPLE_SEED = 0


def judge(split: Split, extractor: FeatureExtractor, embedder: Any) -> Report:
    """Compare raw pixels, pretrained features and the model's vectors on one split.

    Args:
        split: says which pictures, and where they are.
        extractor: gives the pretrained features.
        embedder: Keras model from those to ``dense_1``.
    """
    gallery, queries = sides(split)
    both = [(gallery, Path(split.root)), (queries, Path(split.validation_root))]
    for examples, root in both:
        extractor.embed(examples, root)
    pooled = [extractor.vectors(examples)[:, 0] for examples, _ in both]
    kinds = {
        RAW: Judged(*(extractor.raw_pixels(examples, root, RAW_SIZE) for examples, root in both)),
        PRETRAINED: Judged(*pooled),
        TUNED: Judged(*(np.asarray(embedder.predict(v, verbose=0)) for v in pooled)),
    }
    categories = split.categories
    labels = class_numbers(gallery, categories), class_numbers(queries, categories)
    with working("measuring retrieval"):
        return compare(kinds, *labels, categories)


def held_out_neighbours(split: Split, extractor: FeatureExtractor, embedder: Any) -> Neighbours:
    """Find what held-out pictures find by the model's vectors, after :func:`judge`.

    Among the training pictures and the other held-out ones: an index has pictures that the
    model was trained on and such as it never saw.
    """
    gallery, queries = sides(split)
    pooled = extractor.vectors([*queries, *gallery])[:, 0]
    return neighbours(
        np.asarray(embedder.predict(pooled, verbose=0)),
        class_numbers([*queries, *gallery], split.categories),
        np.arange(len(queries)),
        np.arange(len(pooled)),
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


class Trained(NamedTuple):
    """A trained model, and what it takes to judge it: see :func:`judge`."""

    split: Split
    extractor: FeatureExtractor
    embedder: Any


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
    """
    model = load_model(model_file(folder))
    card, split = read_model_card(folder / CARD_FILE), read_split(folder / SPLIT_FILE)
    extractor = FeatureExtractor(
        base_of(model), card.picture, Path(settings.cache), workers, settings.max_decoded_bytes
    )
    return Trained(_moved(split, pictures, validation), extractor, embedder_of(model))


def _moved(split: Split, pictures: Path | None, validation: Path | None) -> Split:
    together = split.root == split.validation_root
    root = pictures or Path(split.root)
    judged = validation or (root if together else Path(split.validation_root))
    return msgspec.structs.replace(split, root=str(root), validation_root=str(judged))
