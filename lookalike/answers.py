"""What the service answers, as the service makes it and the client reads it."""

from typing import Any

import msgspec
import numpy as np

from lookalike.vectors import Vectors


class Hit(msgspec.Struct, frozen=True):
    """A picture that looks like the query's; ``distance`` 0 is the same picture.

    ``score`` is the probability that it is of the query's category, or None where the index
    is not calibrated. What was left out by ``fields`` is None, or empty.
    """

    id: str = ""
    distance: float | None = None
    score: float | None = None
    label: str | None = None
    uri: str = ""
    attributes: dict[str, Any] = {}


def score_of(hit: Hit) -> str:
    """Tell a hit's score in a column of its own, a dash where there is none."""
    return "    -" if hit.score is None else f"{hit.score:5.3f}"


class QueryVector(msgspec.Struct, frozen=True, omit_defaults=True):
    """The vector that a search was made with, which another one can be made with as it is.

    Attributes:
        b64: its numbers, little-endian float32.
        space: the model and the metric that it is of; others refuse it.
        sha256: of the file that it is of, or None where only a vector was known.
    """

    b64: bytes
    space: str | None = None
    sha256: str | None = None

    @property
    def numbers(self) -> Vectors:
        """``float32[d]``."""
        return np.frombuffer(self.b64, "<f4").astype(np.float32)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``POST /search``.

    ``vector`` is there where ``with_vector`` asked for it; ``raw`` is it as it came, JSON.
    """

    results: list[Hit]
    index_version: str
    model_version: int
    took_ms: dict[str, float]
    vector: QueryVector | None = None
    raw: str = ""


class PictureDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What the index knows of a picture."""

    id: str
    label: str | None
    uri: str
    attributes: dict[str, Any]
    sha256: str
    index_version: str


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that is a copy of another, or nearly; ``same_bytes``: their files are equal."""

    id: str
    distance: float
    same_bytes: bool


class Duplicates(msgspec.Struct, frozen=True, kw_only=True):
    """The duplicates of a picture, the nearest first; ``more``: there are others beside."""

    id: str
    duplicates: list[Duplicate]
    more: bool
    index_version: str


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle on a picture, in fractions of its sides from its left upper corner."""

    left: float
    top: float
    right: float
    bottom: float


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What each part of a picture has to do with another one.

    ``parts`` are rows of what each place adds to ``cosine``, the similarity of both: together they
    are it. Less than zero speaks against.
    """

    id: str
    cosine: float
    parts: list[list[float]]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``POST /explain``.

    ``area`` says where the parts lie on the picture, or on its box, in fractions of its sides:
    beyond 0 and 1 where the model sees a white margin.
    """

    area: Area
    explained: list[Explained]
    index_version: str
    model_version: int


class StoredVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A published version of the index; ``problem`` says why the rest of one cannot be told.

    ``current``: it is what ``CURRENT`` names; ``served``: what this worker answers from.
    ``bytes`` are of its own files, without those that it shares with earlier versions.
    ``obstacle`` says why no replica could serve it: its model is not in the store.
    """

    version: str
    made: str | None
    current: bool
    served: bool
    bytes: int | None = None
    pictures: int | None = None
    quarantined: int | None = None
    recall_at_10: float | None = None
    target: float | None = None
    model_version: int | None = None
    factory: str | None = None
    origin: str | None = None
    predecessor: str | None = None
    obstacle: str | None = None
    problem: str | None = None


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """The published versions of the index, the newest first, 100 at most."""

    index: str
    current: str | None
    versions: list[StoredVersion]


class StoredModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model version of the store; ``problem`` says why the rest of one cannot be told.

    ``served``: the index that this worker answers from was made by it. ``made`` is when it was
    trained. ``calibration_error`` is that of its scores, and ``uncalibrated`` why it has none.
    ``compared`` says how it did ``beside`` the model version that was served then; ``forced``,
    that it was exported though it was worse.
    """

    version: int
    served: bool
    made: str | None = None
    backbone: str | None = None
    tuned_from: str | None = None
    categories: int | None = None
    pictures: int | None = None
    quality: dict[str, float] = {}
    calibration_error: float | None = None
    uncalibrated: str | None = None
    explains: bool | None = None
    compared: str | None = None
    beside: int | None = None
    forced: bool | None = None
    problem: str | None = None


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of the model in the store, the newest first, 100 at most."""

    name: str
    models: list[StoredModel]


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """What ``CURRENT`` names now, and named before; replicas follow within seconds."""

    version: str
    before: str | None


class QuarantinedPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of the catalogue that has no vector, and why; ``type`` is that of the error."""

    id: str
    uri: str
    type: str
    detail: str


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures of the served version that have no vector, and how many there are of each type."""

    index_version: str
    types: dict[str, int]
    pictures: list[QuarantinedPicture]
