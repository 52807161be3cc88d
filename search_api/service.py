"""What requests are answered with, by whichever way they come."""

import time
from typing import TYPE_CHECKING

import msgspec
from werkzeug.datastructures import Headers

from lookalike.changes import ChangeLog
from lookalike.key_file import Key, Scope
from lookalike.store import Collection
from search_api.batch import read_searches, search_batch
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.keys import Keys
from search_api.logs import note_versions
from search_api.native import run_native
from search_api.query import Query
from search_api.replica import Replica
from search_api.search import search
from search_api.serving import Serving
from search_api.shared import Shared

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Of an answer: JSON of more is written on a native thread.
INLINE_RESULTS = 100


class Service(msgspec.Struct, frozen=True):
    """What requests are answered with; one of each worker."""

    capacity: Capacity
    seconds: float  # that a request may take
    replica: Replica
    keys: Keys
    changes: ChangeLog
    indexes: Collection
    models: Collection
    openapi: bytes
    metrics: Shared[bytes]  # of all workers

    def allow(self, headers: Headers, scope: Scope, searches: float = 1) -> Key | None:
        """Give the key of a request, which has the scope, and may search so often already.

        Raises:
            MissingKey, MissingScope, RateLimited: it may not.
        """
        key = self.keys.check(headers, scope)
        if scope == "search":
            self.keys.spend(key, searches)
        return key

    def serving(self) -> Serving:
        """Give what the request at hand is answered from; errors as :meth:`Replica.serving`."""
        serving = self.replica.serving()
        note_versions(serving.index.name, serving.index.details.model.version)
        return serving

    def caller(self, environ: "WSGIEnvironment", *, patient: bool = False) -> Caller:
        """Tell who waits for the answer to a request that was read by now."""
        deadline = time.monotonic() + self.seconds
        return Caller(deadline, environ.get("gunicorn.socket"), patient=patient)

    def batch(self, body: bytes, key: Key | None, environ: "WSGIEnvironment") -> bytes:
        """Answer a batch of searches; each counts for its key.

        Raises:
            InvalidParameter: it is no batch.
            RateLimited: its key may not search so often.
            LookalikeError: as :meth:`serving`.
        """
        searches = read_searches(body)
        caller = self.caller(environ, patient=True)
        self.keys.spend(key, len(searches))
        return search_batch(searches, self.serving(), self.capacity, caller)

    def search(self, query: Query, environ: "WSGIEnvironment") -> bytes:
        """Answer a search in JSON; errors as :func:`search_api.search.search`."""
        caller = self.caller(environ)
        answer = search(query, self.serving(), self.capacity, caller)
        if len(answer.results) <= INLINE_RESULTS:
            return msgspec.json.encode(answer)
        return run_native(lambda: msgspec.json.encode(answer))
