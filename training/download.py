"""Downloads through Keras that fail in seconds, as SourceUnavailable; it names no source itself."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

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


def keras_has(file: str | None) -> bool:
    """Tell whether Keras has fetched a file of weights before; None: there is none."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")  # as Keras reads it
    return file is not None and (home / "models" / file).is_file()
