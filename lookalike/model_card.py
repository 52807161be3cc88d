"""The model card: what a trained model is, kept beside it and travelling with it."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lookalike.calibration import Calibration
from lookalike.errors import ConfigurationError
from lookalike.picture.contract import PictureContract
from lookalike.store import Collection

FILE_NAME = "model_card.json"


class TrainingData(msgspec.Struct, frozen=True, kw_only=True):
    """What the model was trained on, in numbers."""

    fingerprint: Annotated[
        str,
        Meta(description="SHA-256 over the sorted (label, SHA-256 of the file) of all pictures."),
    ]
    pictures: int
    validation_pictures: int


Verdict = Literal["better", "worse", "not distinguishable", "unknown"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A model beside the one that was served as it was trained, on the same held-out pictures."""

    version: Annotated[int, Meta(description="The other's version in the store.")]
    weights_sha256: Annotated[str, Meta(description="Of the other's trained Keras file.")]
    queries: Annotated[
        int, Meta(description="Pictures that neither was trained on, with something to find.")
    ]
    verdict: Annotated[
        Verdict, Meta(description="By the interval; unknown where queries are too few.")
    ] = "unknown"
    map: Annotated[float | None, Meta(description="This model's retrieval mAP on them.")] = None
    other_map: Annotated[float | None, Meta(description="The other's.")] = None
    low: Annotated[float | None, Meta(description="Of the difference, interval of 95 %.")] = None
    high: Annotated[float | None, Meta(description="Likewise.")] = None

    def __str__(self) -> str:
        other = f"model {self.version}"
        if self.verdict == "unknown":
            return f"beside {other} nothing can be told: {self.queries} pictures are new to both"
        return (
            f"{self.verdict} {PREPOSITIONS[self.verdict]} {other}: mAP {self.map:.3f} beside "
            f"{self.other_map:.3f} on {self.queries} pictures that neither was trained on, "
            f"difference {self.low:+.3f} to {self.high:+.3f}"
        )


PREPOSITIONS = {"better": "than", "worse": "than", "not distinguishable": "from"}


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about one trained model; training writes it, export completes it."""

    version: Annotated[
        int | None, Meta(description="Version in the store; none before the export.")
    ] = None
    created: Annotated[str, Meta(description="UTC time of training, ISO 8601.")]
    backbone: str
    base_weights: Annotated[str, Meta(description="Which source the ImageNet weights came from.")]
    tuned_from: Annotated[
        str | None,
        Meta(description="First layer of the base that was tuned; null: all of it was frozen."),
    ] = None
    weights_sha256: Annotated[str, Meta(description="SHA-256 of the trained Keras file.")]
    picture: PictureContract
    dimensions: Annotated[int, Meta(description="Length of a vector of dense_1.")]
    categories: list[str]
    training_data: TrainingData
    settings: Annotated[
        dict[str, str | int | float | bool], Meta(description="Flags that training ran with.")
    ]
    quality: Annotated[
        dict[str, float], Meta(description="Figures measured on the validation pictures.")
    ]
    calibration: Annotated[
        Calibration | None, Meta(description="Fitted by the export; null: there is none.")
    ] = None
    uncalibrated: Annotated[
        str | None, Meta(description="Why the export could fit no calibration.")
    ] = None
    explains: Annotated[
        bool, Meta(description="Whether the export has the signature that explains hits.")
    ] = False
    compared: Annotated[
        Comparison | None, Meta(description="With the model served then; null: there was none.")
    ] = None
    forced: Annotated[
        bool, Meta(description="Exported with --force, though worse than the served one.")
    ] = False


def write_model_card(card: ModelCard, path: Path) -> None:
    """Write ``card`` as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")


def read_model_card(path: Path) -> ModelCard:
    """Read a card; raise ConfigurationError where it is missing or not a card."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} does not exist: train a model first") from error
    return _decode(data, str(path))


def read_stored_card(models: Collection, version: str) -> ModelCard:
    """Read the card of a model version of the store, held against its digest.

    The search service does it too, whose pods have no folder for temporary files.

    Raises:
        VersionNotFound: the store has no such version.
        StoreError: the card is missing, or may not be read.
        DigestMismatch: the card is damaged.
        ConfigurationError: it is not a card.
    """
    file = models.manifest(version).file(FILE_NAME)
    return _decode(models.read(version, file), f"{models.root}/{version}/{FILE_NAME}")


def _decode(data: bytes, where: str) -> ModelCard:
    try:
        return msgspec.json.decode(data, type=ModelCard)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{where} is not a model card: {error}") from error
