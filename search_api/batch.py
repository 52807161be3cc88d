"""Several searches in one request, each with its own outcome."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from functools import partial
from itertools import chain, pairwise
from typing import TypeVar

import msgspec
from gevent.pool import Pool

from lookalike.errors import LookalikeError
from lookalike.index import Filter, Hit
from search_api.asked import Asked
from search_api.caller import Caller
from search_api.capacity import FIRST_EMBEDDINGS, Capacity
from search_api.metrics import note_problem, note_searches, note_stages
from search_api.native import idle_threads, run_native
from search_api.parameters import JsonQuery
from search_api.problems import URN, Problem, expected, problem_of
from search_api.query import Embedded, Query, decode, decode_batch, query_of
from search_api.scores import Scores, scores_of_each
from search_api.search import Answer, answer, find_all, prepare, told
from search_api.serving import Serving

Done = TypeVar("Done")

# Pictures of a batch that are at work or wait for a place to be.
AT_ONCE = FIRST_EMBEDDINGS
# Once the time of a batch is over, those of its pictures that have a vector by then are still
# searched for, if that begins so soon.
LAST_SECONDS = 1.0


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What came of one search of a batch: an answer, or a problem."""

    status: int
    answer: Answer | None = None
    problem: Problem | None = None


class Outcomes(msgspec.Struct, frozen=True):
    """What came of each search of a batch, in its order."""

    outcomes: list[Outcome]


class Begun(msgspec.Struct, frozen=True, gc=False):
    """A search that was read, at a time of ``time.perf_counter``."""

    query: Query
    begun: float


class _Ready(msgspec.Struct, frozen=True, gc=False):
    """A search whose vector is known, begun at a time of ``time.perf_counter``."""

    query: Query
    asked: Asked
    begun: float


class _Told(msgspec.Struct, frozen=True, gc=False):
    """An outcome in JSON, and what is to be noted of it."""

    outcome: bytes
    status: int
    problem: str | None = None
    stages: Mapping[str, float] | None = None
    asked: Asked | None = None
    filter: Filter | None = None


_Search = Begun | _Ready | LookalikeError


def read_searches(data: bytes) -> Sequence[Begun | LookalikeError]:
    """Read a batch's body; what is wrong with one search alone is in its place.

    Raises:
        InvalidParameter: it is no batch.
    """
    return run_native(lambda: [_decode(query) for query in decode_batch(data)])


def search_batch(
    searches: Sequence[_Search], serving: Serving, capacity: Capacity, caller: Caller
) -> bytes:
    """Answer each search from one and the same index version: an :class:`Outcomes` in JSON.

    Those that want the model server wait for it side by side. All else of a search is done on
    one thread, from its vector to its JSON, since threads wait for each other's hold of Python's
    lock. As many threads take their share of the batch as have nothing to do.

    Raises:
        DeadlineExceeded, CallerGone: nobody waits for it any more.
    """
    prepared = partial(_prepare, serving=serving, capacity=capacity, caller=caller)
    waiting = [one for one in searches if _waits(one)]
    waited = iter(_all([partial(prepared, one) for one in waiting], AT_ONCE))
    searches = [next(waited) if _waits(one) else one for one in searches]

    last = _with_seconds(caller, LAST_SECONDS)

    def work(share: Sequence[_Search]) -> list[_Told]:
        last.left()
        ready = [prepared(one) for one in share]
        return list(map(_told, ready, _outcomes(ready, serving)))

    shares = min(idle_threads(), len(searches))
    bounds = [len(searches) * share // shares for share in range(shares + 1)]
    parts = [searches[first:end] for first, end in pairwise(bounds)]
    done = _all([partial(run_native, partial(work, part)) for part in parts], shares)
    told = list(chain.from_iterable(done))
    _note(told, serving, capacity)
    return b'{"outcomes":[' + b",".join(one.outcome for one in told) + b"]}"


def _with_seconds(caller: Caller, seconds: float) -> Caller:
    """Give a caller some seconds at least."""
    deadline = max(caller.deadline, time.monotonic() + seconds)
    return msgspec.structs.replace(caller, deadline=deadline)


def _note(told: Sequence[_Told], serving: Serving, capacity: Capacity) -> None:
    for one in told:
        if one.problem is not None:
            note_problem(one.problem)
        if one.asked is not None:
            capacity.recall.note(serving.index, one.asked, one.filter)
    note_searches(Counter((str(one.status), one.problem) for one in told))
    note_stages([one.stages for one in told if one.stages is not None])


def _all(work: Sequence[Callable[[], Done]], at_once: int) -> list[Done]:
    """Do all of some work in greenlets, and give what came of it in its order.

    Each has the context of the request, which greenlets do not get by themselves.
    """
    if len(work) == 1:
        return [work[0]()]
    here = [partial(copy_context().run, one) for one in work]
    done: list[Done] = Pool(at_once).map(lambda one: one(), here)
    return done


def _decode(query: JsonQuery | msgspec.Raw) -> Begun | LookalikeError:
    begun = time.perf_counter()
    try:
        body = query if isinstance(query, JsonQuery) else decode(query, JsonQuery)
        return Begun(query_of(body), begun)
    except Exception as error:  # noqa: BLE001  one query's failure is its own
        return expected(error)


def _waits(one: _Search) -> bool:
    """Tell whether a search waits for the model server, or looks into the index first."""
    return isinstance(one, Begun) and not isinstance(one.query.source, Embedded)


def _prepare(
    one: _Search, serving: Serving, capacity: Capacity, caller: Caller
) -> _Ready | LookalikeError:
    if not isinstance(one, Begun):
        return one
    try:
        return _Ready(one.query, prepare(one.query, serving, capacity, caller), one.begun)
    except Exception as error:  # noqa: BLE001  as above
        return expected(error)


def _outcomes(prepared: Sequence[_Ready | LookalikeError], serving: Serving) -> list[Outcome]:
    ready = [one for one in prepared if isinstance(one, _Ready)]
    index = serving.index
    found = find_all(index, [(one.asked, one.query.parameters) for one in ready])
    hits = [[] if isinstance(one, Exception) else one for one in found]
    probable = scores_of_each(hits, index.details)
    done = map(partial(_outcome, serving), ready, found, probable)
    return [next(done) if isinstance(one, _Ready) else _failed(one) for one in prepared]


def _outcome(
    serving: Serving, ready: _Ready, hits: list[Hit] | Exception, probable: Scores
) -> Outcome:
    if isinstance(hits, Exception):
        return _failed(expected(hits))
    parameters = ready.query.parameters
    results = told(hits, probable, parameters.fields)
    return Outcome(200, answer=answer(results, serving, ready.asked, parameters, ready.begun))


def _told(ready: _Ready | LookalikeError, outcome: Outcome) -> _Told:
    data = msgspec.json.encode(outcome)
    if isinstance(ready, LookalikeError) or outcome.answer is None:
        return _Told(data, outcome.status, problem=_kind(outcome))
    stages = outcome.answer.took_ms.stages(ready.asked)
    return _Told(
        data, outcome.status, stages=stages, asked=ready.asked, filter=ready.query.parameters.filter
    )


def _kind(outcome: Outcome) -> str | None:
    return None if outcome.problem is None else outcome.problem.type.removeprefix(URN)


def _failed(error: LookalikeError) -> Outcome:
    return Outcome(error.status, problem=problem_of(error))
