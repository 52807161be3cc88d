"""Changing what is found: durable records of deletions and additions."""

import logging
from collections.abc import Callable
from typing import TypeVar

from lookalike.catalogue.remote import failures
from lookalike.changes import Addition, Additions, ChangeLog, Deletion, Record
from lookalike.errors import AdditionsFull, StoreError, StoreFull
from lookalike.index import embedding_of
from lookalike.storing import FULL
from search_api.answers import Deleted, Put
from search_api.apart import run_writing
from search_api.asking import embed_picture
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.serving import Serving
from search_api.upload import Upload

_log = logging.getLogger(__name__)

Made = TypeVar("Made")


def delete(name: str, serving: Serving | None, log: ChangeLog) -> Deleted:
    """Write a deletion down, of a picture that is not there too: a later version may have it.

    Raises:
        StoreError: the store cannot be written to.
    """

    def write() -> tuple[bool | None, Record]:
        found = None if serving is None else serving.index.find(name) is not None
        return found, log.append(Deletion([name]))

    found, record = _recorded(write)
    return Deleted(name, record.name, record.at, found)


def put(
    name: str, upload: Upload, serving: Serving, log: ChangeLog, capacity: Capacity, caller: Caller
) -> Put:
    """Write an addition down, with the picture's bytes and its vector.

    Everything that can be wrong with it is found before anything is written. The bytes come
    first: a record whose picture is not there is never seen, and bytes alone are nothing.

    Raises:
        PictureError, NoFeatures: it can't be found by this model.
        ModelServerError, TooBusy, DeadlineExceeded, CallerGone: as of a search by picture.
        AdditionsFull: there are as many already as replicas keep in memory.
        StoreError: the store cannot be written to.
    """
    asked = embed_picture(upload.data, None, serving, capacity, caller)
    embedding = embedding_of(asked.vector, serving.index.details.model)

    def write() -> tuple[bool, Record]:
        caller.left()
        if not serving.index.has_room_for(name):
            raise AdditionsFull(
                "too many pictures were added since the index was built; lookalike reindex takes "
                "them in"
            )
        replaces = serving.index.find(name) is not None
        sha256 = log.put_picture(upload.data)
        addition = Addition(name, sha256, upload.label, upload.attributes, embedding)
        return replaces, log.append(Additions([addition]))

    replaces, record = _recorded(write)
    return Put(name, record.name, record.at, replaced=replaces)


def _recorded(write: Callable[[], Made]) -> Made:
    try:
        return run_writing(write)
    except failures() as error:
        raise not_written(error, "the change") from error


def not_written(error: Exception, what: str, how_else: str = "") -> StoreError:
    """Make an error of a failure to write into the store, which says what was not written."""
    kind = StoreFull if getattr(error, "errno", None) in FULL else StoreError
    _log.warning("%s cannot be written: %s", what, error)
    reason = getattr(error, "strerror", None) or "see the log"
    return kind(f"{what} cannot be written: {reason}{how_else}")
