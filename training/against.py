"""A trained model beside one that was exported before: the same pictures asked of both."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import Comparison, read_model_card
from lookalike.progress import Say, working
from lookalike.settings import Settings
from lookalike.store import VerifiedCache, open_models
from lookalike.vectors import Vectors
from training.comparison import AveragePrecision, difference
from training.features import FeatureExtractor
from training.judging import MOST_GALLERY, MOST_QUERIES, Trained
from training.labelled import ORIGINAL
from training.retrieval import leave_one_out
from training.served import ServedModel
from training.split import Example, Side, Split, class_numbers
from training.trained_on import FILE_NAME as TRAINED_ON_FILE
from training.trained_on import TrainedOn, read_trained_on

# With fewer queries nothing can be told.
FEWEST_QUERIES = 20
DIGITS = 4

VectorsOf = Callable[[Sequence[Example]], Vectors]


def compare_with_version(
    trained: Trained, version: int, settings: Settings, workers: int, say: Say
) -> Comparison:
    """Ask the held-out pictures of a trained model, and of an exported version.

    It is the same for both: a model draws pictures together that it was trained on, so each
    picture that is asked for or found is one that both were trained on, or neither. What went
    since the training is left out, and told.

    Args:
        trained: the model; the pictures of its split are there.
        version: of the store.
        settings: where that is.
        workers: threads that read pictures.
        say: tells people.

    Raises:
        VersionNotFound, StoreError: the version is not there, or damaged.
        DataError: so many pictures are missing or have changed that nothing can be told.
    """
    folder = _fetched(version, settings)
    card = read_model_card(folder / CARD_FILE)
    sides = fair_sides(trained.split, read_trained_on(folder / TRAINED_ON_FILE))
    told = Comparison(
        version=version, weights_sha256=card.weights_sha256, queries=with_something_to_find(*sides)
    )
    if told.queries < FEWEST_QUERIES:
        return told
    other = FeatureExtractor(
        ServedModel(folder),
        card.picture,
        Path(settings.cache),
        workers,
        settings.max_decoded_bytes,
        advice=trained.pretrained.advice,
    )
    sides = _with_features(sides, trained, other, say)
    with working(f"comparing with model {version}"):
        new = precision(trained.after, *sides)
        old = precision(lambda examples: other.vectors(examples)[:, ORIGINAL], *sides)
        found = difference(new, old)
    return msgspec.structs.replace(
        told,
        queries=len(new),
        verdict=found.verdict,
        map=round(float(new.mean()), DIGITS),
        other_map=round(float(old.mean()), DIGITS),
        low=round(found.low, DIGITS),
        high=round(found.high, DIGITS),
    )


def fair_sides(split: Split, trained_on: TrainedOn | None) -> tuple[Side, Side]:
    """Give the pictures that both models were trained on, and those that neither was.

    Those that one of them alone was trained on are in neither: it would know them.

    Args:
        split: of the one model.
        trained_on: what the other was; None: nobody knows, as of models that were exported
            before it was kept. Then nothing is left out, and the other may have been trained on
            what it is asked for, or not on what is to be found.
    """
    train, validation = split.sides
    both, neither = train.examples, validation.examples
    if trained_on is not None:
        both = [example for example in both if trained_on.has(example.sha256)]
        neither = [example for example in neither if not trained_on.has(example.sha256)]
    return (
        Side(both, train.root).sample(MOST_GALLERY),
        Side(neither, validation.root).sample(MOST_QUERIES),
    )


def _with_features(
    sides: tuple[Side, Side], trained: Trained, other: FeatureExtractor, say: Say
) -> tuple[Side, Side]:
    """Embed pictures by both models, and leave out what went, unless too few were left."""
    for side in sides:
        trained.embed(side)
        other.embed(*side)

    def there(side: Side) -> Side:
        lacking = (trained.extractor.lacks([e]) or other.lacks([e]) for e in side.examples)
        pairs = zip(side.examples, lacking, strict=True)
        return Side([example for example, lacks in pairs if not lacks], side.root)

    both, neither = map(there, sides)
    gone = sum(len(side.examples) for side in sides) - len(both.examples) - len(neither.examples)
    if not gone or with_something_to_find(both, neither) < FEWEST_QUERIES:
        return sides
    say(f"{gone} pictures that cannot be read any more, or changed, are not compared")
    return both, neither


def with_something_to_find(both: Side, neither: Side) -> int:
    """Count the pictures to ask for whose category has another one, on either side."""
    pictures = Counter(example.label for side in (both, neither) for example in side.examples)
    return sum(pictures[example.label] > 1 for example in neither.examples)


def precision(vectors_of: VectorsOf, both: Side, neither: Side) -> AveragePrecision:
    """Rank all other pictures of both sides for each that neither model was trained on.

    Args:
        vectors_of: gives one model's vectors ``float32[n, d]``.
        both: of :func:`fair_sides`.
        neither: likewise.

    Returns:
        ``float64[n]``, of those with something to find, in their order.
    """
    asked, examples = len(neither.examples), [*neither.examples, *both.examples]
    labels = class_numbers(examples, sorted({example.label for example in examples}))
    return leave_one_out(vectors_of(examples), labels, "cosine", asked).average_precision


def _fetched(version: int, settings: Settings) -> Path:
    models = open_models(settings.store, settings.model)
    copies = VerifiedCache(Path(settings.cache), models)
    folder = copies.fetch(str(version))
    copies.keep({str(version)})
    return folder
