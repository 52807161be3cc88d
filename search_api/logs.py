"""What the service writes to stderr: lines for people, or one JSON object an event.

gunicorn's master loads this before its configuration has set what libraries read, so that
nothing heavy is imported here.
"""

import logging
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from random import getrandbits
from typing import Any

import msgspec

from lookalike.settings import LogFormat

# As in logs and problem documents; made where a request comes without one that can be used.
HEADER = "X-Request-ID"
USABLE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
ID_BITS = 128
# Paths of routes, as they are told; NONE: it is of no route.
NONE = "none"
SEARCH, BATCH = "/search", "/search/batch"

TEXT = "%(asctime)s [%(process)d] [%(levelname)s] %(name)s: %(message)s"


class Told(msgspec.Struct):
    """What is told of a request while it is being answered.

    Attributes:
        id: of the request.
        path: of its route, which holds no id of a picture; ``none`` where there is no route.
        problem: the type of the problem document that it was answered with.
        index_version, model_version: that it was answered from.
        trace_id: of the trace that its spans are part of.
    """

    id: str
    path: str = NONE
    problem: str | None = None
    index_version: str | None = None
    model_version: int | None = None
    trace_id: str | None = None


# Of the greenlet that answers it.
CURRENT: ContextVar[Told | None] = ContextVar("request", default=None)


def told(given: str | None = None) -> Told:
    """Begin to tell of a request, by the id that it came with, where it can be used."""
    usable = given is not None and USABLE.fullmatch(given)
    # Nothing rests on nobody guessing it; another process draws others.
    begun = Told(given if given is not None and usable else f"{getrandbits(ID_BITS):032x}")
    CURRENT.set(begun)
    return begun


def note_path(path: str) -> None:
    """Tell the route of the request at hand."""
    current = CURRENT.get()
    if current is not None:
        current.path = path


def note_versions(index: str, model: int) -> None:
    """Tell which versions the request at hand is answered from."""
    current = CURRENT.get()
    if current is not None:
        current.index_version, current.model_version = index, model


class JsonFormatter(logging.Formatter):
    """An object a line, with the id of the request that it is about, if it is about one."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line of a record."""
        request = CURRENT.get()
        line: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
        }
        if request is not None:
            line["request_id"] = request.id
            line |= {"trace_id": request.trace_id} if request.trace_id else {}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # What cannot be encoded, such as a lone surrogate of a file's name, is shown escaped.
        line = {name: _encodable(value) for name, value in line.items()}
        return msgspec.json.encode(line).decode()


class TextFormatter(logging.Formatter):
    """A line for people, whose time is written as everywhere in the log."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        """Give the time of a record."""
        return timestamp(record.created)


FORMATTERS: Mapping[LogFormat, logging.Formatter] = {
    "json": JsonFormatter(),
    "text": TextFormatter(TEXT),
}


def configure(form: LogFormat) -> None:
    """Have all that this process logs, and Python's warnings, written in a format."""
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATTERS[form])
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # It tells at each start which instruction sets it looked for.
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)


def timestamp(moment: float) -> str:
    """Write Unix time as RFC 3339 does, with milliseconds."""
    whole = int(moment)
    return f"{_second(whole)}.{int((moment - whole) * 1000):03d}Z"


@lru_cache(maxsize=2)  # most lines are of the second of the one before
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
