"""A catalogue that is the answer to a SQL query, through SQLAlchemy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.catalogue.picture import Picture
from lookalike.catalogue.rows import check_columns, picture_of
from lookalike.errors import ConfigurationError, DataError, SourceUnavailable

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

# Rows that a server sends at a time; none but these are in memory.
FETCH_ROWS = 1000

SPELLING = (
    "spell it dialect+driver://user:password@host:port/database, with the password's special "
    "characters percent-encoded (%40 for @), or sqlite:///file"
)
# Which package a driver needs, where an extra of this package brings it.
EXTRAS = {"psycopg": "postgres", "sqlalchemy": "jobs"}


class Query:
    """The rows that a SELECT gives, in its order, fetched as they are iterated over.

    Columns are as in a manifest: ``id``, ``uri``, ``label`` where there is one; every other
    one is an attribute. A uri is a URL or an absolute path. The query runs once an
    iteration, in a transaction that may only read where the database knows such (SQLite and
    PostgreSQL do), on a cursor at the server where the driver has such.

    Args:
        url: of the database, as SQLAlchemy spells it. Its password appears in no error.
        query: one SELECT; its text goes to the driver as it is, ``%`` and ``:`` included.

    Raises:
        ConfigurationError: the URL cannot be read, or its driver is not installed.
        DataError: there is no such SQLite file; while iterating: the query fails, lacks a
            column, or gives a row that cannot be a picture's; the message says which.
        SourceUnavailable: while iterating: the database cannot be reached.
    """

    distinct = False

    def __init__(self, url: str, query: str) -> None:
        self._url = _parsed(url)
        self._query = query
        self._name = self._url.set(query={}).render_as_string(hide_password=True)
        self._engine = self._made()
        self._check_file()

    def __iter__(self) -> Iterator[Picture]:
        with (
            self._connected() as connection,
            self._errors(DataError),
            connection.exec_driver_sql(self._query) as result,
        ):
            if not result.returns_rows:
                raise DataError("the query gives no rows: it must be a SELECT")
            names = list(result.keys())
            check_columns(names, "the query")
            for number, row in enumerate(result, start=1):
                values = dict(zip(names, row, strict=True))
                yield picture_of(values, f"the query's row {number}", base="")

    @contextmanager
    def _connected(self) -> Iterator["Connection"]:
        with self._errors(SourceUnavailable):
            connection = self._engine.connect()
        with connection:
            with self._errors(DataError):
                if self._engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA query_only = ON")
            yield connection.execution_options(
                stream_results=True, yield_per=FETCH_ROWS, no_parameters=True
            )

    def _made(self) -> "Engine":
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError
        from sqlalchemy.pool import NullPool

        options: dict[str, Any] = {"poolclass": NullPool}
        if self._url.get_backend_name() == "postgresql":
            options["execution_options"] = {"postgresql_readonly": True}
        try:
            return create_engine(self._url, **options)
        except NoSuchModuleError:
            kind = self._url.drivername
            hint = "; PostgreSQL is postgresql+psycopg" if kind.startswith("postgres") else ""
            raise ConfigurationError(f"SQLAlchemy knows no database {kind!r}{hint}") from None
        except ImportError as error:
            raise ConfigurationError(_remedy(self._url.drivername, error)) from error

    def _check_file(self) -> None:
        """SQLite would make a file that is not there."""
        name = self._url.database
        if self._url.get_backend_name() != "sqlite" or not name or name.startswith("file:"):
            return
        if name != ":memory:" and not Path(name).is_file():
            raise DataError(f"there is no database {name}")

    @contextmanager
    def _errors(self, kind: type[DataError | SourceUnavailable]) -> Iterator[None]:
        """Say what the database says, less its secrets; a lost connection is no bad data."""
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        try:
            yield
        except DBAPIError as error:
            lost = error.connection_invalidated
            told = self._without_secrets(str(error.orig).strip())
            raise (SourceUnavailable if lost else kind)(f"{self._name}: {told}") from None
        except SQLAlchemyError as error:
            raise kind(f"{self._name}: {self._without_secrets(str(error))}") from None

    def _without_secrets(self, text: str) -> str:
        secrets = [self._url.password, *self._url.query.values()]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                text = text.replace(secret, "***")
        return text


def _parsed(url: str) -> "URL":
    """Read a database's URL; what cannot be read is not repeated, since it may hold a password."""
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError as error:
        raise ConfigurationError(_remedy("sqlalchemy", error)) from error
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"this is not the URL of a database: {SPELLING}") from None
    if "@" in f"{parsed.username}{parsed.host}":
        raise ConfigurationError(f"the database's URL has more than one @: {SPELLING}")
    return parsed


def _remedy(driver: str, error: ImportError) -> str:
    extra = next((extra for name, extra in EXTRAS.items() if name in driver), None)
    if driver == "postgresql":
        extra = "postgres"
    if extra is not None:
        return f"a catalogue by SQL needs more packages: pip install 'lookalike[{extra}]'"
    return f"{driver} needs a driver that is not installed: {error}"
