"""A store that is away, such as a bucket that nobody reaches: an error of our tree.

A failure of the network is none of a version's files, so that the store's own room passes it on
as it is; here it is known what it keeps the service from. What it says goes to the log alone: it
may name machines that are nobody's business.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.catalogue.remote import failures
from lookalike.errors import StoreError, StoreFull
from lookalike.storing import FULL

_log = logging.getLogger(__name__)


@contextmanager
def store_needed(what: str) -> Iterator[None]:
    """Raise StoreError where the store's file system fails, and log what it says.

    Args:
        what: is then not done, in words that begin a sentence.
    """
    try:
        yield
    except failures() as error:
        _log.warning("%s: %s", what, words(error))
        raise away(error, what) from error


def words(error: BaseException | None) -> str:
    """Say for the log what failed."""
    return f"{type(error).__name__}: {error}"


def away(error: Exception, what: str) -> StoreError:
    """Make the error of such a failure, for whoever logs it in their own way.

    What is read is copied to this machine's disk first, and that may be full.
    """
    if getattr(error, "errno", None) in FULL:
        return StoreFull(f"{what}: there is no room left in the cache (LOOKALIKE_CACHE)")
    return StoreError(f"{what}: the store fails ({type(error).__name__}); the log says more")
