"""Duplicates of a picture of the index: the same bytes, or nearly the same vector."""

from lookalike.answers import Duplicate, Duplicates
from search_api.asked import Asked
from search_api.asking import ask
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.native import run_native
from search_api.parameters import DuplicatesParameters, Parameters
from search_api.query import Indexed, Query
from search_api.serving import Serving


def find_duplicates(
    wanted: DuplicatesParameters, serving: Serving, capacity: Capacity, caller: Caller
) -> Duplicates:
    """Find the nearest pictures within a distance; files of the same bytes are among them.

    Raises:
        LookalikeError: as :func:`search_api.asking.ask`.
    """
    asked = ask(Query(Indexed(wanted.id), Parameters()), serving, capacity, caller)
    found = run_native(lambda: _near(wanted, asked, serving))
    return Duplicates(
        id=wanted.id,
        duplicates=found[: wanted.k],
        more=len(found) > wanted.k,
        index_version=serving.index.name,
    )


def _near(wanted: DuplicatesParameters, asked: Asked, serving: Serving) -> list[Duplicate]:
    """Find one more than is wanted, which tells whether there are more."""
    hits = serving.index.search(asked.vector, wanted.k + 2)  # itself, and the one more
    found = [
        Duplicate(
            id=hit.picture.id,
            distance=hit.distance,
            same_bytes=hit.picture.sha256 == asked.sha256,
        )
        for hit in hits
        if hit.picture.id != wanted.id
    ]
    near = [one for one in found if one.same_bytes or one.distance <= wanted.distance]
    return near[: wanted.k + 1]
