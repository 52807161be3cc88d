"""gunicorn's gevent worker, which ends as soon as its last request does.

gunicorn waits for every open connection, up to the whole grace, and clients keep idle ones
open: each rollout would take that long. Connections on which nothing has come for a moment
are closed instead; HTTP lets a server do so at any time (RFC 9112, section 9.5).
"""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import gevent
from gunicorn import util
from gunicorn.workers.ggevent import GeventWorker

from search_api import lag
from search_api.connection import Connection

# By then a request that was on its way has arrived, and is answered.
LINGER_SECONDS = 1.0
# After so long the event loop looks which connections have something to read.
TURN_SECONDS = 0.001
FAILURES = 500


class _Idle(gevent.GreenletExit):  # type: ignore[misc]
    """Raised in a greenlet that waits for a request, at the worker's end."""


class DrainingWorker(GeventWorker):  # type: ignore[misc]
    """Closes idle connections when it is told to stop; refuses in problem documents."""

    def run(self) -> None:
        """Serve until told to stop, then until the last request is answered."""
        self._waiting: set[gevent.Greenlet] = set()
        self._turned = time.monotonic()
        lag.watch()
        gevent.spawn(self._drain)
        super().run()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Answer the requests of one connection."""
        connection = Connection(client)
        gevent.getcurrent().connection = connection
        super().handle(listener, connection, addr)

    def timeout_ctx(self) -> AbstractContextManager[object]:
        """Surround the wait for a connection's next request, once the last one is answered."""
        gevent.getcurrent().connection.flush()
        if time.monotonic() - self._turned > TURN_SECONDS:
            # Clients that are quick to ask again would otherwise keep all others waiting.
            gevent.sleep(0)
            self._turned = time.monotonic()
        return _Wait(self._waiting, self.cfg.keepalive)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that never gets to the application."""
        if isinstance(exc, Exception) and not isinstance(exc, OSError):
            util.write_nonblock(client, self._refusal(addr, exc))
        else:
            super().handle_error(req, client, addr, exc)

    def _refusal(self, addr: Any, exc: Exception) -> bytes:
        # Not above: gunicorn loads this class before its configuration has set what libraries read.
        from search_api.problems import expected, problem_response

        error = expected(exc)
        if error.status < FAILURES:
            self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", exc)
        response = problem_response(error)
        response.headers["Connection"] = "close"
        head = f"HTTP/1.1 {response.status}\r\n{response.headers}"
        return head.encode("latin-1") + response.get_data()

    def _drain(self) -> None:
        while self.alive:
            gevent.sleep(LINGER_SECONDS / 2)
        while True:
            idle = set(self._waiting)
            gevent.sleep(LINGER_SECONDS)
            for greenlet in idle & self._waiting:
                greenlet.kill(_Idle, block=False)


class _Wait(AbstractContextManager["_Wait"]):
    """Notes that a greenlet waits for a request; ends quietly after ``seconds``, or when told."""

    def __init__(self, waiting: "set[gevent.Greenlet]", seconds: float) -> None:
        self._waiting, self._greenlet = waiting, gevent.getcurrent()
        self._timeout = gevent.Timeout(seconds)

    def __enter__(self) -> "_Wait":
        self._waiting.add(self._greenlet)
        self._timeout.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._waiting.discard(self._greenlet)
        self._timeout.close()
        return error is self._timeout or isinstance(error, _Idle)
