"""A catalogue that is everything below a URL: a bucket, or a prefix in one."""

from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.catalogue import remote
from lookalike.catalogue.folder import SIDECARS
from lookalike.catalogue.listing import objects_below
from lookalike.catalogue.picture import Picture, checked_id
from lookalike.catalogue.urls import redacted
from lookalike.errors import DataError, SourceUnavailable


class Bucket:
    """The pictures below a URL that fsspec reads, listed anew and streamed at each iteration.

    They come sorted by id. A picture's id is its key relative to the prefix; its label is the
    first folder below the prefix, None for a key directly below it or where that folder's name
    is empty. As in a local folder, hidden keys (a part of them begins with a dot) and sidecars
    are left out, and so are the empty objects that stand for folders. The stamp is an object's
    size and etag, or its modification time where the storage has no etags.

    Args:
        url: such as ``s3://bucket/folder``; what is below that folder is listed, not every
            key that begins so.

    Raises:
        ConfigurationError: nothing installed reads this kind of URL.
        DataError: while iterating: there is no such bucket, or it may not be listed.
        SourceUnavailable: now or while iterating: the storage cannot be reached.
    """

    distinct = True

    def __init__(self, url: str) -> None:
        self._url = url
        with self._told():  # some connect at once
            self._fs, root = remote.file_system(url)
        self._root = root.rstrip("/")

    def __iter__(self) -> Iterator[Picture]:
        with self._told():
            yield from self._pictures()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what is wrong with the storage in the user's terms."""
        try:
            with remote.as_os_errors(self._url):
                yield
        except (FileNotFoundError, PermissionError) as error:
            raise DataError(f"there is nothing to list at {error}") from error
        except OSError as error:
            raise SourceUnavailable(f"cannot list {error}") from error

    def _pictures(self) -> Iterator[Picture]:
        start = len(self._root) + 1
        base = self._url.rstrip("/") + ("" if self._root else "//")
        for found in objects_below(self._fs, self._root):
            name = found["name"][start:]
            if _is_ours(name):
                checked_id(name, redacted(self._url))
                label = name.split("/", 1)[0] if "/" in name else ""
                stamp = remote.stamp_of(self._fs, found)
                yield Picture(name, f"{base}/{name}", label or None, stamp=stamp)


def _is_ours(name: str) -> bool:
    if name.startswith(".") or "/." in name or name.endswith("/") or not name:
        return False
    return not name.lower().endswith(tuple(SIDECARS))
