"""Downloads through Keras that fail in seconds, as SourceUnavailable; it names no source itself."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from lookalike.errors import SourceUnavailable

NETWORK_SECONDS = 5.0


@contextmanager
def keras_download(what: str) -> Iterator[None]:
    """Run one download by Keras: a silent network times out, and a failure is SourceUnavailable.

    Keras takes no timeout, and raises plain Exception for a failed download and ValueError
    for a file whose digest is wrong. Its progress goes to standard error.
    """
    former = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_SECONDS)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except Exception as error:
        if type(error) is not Exception and not isinstance(error, OSError | ValueError):
            raise
        raise SourceUnavailable(f"{what}: {error}") from error
    finally:
        socket.setdefaulttimeout(former)
