"""From what is looked for to the vector that is searched with, timed by stage."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import msgspec
import numpy as np

from lookalike.errors import (
    InvalidParameter,
    ModelServerUnavailable,
    NoFeatures,
    OtherModel,
    PictureNotFound,
)
from lookalike.index import PictureRow
from lookalike.picture import Box, read_picture
from lookalike.picture.contract import Pixels
from lookalike.vectors import Vectors, without_features
from search_api.asked import Asked, space_of
from search_api.cache import PictureKey
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.metrics import CACHE, EMBEDDINGS, EMBEDDINGS_LIMIT
from search_api.native import run_briefly, run_native
from search_api.query import Embedded, Indexed, Query, Remote
from search_api.reading import read_indexed
from search_api.serving import Serving
from search_api.tracing import headers, span

NO_PIXELS: Pixels = np.empty(0, np.uint8)
# The call ends by itself in time, but for the look-up of the server's name, which knows no timeout.
GRACE_SECONDS = 0.1
LOOK_UP = "look up"
ALL_OFF = "every unit of dense_1 is off for this picture; try another crop of it"


def ask(query: Query, serving: Serving, capacity: Capacity, caller: Caller) -> Asked:
    """Find the vector of what a query looks for.

    Raises:
        PictureError: the bytes are no usable picture, or the box is not inside it.
        UrlNotAllowed, UrlUnreadable: the URL's file cannot be had.
        PictureNotFound, PictureUnreadable: the picture of the index is not there.
        InvalidParameter, OtherModel: a vector that is not one of this index.
        NoFeatures: the model sees nothing in it.
        ModelServerError: the model server gave no vector.
        TooBusy, DeadlineExceeded, CallerGone: it was not begun, or not gone on with.
    """
    source, box = query.source, query.parameters.box
    if isinstance(source, Embedded):
        vector, now = _usable(source, serving), time.perf_counter()
        return Asked(vector=vector, sha256=source.sha256, given=True, decoded=now, embedded=now)
    if isinstance(source, Indexed):
        return _indexed(source, box, serving, capacity, caller)
    data = _fetched(source, capacity, caller) if isinstance(source, Remote) else source.data
    return embed_picture(data, box, serving, capacity, caller)


def _fetched(source: Remote, capacity: Capacity, caller: Caller) -> bytes:
    with span("fetch", outgoing=True):
        return capacity.fetcher.fetch(source.url, caller.left())


def _indexed(
    source: Indexed, box: Box | None, serving: Serving, capacity: Capacity, caller: Caller
) -> Asked:
    def look_up() -> tuple[PictureRow, Vectors | None]:
        found = serving.index.find_with_vector(source.id, with_vector=box is None)
        if found is None:
            raise PictureNotFound(f"the index has no picture {source.id!r}")
        return found

    picture, vector = run_briefly(look_up, serving.costs[LOOK_UP])
    if vector is None:
        data = read_indexed(picture, capacity, caller)
        asked = embed_picture(data, box, serving, capacity, caller)
        return msgspec.structs.replace(asked, id=picture.id)
    now = time.perf_counter()
    return Asked(vector=vector, id=picture.id, sha256=picture.sha256, decoded=now, embedded=now)


def embed_picture(
    data: bytes, box: Box | None, serving: Serving, capacity: Capacity, caller: Caller
) -> Asked:
    """Give the vector of a picture file; errors as :func:`ask`."""
    model = serving.index.details.model

    def read() -> tuple[PictureKey, Vectors | None, Pixels]:
        caller.left()
        weights = f"{model.name} {model.version} {model.weights_sha256}"
        key = PictureKey(hashlib.sha256(data).digest(), box, weights)
        known = capacity.cache.get(key)
        if known is not None:
            return key, known, NO_PIXELS
        limit = capacity.decoded_bytes
        return key, None, read_picture(data, model.picture, max_decoded_bytes=limit, box=box)

    with capacity.place(caller), EMBEDDINGS.track_inprogress():
        with span("decode"):
            key, vector, pixels = run_native(read)
        decoded = time.perf_counter()
        CACHE.labels("miss" if vector is None else "hit").inc()
        if vector is None:
            vector = _embedded(pixels, serving, capacity, caller)
            capacity.cache.put(key, vector)
    now = time.perf_counter()
    return Asked(vector=vector, sha256=key.sha256, decoded=decoded, embedded=now)


def _embedded(pixels: Pixels, serving: Serving, capacity: Capacity, caller: Caller) -> Vectors:
    with asking_model("embed", capacity, caller) as (left, sent):
        [vector] = serving.embedder.embed(pixels[np.newaxis], timeout=left, headers=sent)
    if not vector.any():
        raise NoFeatures(ALL_OFF)
    return np.asarray(vector)


@contextmanager
def asking_model(
    name: str, capacity: Capacity, caller: Caller
) -> Iterator[tuple[float, dict[str, str] | None]]:
    """Give a call to the model server its seconds and its headers, and learn from its time.

    Raises:
        ModelServerUnavailable: it failed just now, or its seconds are over; errors of the call
            as they are.
        DeadlineExceeded, CallerGone: it was not begun.
    """
    with capacity.breaker.guarded():
        begun = time.perf_counter()
        with span(name, outgoing=True):
            left = min(caller.left(), capacity.model_seconds)
            with gevent.Timeout(left + GRACE_SECONDS, _too_slow(left)):
                yield left, headers()
        capacity.embeddings.took(time.perf_counter() - begun)
        EMBEDDINGS_LIMIT.set(capacity.embeddings.limit)


def _too_slow(seconds: float) -> ModelServerUnavailable:
    return ModelServerUnavailable(f"the model server did not answer within {seconds:.2g} s")


def _usable(given: Embedded, serving: Serving) -> Vectors:
    vector, index = given.vector, serving.index.details
    if given.space not in (None, space_of(index)):
        raise OtherModel(
            f"the vector is of {given.space}, and this index is of {space_of(index)}: search by "
            "the picture again"
        )
    dimensions = index.model.dimensions
    if vector.shape != (dimensions,):
        raise InvalidParameter(
            f"a vector of this index has {dimensions} numbers, not {len(vector)}"
        )
    # One sum for the usual case; it is neither where it overflows, or all but vanishes.
    squared = float(vector @ vector)
    if 0 < squared < np.inf:
        return vector
    if not np.isfinite(vector).all():
        raise InvalidParameter("a vector's numbers are finite, and fit into 32 bits")
    if without_features(vector[np.newaxis])[0]:
        raise NoFeatures("a vector of zeros has no direction")
    return vector
