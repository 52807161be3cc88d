"""Several searches in one request, each with its own outcome."""

import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import TypeVar

import msgspec
from gevent.pool import Pool

from lookalike.errors import LookalikeError
from lookalike.index import Hit
from search_api.asked import Asked
from search_api.caller import Caller
from search_api.capacity import LEAST_EMBEDDINGS, Capacity
from search_api.metrics import note_problem, note_stages
from search_api.native import native_threads, run_native
from search_api.problems import URN, Problem, expected, problem_of
from search_api.query import Embedded, Query, decode_query
from search_api.search import Answer, answer, find_all, prepare
from search_api.serving import Serving

Done = TypeVar("Done")

# Of a batch's pictures: no more than there are places for at any time.
AT_ONCE = LEAST_EMBEDDINGS


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one search of a batch: an answer, or a problem."""

    status: int
    answer: Answer | None = None
    problem: Problem | None = None


class Outcomes(msgspec.Struct, frozen=True):
    """What came of each search of a batch, in its order."""

    outcomes: list[Outcome]


class _Begun(msgspec.Struct, frozen=True):
    """A search that was read, at a time of ``time.perf_counter``."""

    query: Query
    begun: float


class _Ready(msgspec.Struct, frozen=True):
    """A search whose vector is known, begun at a time of ``time.perf_counter``."""

    query: Query
    asked: Asked
    begun: float


def search_batch(
    queries: Sequence[msgspec.Raw], serving: Serving, capacity: Capacity, caller: Caller
) -> Outcomes:
    """Answer each query from one and the same index version.

    Those that want the model server wait for it side by side. The index is searched by as
    many native threads as there are, each taking its share of the queries.
    """
    decoded = [_decode(query) for query in queries]
    prepare_one = partial(_prepare, serving=serving, capacity=capacity, caller=caller)
    # A vector waits for nothing, and needs no greenlet of its own.
    waiting = [one for one in decoded if not _has_vector(one)]
    waited = iter(_all([partial(prepare_one, one) for one in waiting], AT_ONCE))
    ready = [prepare_one(one) if _has_vector(one) else next(waited) for one in decoded]
    shares = min(native_threads(), len(ready))
    work = [partial(_outcomes, ready[share::shares], serving) for share in range(shares)]
    done = _all([partial(run_native, share) for share in work], shares)
    outcomes = [done[place % shares][place // shares] for place in range(len(ready))]
    for one, outcome in zip(ready, outcomes, strict=True):
        if outcome.problem is not None:
            note_problem(outcome.problem.type.removeprefix(URN))
        elif outcome.answer is not None and isinstance(one, _Ready):
            note_stages(outcome.answer.took_ms.stages())
            capacity.recall.note(serving.index, one.asked, one.query.parameters.filter)
    return Outcomes(outcomes)


def _all(work: Sequence[Callable[[], Done]], at_once: int) -> list[Done]:
    """Do all of some work in greenlets, and give what came of it in its order.

    Each has the context of the request, which greenlets do not get by themselves.
    """
    here = [partial(copy_context().run, one) for one in work]
    done: list[Done] = Pool(at_once).map(lambda one: one(), here)
    return done


def _decode(raw: msgspec.Raw) -> _Begun | LookalikeError:
    begun = time.perf_counter()
    try:
        return _Begun(decode_query(raw), begun)
    except Exception as error:  # noqa: BLE001  one query's failure is its own
        return expected(error)


def _has_vector(one: _Begun | LookalikeError) -> bool:
    return isinstance(one, _Begun) and isinstance(one.query.source, Embedded)


def _prepare(
    one: _Begun | LookalikeError, serving: Serving, capacity: Capacity, caller: Caller
) -> _Ready | LookalikeError:
    if isinstance(one, LookalikeError):
        return one
    try:
        return _Ready(one.query, prepare(one.query, serving, capacity, caller), one.begun)
    except Exception as error:  # noqa: BLE001  as above
        return expected(error)


def _outcomes(prepared: Sequence[_Ready | LookalikeError], serving: Serving) -> list[Outcome]:
    ready = [one for one in prepared if isinstance(one, _Ready)]
    found = iter(find_all(serving.index, [(one.asked, one.query.parameters) for one in ready]))
    return [
        _outcome(one, next(found), serving) if isinstance(one, _Ready) else _failed(one)
        for one in prepared
    ]


def _outcome(ready: _Ready, hits: list[Hit] | Exception, serving: Serving) -> Outcome:
    if isinstance(hits, Exception):
        return _failed(expected(hits))
    return Outcome(200, answer=answer(ready.query, serving, ready.asked, hits, ready.begun))


def _failed(error: LookalikeError) -> Outcome:
    return Outcome(error.status, problem=problem_of(error))
