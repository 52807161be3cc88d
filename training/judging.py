"""Gathering of the vectors that an evaluation compares; the figures are evaluation.py's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from lookalike.errors import DataError
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import read_model_card
from lookalike.progress import Say, working
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from training.evaluation import PRETRAINED, RAW, TUNED, Judged, Report, compare
from training.features import FeatureExtractor
from training.held_out import HITS
from training.labelled import ORIGINAL
from training.model import base_of, embedder_of, load_model
from training.output import model_file
from training.retrieval import Neighbours, neighbours
from training.split import FILE_NAME as SPLIT_FILE
from training.split import Example, Side, Split, class_numbers, read_split
from training.untuned import untuned_base

RAW_SIZE = 32
# Ranking is quadratic: past these numbers a fixed random part stands for the whole.
MOST_QUERIES = 2_000
MOST_GALLERY = 20_000
MOVED = "say where it is now (--pictures, --validation), or train again"


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

    def embed(self, side: Side) -> None:
        """Have pictures' features ready, of both bases."""
        self.pretrained.embed(*side)
        self.extractor.embed(*side)

    def before(self, examples: Sequence[Example]) -> Vectors:
        """Give the pretrained features of pictures that are embedded: ``float32[n, d]``."""
        return self.pretrained.vectors(examples)[:, ORIGINAL]

    def after(self, examples: Sequence[Example]) -> Vectors:
        """Give the model's vectors of pictures that are embedded: ``float32[n, 128]``."""
        features = self.extractor.vectors(examples)[:, ORIGINAL]
        return np.asarray(self.embedder.predict(features, verbose=0), np.float32)


def judge(trained: Trained, say: Say) -> Report:
    """Compare raw pixels, pretrained features and the model's vectors on one split.

    Features that are in the cache are enough: of raw pixels there is no row where a picture can
    no longer be read, which is told to ``say``.
    """
    categories, sides = trained.split.categories, ranked_sides(trained.split)
    for side in sides:
        trained.embed(side)
    kinds = _raw(trained, sides, say) | {
        PRETRAINED: Judged(*(trained.before(side.examples) for side in sides)),
        TUNED: Judged(*(trained.after(side.examples) for side in sides)),
    }
    gallery_labels, query_labels = (class_numbers(side.examples, categories) for side in sides)
    with working("measuring retrieval"):
        return compare(kinds, gallery_labels, query_labels, categories)


def _raw(trained: Trained, sides: Sequence[Side], say: Say) -> dict[str, Judged]:
    reader, contract = trained.pretrained.reader, trained.pretrained.contract
    try:
        return {RAW: Judged(*(reader.raw_pixels(side, contract, RAW_SIZE) for side in sides))}
    except DataError as error:
        say(f"raw pixels are not compared: {error}")
        return {}


def held_out_neighbours(trained: Trained) -> Neighbours:
    """Find what held-out pictures find by the model's vectors, after :func:`judge`.

    Among the training pictures and the other held-out ones: an index has pictures that the
    model was trained on and such as it never saw.
    """
    gallery, queries = ranked_sides(trained.split)
    both = [*queries.examples, *gallery.examples]
    return neighbours(
        trained.after(both),
        class_numbers(both, trained.split.categories),
        np.arange(len(queries.examples)),
        np.arange(len(both)),
        HITS,
    )


def ranked_sides(split: Split) -> tuple[Side, Side]:
    """Give the gallery and the queries, each no more than can be ranked in good time."""
    train, validation = split.sides
    return train.sample(MOST_GALLERY), validation.sample(MOST_QUERIES)


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
        ConfigurationError: the folder holds no trained model, or not what it was tuned from.
    """
    model = load_model(model_file(folder))
    card, split = read_model_card(folder / CARD_FILE), read_split(folder / SPLIT_FILE)

    def features_of(base: Any) -> FeatureExtractor:
        cache, limit = Path(settings.cache), settings.max_decoded_bytes
        return FeatureExtractor(base, card.picture, cache, workers, limit, advice=MOVED)

    base = base_of(model)
    own = features_of(base)
    return Trained(
        split=_moved(split, pictures, validation),
        pretrained=own if card.tuned_from is None else features_of(untuned_base(base, folder)),
        extractor=own,
        embedder=embedder_of(model),
    )


def _moved(split: Split, pictures: Path | None, validation: Path | None) -> Split:
    together = split.root == split.validation_root
    root = pictures or Path(split.root)
    judged = validation or (root if together else Path(split.validation_root))
    return msgspec.structs.replace(split, root=str(root), validation_root=str(judged))
