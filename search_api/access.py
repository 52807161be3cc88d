"""gunicorn's log in our formats, with one line for each request that was answered.

No line has an address, a query, a header, or a path with its ids: pictures' ids may be
personal, and keys are secret.
"""

import os
import time
from datetime import timedelta
from typing import Any

import msgspec
from gunicorn.glogging import Logger

from lookalike.settings import LogFormat, Settings
from search_api import own_stderr
from search_api.logs import CURRENT, FORMATTERS, NONE, Told, configure, timestamp

# Where the application leaves what it told of a request.
KEY = "lookalike.told"
NAME = "search_api.access"
# Asked every few seconds by whoever watches the service; told where they fail.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
FAILED = 400
# gunicorn's words before what a client sent, which may be anything.
QUOTING = ("Invalid request from ip=", "Error handling request ")


class Line(msgspec.Struct, omit_defaults=True):
    """One request; durations in seconds, sizes in bytes of bodies."""

    time: str
    level: str
    logger: str
    message: str
    pid: int
    method: str
    path: str
    status: int
    duration_seconds: float
    bytes_out: int
    bytes_in: int | None = None
    request_id: str | None = None
    problem: str | None = None
    index_version: str | None = None
    model_version: int | None = None
    trace_id: str | None = None


class ServiceLogger(Logger):  # type: ignore[misc]
    """Writes as ``LOOKALIKE_LOG_FORMAT`` and ``LOOKALIKE_ACCESS_LOG`` say."""

    def setup(self, cfg: Any) -> None:
        """Configure all logging of this process, before it forks workers."""
        super().setup(cfg)
        settings = Settings.from_environment()
        self._form: LogFormat = settings.log_format
        self._least = {"all": 0, "failed": FAILED, "off": None}[settings.access_log]
        configure(self._form)
        for handler in self.error_log.handlers:
            handler.setFormatter(FORMATTERS[self._form])

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Warn, but of a request that cannot be read without what it says."""
        if msg.startswith(QUOTING):
            msg, args = "a request that is no HTTP was refused", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log a failure, but of a request without its URL."""
        if msg.startswith(QUOTING):
            msg, args = "a request failed before it came to the application", ()
        super().exception(msg, *args, **kwargs)

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:  # noqa: ARG002
        """Tell of a request that was answered."""
        told: Told = environ.get(KEY) or Told("")  # it never came to the application
        status = int(str(resp.status).split(" ", 1)[0])
        if self._least is None or status < self._least or _is_probe(told, status):
            CURRENT.set(None)
            return
        line = _line(told, status, resp.sent or 0, environ, request_time.total_seconds())
        own_stderr.write(_written(line, self._form))
        CURRENT.set(None)


def _is_probe(told: Told, status: int) -> bool:
    return told.path in PROBES and status < FAILED


def _line(told: Told, status: int, sent: int, environ: Any, seconds: float) -> Line:
    method, received = environ.get("REQUEST_METHOD", NONE), environ.get("CONTENT_LENGTH")
    return Line(
        time=timestamp(time.time()),
        level="info",
        logger=NAME,
        message=f"{method} {told.path} {status}",
        pid=os.getpid(),
        method=method,
        path=told.path,
        status=status,
        duration_seconds=round(seconds, 6),
        bytes_out=sent,
        bytes_in=int(received) if received else None,
        request_id=told.id or None,
        problem=told.problem,
        index_version=told.index_version,
        model_version=told.model_version,
        trace_id=told.trace_id,
    )


def _written(line: Line, form: LogFormat) -> bytes:
    if form == "json":
        return msgspec.json.encode(line) + b"\n"
    text = f"{line.message} in {1000 * line.duration_seconds:.1f} ms"
    more = [word for word in (line.problem, line.request_id) if word]
    return f"{line.time} [{line.pid}] [INFO] {NAME}: {text} [{' '.join(more)}]\n".encode()
