"""The SQLite file of a ledger: how it is opened, and what its failures mean."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lookalike.errors import StoreError, StoreFull

FORMAT = 1
# A reader of the finished file lets go within this time.
LOCK_SECONDS = 10.0
LOG_PAGES = 8192  # 32 MB of log, before it is carried over into the file and flushed
FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE}
BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

# Without row ids: the file is in the order of the ids, as it is read when an index is built.
SCHEMA = """
CREATE TABLE IF NOT EXISTS pictures (
    id TEXT PRIMARY KEY, uri TEXT NOT NULL, label TEXT, attributes TEXT NOT NULL,
    listing INTEGER NOT NULL, run INTEGER, outcome TEXT, type TEXT, detail TEXT,
    size INTEGER, modified_ns INTEGER, etag TEXT, sha256 BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (digests BLOB NOT NULL, vectors BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open a ledger, made where there is none, and keep everyone else out of it.

    Raises:
        StoreError: another process has it, or it is no ledger.
        StoreFull: there is no room for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with explained(path), ExitStack() as unless_opened:
        connection = sqlite3.connect(
            path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        unless_opened.callback(connection.close)
        # A write-ahead log makes a commit one append without a flush. It usually needs
        # memory that processes share, which a network file system cannot give; in exclusive
        # mode (set before the file is first read) SQLite keeps that index in its own memory,
        # so that it is safe there too. A killed process loses nothing, since the system has
        # its appends; a machine that loses power may lose the last commits, whose pictures
        # are then looked at again. www.sqlite.org/wal.html#noshm
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        connection.execute("PRAGMA temp_store = FILE")  # memory stays flat
        connection.execute("PRAGMA secure_delete = ON")  # an id that is forgotten leaves the file
        connection.executescript(SCHEMA)
        unless_opened.pop_all()
    return connection


def close_finished(connection: sqlite3.Connection, path: Path) -> None:
    """Close a ledger so that it is one file, which can be read from read-only storage."""
    with explained(path):
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a ledger that nobody writes; one that a killed process left is repaired first.

    Raises:
        StoreError: a process is writing it, or it is no ledger.
    """
    with explained(path), ExitStack() as unless_opened:
        if not path.stat().st_size or _has_log(path) or _is_unfinished(path):
            connection = sqlite3.connect(path, timeout=1, isolation_level=None)
            unless_opened.callback(connection.close)
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.executescript(SCHEMA)  # killed before it had its tables
        else:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1, isolation_level=None
            )
            unless_opened.callback(connection.close)
        connection.execute("SELECT count(*) FROM about").fetchall()
        unless_opened.pop_all()
    return connection


def in_use(path: Path) -> StoreError:
    """Say that another process has a ledger."""
    return StoreError(
        f"another process is extracting into {path}, or building an index from it: let it end"
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean here."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if code in FULL:
            raise StoreFull(
                f"there is no room for the ledger {path} ({error}): make some and run the same "
                "command again, which goes on where this one ended"
            ) from error
        if code & 0xFF in BUSY:
            raise in_use(path) from error
        raise StoreError(f"the ledger {path} cannot be used: {error}") from error


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Do all of it or, whatever is raised or killed, nothing."""
    with explained(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _is_unfinished(path: Path) -> bool:
    """Tell whether a killed process left a write-ahead log, or a journal to roll back by.

    The latter while :func:`close_finished` leaves the write-ahead mode.
    """
    return any(path.with_name(f"{path.name}-{kind}").exists() for kind in ("wal", "journal"))


def _has_log(path: Path) -> bool:
    """Tell from the header whether the file is in write-ahead mode (byte 18 is 2)."""
    with path.open("rb") as file:
        return file.read(19)[18:] == b"\x02"
