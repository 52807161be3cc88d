"""gunicorn's gevent worker, which ends without a connection reset and as soon as it can.

Told to stop, it goes on for LOOKALIKE_DRAIN_SECONDS, so that whoever watches ``/readyz`` has
time to send nothing more here. Then new connections are kept out, those that wait are accepted,
and every request is answered. Clients keep idle connections open, for which gunicorn would wait
up to the whole grace; those are closed instead, as HTTP allows at any time (RFC 9112, 9.5).
"""

import logging
import select
import signal
import socket
import time
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any

import gevent
from gevent import monkey
from gunicorn import util
from gunicorn.http.errors import InvalidHeader
from gunicorn.workers.ggevent import GeventWorker

from search_api import stopping
from search_api.accepting import SharingServer
from search_api.access import KEY, PROBES
from search_api.connection import Connection
from search_api.leftovers import drop, is_read
from search_api.listening import keep_out_newcomers, waiting_connections
from search_api.logs import BATCH, HEADER, SEARCH, Told, told
from search_api.turns import Turns, has_turn

if TYPE_CHECKING:
    from search_api.early import Answer

_log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
# By then a handshake that had begun has ended, and its connection waits to be accepted.
HANDSHAKE_SECONDS = 0.3
# By then a request that was on its way has arrived, and is answered.
LINGER_SECONDS = 1.0
# For the head of a request once it begins to come, and for a new connection's first one.
HEAD_SECONDS = 10.0
FAILURES = 500
# A second: kubelet, Prometheus and load balancers ask far less.
FREE_PROBES = 50
HTTP_1_1 = (1, 1)
# Paths of searches, which all wait for their turn.
SEARCHES = frozenset({SEARCH, BATCH})

# gevent's own would give other greenlets their turn; this one never waits.
_poll: Any = monkey.get_original("select", "poll")


class _Idle(gevent.GreenletExit):  # type: ignore[misc]
    """Raised in a greenlet that waits for a request, at the worker's end."""


