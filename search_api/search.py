"""One search: what is asked for, what is near it, and what is told of that."""

import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from lookalike.catalogue.picture import Attribute
from lookalike.catalogue.urls import is_file
from lookalike.index import Hit, IndexVersion, PictureRow, Selection
from lookalike.vectors import Vectors
from search_api.asked import Asked
from search_api.asking import ask
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.metrics import note_stages
from search_api.native import run_briefly, run_native
from search_api.parameters import EncodedVector, Field, Parameters
from search_api.query import Query
from search_api.scores import Scores, likely, require_scores, scores
from search_api.serving import Serving
from search_api.tracing import Attributes, span

LABEL = "label"
# Candidates that are looked through where hits are left out: the same picture, or of a
# group that has its best hit already.
MOST_CANDIDATES = 10_000
WIDER = 4


class Result(msgspec.Struct, frozen=True, gc=False):
    """A picture that was found; it has the members that ``fields`` asked for, by default all."""

    id: str | UnsetType = UNSET
    distance: Annotated[float, Meta(description="Euclidean; 0: the same.")] | UnsetType = UNSET
    score: (
        Annotated[
            float | None,
            Meta(description="Calibrated probability of the query's category, or null."),
        ]
        | UnsetType
    ) = UNSET
    label: str | UnsetType | None = UNSET
    uri: Annotated[str, Meta(description="Its place in its catalogue.")] | UnsetType = UNSET
    attributes: dict[str, Attribute] | UnsetType = UNSET


