"""A trained model beside one that was exported before: the same pictures asked of both."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import Comparison, read_model_card
from lookalike.progress import working
from lookalike.settings import Settings
from lookalike.store import VerifiedCache, open_models
from lookalike.vectors import Vectors
from training.comparison import AveragePrecision, difference
from training.features import FeatureExtractor
from training.judging import Trained, ranked_sides
from training.labelled import ORIGINAL
from training.retrieval import query_gallery
from training.served import ServedModel
from training.split import Example, class_numbers
from training.trained_on import FILE_NAME as TRAINED_ON_FILE
from training.trained_on import read_trained_on

# With fewer queries nothing can be told.
FEWEST_QUERIES = 20
DIGITS = 4

VectorsOf = Callable[[Sequence[Example]], Vectors]


def compare_with_version(
    trained: Trained, version: int, settings: Settings, workers: int
) -> Comparison:
    """Ask the held-out pictures of a trained model, and of an exported version.

    Pictures that the other was trained on are no queries: it would know them.

    Args:
        trained: the model; the pictures of its split are there.
        version: of the store.
        settings: where that is.
        workers: threads that read pictures.

    Raises:
        VersionNotFound, StoreError: the version is not there, or damaged.
        DataError: a picture is missing or has changed.
    """
    folder = _fetched(version, settings)
    card = read_model_card(folder / CARD_FILE)
    trained_on = read_trained_on(folder / TRAINED_ON_FILE)
    gallery, held_out = ranked_sides(trained.split)
    unknown = [e for e in held_out.examples if trained_on is None or not trained_on.has(e.sha256)]
    told = Comparison(version=version, weights_sha256=card.weights_sha256, queries=len(unknown))
    if len(unknown) < FEWEST_QUERIES:
        return told
    other = FeatureExtractor(
        ServedModel(folder),
        card.picture,
        Path(settings.cache),
        workers,
        settings.max_decoded_bytes,
    )
    sides = gallery, held_out._replace(examples=unknown)
    for side in sides:
        trained.embed(side)
        other.embed(*side)

    def precision(vectors_of: VectorsOf) -> AveragePrecision:
        (known, known_labels), (asked, asked_labels) = (
            (vectors_of(side.examples), class_numbers(side.examples, trained.split.categories))
            for side in sides
        )
        ranked = query_gallery(asked, asked_labels, known, known_labels, "cosine")
        return ranked.average_precision

    with working(f"comparing with model {version}"):
        new = precision(trained.after)
        old = precision(lambda examples: other.vectors(examples)[:, ORIGINAL])
        found = difference(new, old)
    return msgspec.structs.replace(
        told,
        verdict=found.verdict,
        map=round(float(new.mean()), DIGITS),
        other_map=round(float(old.mean()), DIGITS),
        low=round(found.low, DIGITS),
        high=round(found.high, DIGITS),
    )


def _fetched(version: int, settings: Settings) -> Path:
    models = open_models(settings.store, settings.model)
    copies = VerifiedCache(Path(settings.cache), models)
    folder = copies.fetch(str(version))
    copies.keep({str(version)})
    return folder
