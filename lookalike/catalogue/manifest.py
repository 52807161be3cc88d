"""A catalogue that is one file: a Parquet or CSV table with a row a picture."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from lookalike.catalogue import remote, storage, tables
from lookalike.catalogue.picture import Picture
from lookalike.catalogue.rows import check_columns, picture_of
from lookalike.catalogue.urls import local_path, redacted, without_query
from lookalike.errors import ConfigurationError, DataError, SourceUnavailable


class ManifestFile:
    """The rows of a Parquet or CSV file, in the file's order, read in batches at each iteration.

    Columns: ``id`` and ``uri``; ``label`` where there is one; every other column is an
    attribute. A relative uri starts from the file's own folder.

    Args:
        place: an absolute path, or a URL that fsspec reads; its name says what it is
            (``tables.SUFFIXES``).

    Raises:
        DataError: there is no such file, it is no such table, or it lacks a column. While
            iterating: a row cannot be a picture's; the message says which.
        SourceUnavailable: its storage cannot be reached.
        ConfigurationError: nothing installed reads this kind of URL, or pyarrow is missing.
    """

    distinct = False

    def __init__(self, place: str) -> None:
        self._place = place
        self._base = posixpath.dirname(local_path(place) or without_query(place))
        self._name = redacted(place)
        with self._opened() as file:
            self._schema = tables.read_schema(file, self._name)
        check_columns(self._schema.names, self._name)

    def __iter__(self) -> Iterator[Picture]:
        with self._opened() as file:
            rows = tables.read_rows(file, self._name, self._schema)
            for number, row in enumerate(rows, start=1):
                yield picture_of(row, f"{self._name}, row {number}", self._base)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the file, and say what is wrong with it in the user's terms."""
        try:
            from pyarrow import ArrowException
        except ImportError as error:
            raise ConfigurationError(
                f"reading {self._name} needs pyarrow: pip install 'lookalike[jobs]'"
            ) from error
        try:
            with storage.open_file(self._place) as file:
                yield file
        except FileNotFoundError as error:
            raise DataError(f"there is no {self._name}") from error
        except ArrowException as error:
            raise DataError(f"{self._name} cannot be read: {error}") from error
        except remote.failures() as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> DataError | SourceUnavailable:
        """Tell a damaged file, for which pyarrow has errors without a number, from storage."""
        away = isinstance(error, ConnectionError | TimeoutError)
        damaged = getattr(error, "errno", 0) is None and not away
        kind = DataError if damaged or isinstance(error, PermissionError) else SourceUnavailable
        return kind(f"cannot read {remote.told(error, self._place)}")