class TookMilliseconds(msgspec.Struct, frozen=True, gc=False):
    """How long each stage took."""

    decode: Annotated[float, Meta(description="To fetch the picture by its URL, and to read it.")]
    embed: Annotated[float, Meta(description="Until the model server gave its vector.")]
    search: Annotated[float, Meta(description="To search, and to look up what was found.")]
    total: float

    def stages(self, asked: Asked) -> dict[str, float]:
        """Give the seconds of each stage that a search had: a vector is searched with as it is."""
        milliseconds = {"search": self.search}
        if not asked.given:
            milliseconds |= {"decode": self.decode, "embed": self.embed}
        return {stage: taken / 1000 for stage, taken in milliseconds.items()}


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What was found, the nearest first, and by what."""

    results: list[Result]
    index_version: Annotated[str, Meta(description="The version that was searched.")]
    model_version: Annotated[int, Meta(description="The model that its vectors are of.")]
    took_ms: TookMilliseconds
    vector: (
        Annotated[
            EncodedVector,
            Meta(description="What was searched with, where with_vector asked for it."),
        ]
        | UnsetType
    ) = UNSET


def search(query: Query, serving: Serving, capacity: Capacity, caller: Caller) -> Answer:
    """Answer a query from one index version, embedded by the model version that it names.

    Raises:
        LookalikeError: as :func:`search_api.asking.ask`; and InvalidParameter for a score
            of an index that is not calibrated.
    """
    begun = time.perf_counter()
    asked = prepare(query, serving, capacity, caller)
    hits = _found(serving, asked, query.parameters, caller)
    results = told(hits, scores(hits, serving.index.details), query.parameters.fields)
    made = answer(results, serving, asked, query.parameters, begun)
    note_stages([made.took_ms.stages(asked)])
    capacity.recall.note(serving.index, asked, query.parameters.filter)
    return made


def _found(serving: Serving, asked: Asked, parameters: Parameters, caller: Caller) -> list[Hit]:
    def work() -> list[Hit]:
        caller.left()
        return find(serving.index, asked, parameters)

    if parameters.filter is not None or parameters.group_by is not None:
        return run_native(work)  # no two of these take equally long
    # By the power of two: within it none takes much longer than another.
    kind = _wanted(parameters).bit_length(), parameters.exclude_self
    return run_briefly(work, serving.costs[kind])


def prepare(query: Query, serving: Serving, capacity: Capacity, caller: Caller) -> Asked:
    """Find what to search with, by a query that this index can answer; errors as :func:`search`."""
    if query.parameters.min_score is not None:
        require_scores(serving.index.details)
    return ask(query, serving, capacity, caller)


def answer(
    results: list[Result], serving: Serving, asked: Asked, parameters: Parameters, begun: float
) -> Answer:
    """Say what was found just now, for a query whose work began at ``begun``."""
    found = time.perf_counter()
    index = serving.index.details
    return Answer(
        results,
        serving.index.name,
        index.model.version,
        TookMilliseconds(
            decode=_milliseconds(begun, asked.decoded),
            embed=_milliseconds(asked.decoded, asked.embedded),
            search=_milliseconds(asked.embedded, found),
            total=_milliseconds(begun, found),
        ),
        asked.encoded(index) if parameters.with_vector else UNSET,
    )


def find_all(
    index: IndexVersion, searches: Sequence[tuple[Asked, Parameters]]
) -> list[list[Hit] | Exception]:
    """Find the hits of several queries, or why one has none; on a native thread.

    Those that want equally many of the same pictures are looked for in one call of the index.
    """
    found: dict[int, list[Hit] | Exception] = {}
    alike: dict[object, list[int]] = {}
    for number, (_, parameters) in enumerate(searches):
        # What may have to look at more candidates goes by itself.
        alone = parameters.exclude_self or parameters.group_by
        key = number if alone else (_wanted(parameters), msgspec.json.encode(parameters.filter))
        alike.setdefault(key, []).append(number)
    for numbers in alike.values():
        found.update(zip(numbers, _find_alike(index, [searches[n] for n in numbers]), strict=True))
    return [found[number] for number in range(len(searches))]


def _find_alike(
    index: IndexVersion, searches: Sequence[tuple[Asked, Parameters]]
) -> Sequence[list[Hit] | Exception]:
    _, parameters = searches[0]
    try:
        if len(searches) == 1:
            return [find(index, *searches[0])]
        selection = _selection(index, parameters)
        vectors = np.stack([asked.vector for asked, _ in searches])
        hits = _nearest(index, vectors, _wanted(parameters), selection)
    except Exception as error:  # noqa: BLE001  the failure of these is no other's
        return [error] * len(searches)
    return [
        likely(near, own, index.details)[own.offset :]
        for near, (_, own) in zip(hits, searches, strict=True)
    ]


def _wanted(parameters: Parameters) -> int:
    return parameters.offset + parameters.k


def find(index: IndexVersion, asked: Asked, parameters: Parameters) -> list[Hit]:
    """Find the hits of one query; on a native thread."""
    wanted = _wanted(parameters)
    candidates = wanted + parameters.exclude_self
    selection = _selection(index, parameters)
    while True:
        [near] = _nearest(index, asked.vector[np.newaxis], candidates, selection)
        hits = likely(near, parameters, index.details)
        kept = list(_kept(hits, asked, parameters))
        # Fewer than there are candidates: there are no others, or those score too little.
        if len(kept) >= wanted or len(hits) < candidates or candidates == MOST_CANDIDATES:
            return kept[parameters.offset : wanted]
        candidates = min(WIDER * candidates, MOST_CANDIDATES)


def _selection(index: IndexVersion, parameters: Parameters) -> Selection | None:
    if parameters.filter is None:
        return None
    with span("filter"):
        return index.select(parameters.filter)


def _nearest(
    index: IndexVersion, vectors: Vectors, k: int, selection: Selection | None
) -> list[list[Hit]]:
    with span("search", lambda: _told_of_search(index, len(vectors), k, selection)):
        found = index.nearest(vectors, k, selection)
    with span("describe"):
        return index.hits(found)


def _told_of_search(
    index: IndexVersion, queries: int, k: int, selection: Selection | None
) -> Attributes:
    given = index.details.search.given()
    effort = {f"lookalike.{name}": value for name, value in given.items()}
    return {
        "lookalike.segments": len(index.details.segments),
        "lookalike.queries": queries,
        "lookalike.k": k,
        "lookalike.filtered": selection is not None,
        **effort,
    }


def told(hits: Sequence[Hit], probable: Scores, fields: list[Field] | None) -> list[Result]:
    """Say of hits, and of their scores, what was asked for."""
    pictures = [hit.picture for hit in hits]
    whole = [
        Result(picture.id, hit.distance, score, picture.label, place(picture), picture.attributes)
        for hit, score, picture in zip(hits, probable, pictures, strict=True)
    ]
    if not fields:
        return whole
    return [Result(**{name: getattr(one, name) for name in fields}) for one in whole]


def place(picture: PictureRow) -> str:
    """Tell where a picture is; where this machine keeps a file is nobody's business."""
    return picture.id if is_file(picture.uri) else picture.uri


def _kept(hits: list[Hit], asked: Asked, parameters: Parameters) -> Iterator[Hit]:
    seen = set()
    for hit in hits:
        picture = hit.picture
        if parameters.exclude_self and asked.is_of(picture):
            continue
        if parameters.group_by is not None:
            group = _value(picture, parameters.group_by)
            if group in seen:
                continue
            seen.add(group)
        yield hit


def _value(picture: PictureRow, attribute: str) -> object:
    """Give a picture's value of an attribute, which is what makes its group; None: it has none."""
    if attribute == LABEL and LABEL not in picture.attributes:
        return picture.label
    value = picture.attributes.get(attribute)
    return isinstance(value, bool), value  # 2 and 2.0 are one number; 1 and true are none


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)
