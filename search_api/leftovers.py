"""What is left of a request's body once it has its answer: dropped, as far as that is worth it.

gunicorn would drop all of it without giving anybody else a turn, in steps of a KiB each of which
copies what has come: a second for each 20 MB, in which the worker does nothing else.
"""

from typing import Any

import gevent
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ParseException

PIECE_BYTES = 1 << 16
# Of a longer one the connection is worth less than the rest of the body.
MOST_BYTES = 32 << 20


def is_read(req: Any) -> bool:
    """Tell whether nothing of a request's body is left."""
    reader = req.body.reader
    return not (reader.parser if isinstance(reader, ChunkedReader) else reader.length)


def drop(req: Any) -> bool:
    """Read a body to its end; False where that is too far off, or cannot be found."""
    dropped = 0
    try:
        while data := req.body.read(PIECE_BYTES):
            if is_read(req):  # as a search's that was turned away: all of it had come
                return True
            dropped += len(data)
            if dropped > MOST_BYTES:
                return False
            gevent.sleep(0)
    except (OSError, ParseException):
        return False
    return is_read(req)
