"""Storage that fsspec reads: its file systems, and what they tell of an object."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from lookalike.catalogue.picture import Stamp
from lookalike.catalogue.urls import redacted, scheme_of, without_query
from lookalike.errors import ConfigurationError

# Which extra of this package brings what reads a scheme.
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
OS_ERRORS = (
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    TimeoutError,
    ConnectionError,
)
# How a web host tells that there is no such file, and that we may not have it.
GONE, FORBIDDEN = (404, 410), (401, 403)
BLOCK_BYTES = 4_000_000  # what a read brings at least
ETAGS = ("ETag", "etag")
TIMES = ("LastModified", "last_modified", "mtime", "updated")

# What the backends raise beside OSError, by the module that has it once it is loaded.
FOREIGN_ERRORS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("aiohttp", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
)


class Object:
    """One object of a remote storage.

    Raises:
        ConfigurationError: nothing installed reads this kind of URI.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._fs, self._path = file_system(uri)

    def stamp(self) -> Stamp | None:
        """Ask for its stamp; None where the storage has none; raise as a file would."""
        with as_os_errors(self._uri):
            found = self._fs.info(self._path)
            if found["type"] == "directory":
                raise IsADirectoryError(f"{redacted(self._uri)} is a folder")
            return stamp_of(self._fs, found)

    def read(self, limit: int, seconds: float | None = None) -> bytes:
        """Read it once; of more than ``limit`` bytes, read one more than those and stop.

        Where it takes longer than ``seconds``, raise TimeoutError, if its client can be told to.
        """
        timed = {"timeout": seconds} if seconds is not None and self._fs.async_impl else {}
        try:
            with as_os_errors(self._uri):
                return bytes(self._fs.cat_file(self._path, start=0, end=limit + 1, **timed))
        except TimeoutError:
            raise
        except OSError:
            if self._is_empty(timed):
                return b""  # no range can be had of no bytes
            raise

    def open(self) -> BinaryIO:
        """Open it to be read from within; its reads raise what the backend raises."""
        with as_os_errors(self._uri):
            return self._fs.open(self._path, "rb", block_size=BLOCK_BYTES)  # type: ignore[no-any-return]

    def _is_empty(self, timed: Mapping[str, float]) -> bool:
        with as_os_errors(self._uri):
            found = self._fs.info(self._path, **timed)
            return bool(found["type"] == "file" and found.get("size") == 0)


def file_system(uri: str) -> tuple[Any, str]:
    """Give the file system of a URI, one a process, and the URI's path in it.

    It keeps no listings: another process may write what this one has listed.

    Raises:
        ConfigurationError: nothing installed reads this kind of URI.
    """
    import fsspec

    scheme = scheme_of(uri)
    try:
        kind = fsspec.get_filesystem_class(scheme)
        options = kind._get_kwargs_from_urls(uri)  # a host and a user, where the scheme has them
        fs = fsspec.filesystem(scheme, use_listings_cache=False, **options)
    except ImportError as error:
        raise ConfigurationError(f"reading {scheme}:// needs {_remedy(scheme, error)}") from error
    except ValueError as error:
        raise ConfigurationError(f"{redacted(uri)}: nothing reads {scheme}:// addresses") from error
    return fs, str(fs._strip_protocol(scheme + uri[len(scheme) :]))  # it knows no S3://


def stamp_of(fs: Any, found: Mapping[str, Any]) -> Stamp | None:
    """Make a stamp of what a listing tells: by etag, else by time; None where it tells neither."""
    size = found.get("size")
    etag = next((str(found[key]) for key in ETAGS if found.get(key)), None)
    if size is None:
        return None
    if etag is not None:
        return Stamp(int(size), etag=etag.strip('"'))
    time = next((found[key] for key in TIMES if found.get(key)), None) or _modified(fs, found)
    return None if time is None else Stamp(int(size), _nanoseconds(time))


@contextmanager
def as_os_errors(uri: str) -> Iterator[None]:
    """Make the errors of any backend plain OSErrors, whose text has none of the URI's secrets."""
    try:
        yield
    except failures() as error:
        why = _outage(error) or error
        raise _kind(why)(told(why, uri)) from None  # the original's text may hold a password


def _kind(error: Exception) -> type[OSError]:
    if getattr(error, "status", None) in FORBIDDEN:
        return PermissionError
    other = ConnectionError if isinstance(error, _foreign()) else OSError
    return next((kind for kind in OS_ERRORS if isinstance(error, kind)), other)


def _outage(error: Exception) -> Exception | None:
    """Give why a web host could not be asked, which fsspec tells as a missing file."""
    aiohttp, cause = sys.modules.get("aiohttp"), error.__cause__
    if aiohttp is None or not isinstance(error, FileNotFoundError):
        return None
    if not isinstance(cause, aiohttp.ClientError | TimeoutError):
        return None
    return None if getattr(cause, "status", None) in GONE else cause


def told(error: Exception, uri: str) -> str:
    """Say what is wrong with a URI, without the secrets that it may hold."""
    shown, told = redacted(uri), str(error)
    query = uri.removeprefix(without_query(uri))
    for secret, instead in ((uri, shown), (_password(uri), "***"), (query, "")):
        if secret:
            told = told.replace(secret, instead)
    return f"{shown}: {told or type(error).__name__}"


def _password(uri: str) -> str | None:
    try:
        return urlsplit(uri).password
    except ValueError:  # such as of a lone "[": then it is all that could be one
        return uri.partition("://")[2].rpartition("@")[0].partition(":")[2]


def failures() -> tuple[type[Exception], ...]:
    """Give what a storage may raise: OSError, and the classes that loaded backends have beside."""
    return (OSError, *_foreign())


def _foreign() -> tuple[type[Exception], ...]:
    return tuple(
        getattr(sys.modules[module], name)
        for module, name in FOREIGN_ERRORS
        if module in sys.modules
    )


def _modified(fs: Any, found: Mapping[str, Any]) -> datetime | None:
    try:
        return fs.modified(found["name"])  # type: ignore[no-any-return]
    except NotImplementedError:
        return None


def _nanoseconds(time: datetime | float | str) -> int:
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    if isinstance(time, datetime):  # by whole microseconds: a float would round
        return int(time.timestamp()) * 10**9 + time.microsecond * 1000
    return int(time * 10**9)


def _remedy(scheme: str, error: ImportError) -> str:
    if scheme in EXTRAS:
        return f"pip install 'lookalike[{EXTRAS[scheme]}]'"
    return f"another package: {error}"
