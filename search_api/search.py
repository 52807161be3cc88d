"""One search: decode, embed, find; timed by stage."""

import time

import msgspec

from lookalike.errors import NoFeatures
from lookalike.index import Hit
from lookalike.picture import read_picture
from lookalike.vectors import without_features
from search_api.native import run_native
from search_api.query import Query
from search_api.replica import Serving

FILE_SCHEME = "file:"


class Result(msgspec.Struct, frozen=True):
    """One picture that looks like the query's."""

    id: str
    distance: float
    score: float | None
    label: str | None
    uri: str


class TookMilliseconds(msgspec.Struct, frozen=True):
    """How long each stage took."""

    decode: float
    embed: float
    search: float
    total: float


class Answer(msgspec.Struct, frozen=True):
    """The answer of ``POST /search``."""

    results: list[Result]
    index_version: str
    model_version: int
    took_ms: TookMilliseconds


def search(query: Query, serving: Serving, max_decoded_bytes: int) -> Answer:
    """Answer a query from one index version, embedded by the model version that it names.

    Raises:
        PictureError: the bytes are no usable picture.
        NoFeatures: the model sees nothing in it.
        ModelServerError: the model server gave no vector.
    """
    details = serving.index.details
    begun = time.perf_counter()
    pixels = run_native(
        lambda: read_picture(
            query.picture, details.model.picture, max_decoded_bytes=max_decoded_bytes
        )
    )
    decoded = time.perf_counter()
    vectors = serving.embedder.embed(pixels[None])
    embedded = time.perf_counter()
    if without_features(vectors)[0]:
        raise NoFeatures("every unit of dense_1 is off for this picture; try another crop of it")
    hits = run_native(lambda: serving.index.search(vectors[0], query.parameters.k))
    found = time.perf_counter()
    return Answer(
        [_result(hit) for hit in hits],
        serving.index.name,
        details.model.version,
        TookMilliseconds(
            decode=_milliseconds(begun, decoded),
            embed=_milliseconds(decoded, embedded),
            search=_milliseconds(embedded, found),
            total=_milliseconds(begun, found),
        ),
    )


def _result(hit: Hit) -> Result:
    picture = hit.picture
    # Where this machine keeps a file is nobody's business: its name in the catalogue is told.
    uri = picture.id if picture.uri.startswith(FILE_SCHEME) else picture.uri
    # No score where nothing was calibrated: a distance is not a probability.
    return Result(picture.id, hit.distance, None, picture.label, uri)


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)