class DrainingWorker(GeventWorker):  # type: ignore[misc]
    """Ends in good order when it is told to stop; refuses in problem documents.

    Attributes:
        drain_seconds: how long it goes on as if nothing were, but for ``/readyz``.
    """

    drain_seconds = 0.0

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._ending = False
        self._waiting: set[gevent.Greenlet] = set()
        if self.cfg.workers > 1:
            self.server_class = self._sharing_server

    def _sharing_server(self, listener: Any, *, spawn: Any, **_: Any) -> SharingServer:
        """Make what accepts connections, as gunicorn asks for servers with a WSGI of their own."""
        return SharingServer(listener, partial(self.handle, listener), spawn=spawn)

    def run(self) -> None:
        """Serve until told to stop, then until the last request is answered."""
        if stopping.is_stopping():  # the signal came before this worker could hear it
            self.handle_exit(signal.SIGTERM, None)
        self._turns, self._probes = Turns(), _Probes()
        # By itself gevent writes to stderr what nobody catches, in many lines.
        gevent.get_hub().print_exception = _log_uncaught
        super().run()

    def handle_exit(self, sig: int, frame: object) -> None:  # noqa: ARG002  a signal handler's
        """Begin to end, once; a process group's signal comes twice, by the master again."""
        if not self._ending:
            self._ending = True
            gevent.spawn(self._end)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Answer the requests of one connection."""
        connection = Connection(client)
        gevent.getcurrent().connection = connection
        super().handle(listener, connection, addr)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        """Answer a request; at the worker's end it is its connection's last.

        Raises:
            InvalidHeader: it is of HTTP/1.1 and does not name one host (RFC 9112, 3.2).
        """
        if req.version >= HTTP_1_1 and [name for name, _ in req.headers].count("HOST") != 1:
            raise InvalidHeader("Host")
        if req.path not in PROBES or not self._probes.is_free():
            self._turns.wait()
        if self._ending:
            req.force_close()
        # gunicorn would ask for the body before anybody knows whether it is wanted.
        expects_word, req._expected_100_continue = req._expected_100_continue, False
        sock.begin(expects_word=expects_word)
        try:
            answered = self._answer(listener_name, req, sock, addr)
        except StopIteration:  # it was the connection's last
            if not is_read(req):
                sock.linger()
            raise
        self._finish(req, sock)
        return answered

    def _answer(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        if not has_turn() and _can_be_told_early(req):
            return self._tell_busy(req, sock)
        return super().handle_request(listener_name, req, sock, addr)

    def _finish(self, req: Any, sock: Any) -> None:
        """Make ready for the next request, or end the connection where that cannot be found."""
        if not is_read(req):
            sock.flush()
            # Who waits for a word before they send the body may never send it.
            if sock.expects_word or not drop(req):
                sock.linger()
                raise StopIteration
        sock.end()

    def timeout_ctx(self) -> AbstractContextManager[object]:
        """Surround the wait for a connection's next request, once the last one is answered."""
        connection = gevent.getcurrent().connection
        connection.flush()
        seconds = self.cfg.keepalive if connection.served else HEAD_SECONDS
        wait = _Wait(self._waiting, seconds)
        connection.heard, connection.served = wait.begun, True
        return wait

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that never gets to the application."""
        if isinstance(exc, Exception) and not isinstance(exc, OSError):
            self._refuse(client, addr, exc)
        else:
            super().handle_error(req, client, addr, exc)

    def _refuse(self, client: Any, addr: Any, exc: Exception) -> None:
        # Not above: gunicorn loads this class before its configuration has set what libraries read.
        from search_api.early import answer
        from search_api.problems import expected

        request, error = told(), expected(exc)
        if error.status < FAILURES:
            self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", exc)
        refusal = answer(error, request, close=True)
        util.write_nonblock(client, refusal.wire)
        self._log_answer(refusal, request, {})
        client.linger()

    def _tell_busy(self, req: Any, sock: Any) -> bool:
        """Answer 429 without the application, which would take as long over it as over an answer.

        It has no turn, so that all that it takes is taken from those who have one.
        """
        from search_api.early import busy
        from search_api.metrics import note_request

        given = dict(req.headers)
        request = told(given.get(HEADER.upper()))
        request.path = req.path
        close = bool(req.should_close())
        refusal = busy(request, close=close)
        sock.sendall(refusal.wire)
        environ = {"REQUEST_METHOD": req.method, "CONTENT_LENGTH": given.get("CONTENT-LENGTH")}
        self._log_answer(refusal, request, environ)
        note_request(req.method, req.path, str(refusal.status), 0.0, request.problem)
        if close:
            raise StopIteration  # as gunicorn ends a connection
        return True

    def _log_answer(self, given: "Answer", request: Told, environ: dict[str, Any]) -> None:
        answered = SimpleNamespace(status=given.status, sent=given.body_bytes)
        self.log.access(answered, None, {**environ, KEY: request}, timedelta())

    def _end(self) -> None:
        until = time.monotonic() + self.drain_seconds
        while time.monotonic() < until and not stopping.is_in_a_hurry():
            gevent.sleep(LOOK_SECONDS)
        try:
            if stopping.is_stopping():  # else the master and other workers go on listening
                self._accept_the_last()
        finally:
            self.alive = False
            self._part()

    def _accept_the_last(self) -> None:
        for listener in self.sockets:
            keep_out_newcomers(listener)
        gevent.sleep(HANDSHAKE_SECONDS)
        while any(map(waiting_connections, self.sockets)):
            gevent.sleep(LOOK_SECONDS)

    def _part(self) -> None:
        """Close connections on which nothing comes; their clients first, who then send no more."""
        parting: set[gevent.Greenlet] = set()
        while True:
            idle = set(self._waiting)
            gevent.sleep(LINGER_SECONDS)
            for greenlet in idle & self._waiting:
                if greenlet in parting:
                    greenlet.kill(_Idle, block=False)
                elif not _has_arrived(greenlet.connection):
                    parting.add(greenlet)
                    greenlet.connection.shutdown(socket.SHUT_WR)


def _can_be_told_early(req: Any) -> bool:
    """Tell whether a request is a search that waits for nothing before it sends its body."""
    search = req.method == "POST" and req.path in SEARCHES
    return search and all(name != "EXPECT" for name, _ in req.headers)


def _has_arrived(client: Any) -> bool:
    """Say whether something of a client's waits to be read, or its end."""
    poll = _poll()
    poll.register(client.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _log_uncaught(context: object, *error: Any) -> None:
    failed = type(context).__name__
    _log.error("nobody caught a failure in a %s", failed, exc_info=error)


class _Probes:
    """Lets probes by, which ask whether this worker lives; more than those wait for turns."""

    def __init__(self) -> None:
        self._second, self._asked = 0, 0

    def is_free(self) -> bool:
        """Tell whether one more need not wait."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._asked = second, 0
        self._asked += 1
        return self._asked <= FREE_PROBES


class _Wait(AbstractContextManager["_Wait"]):
    """Notes that a greenlet waits for a request; ends quietly after ``seconds``, or when told.

    Once something of the request has come it waits for the rest of the head alone.
    """

    def __init__(self, waiting: "set[gevent.Greenlet]", seconds: float) -> None:
        self._waiting, self._greenlet = waiting, gevent.getcurrent()
        self._timeout = gevent.Timeout(seconds)

    def begun(self) -> None:
        """Hear that a request begins to come."""
        self._timeout.close()
        self._timeout = gevent.Timeout.start_new(HEAD_SECONDS)

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
