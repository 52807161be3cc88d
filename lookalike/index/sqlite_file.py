"""SQLite files of a version: written once, as a draft, and never changed from then on."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# A draft that is torn is thrown away, so it needs no journal and waits for no disk.
AS_A_DRAFT = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
# As many as an SQLite statement of any build takes.
MOST_PARAMETERS = 900


def open_immutable(path: Path) -> sqlite3.Connection:
    """Open a file that never changes: it needs no locks and no journal."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def select_in(
    connection: sqlite3.Connection, statement: str, values: Sequence[object]
) -> Iterator[tuple[Any, ...]]:
    """Select what has any of the values, however many they are.

    Args:
        connection: of the file.
        statement: ``SELECT … WHERE column``, which ``IN (…)`` is added to.
        values: of the column.
    """
    for first in range(0, len(values), MOST_PARAMETERS):
        chunk = values[first : first + MOST_PARAMETERS]
        marks = ",".join("?" * len(chunk))
        yield from connection.execute(f"{statement} IN ({marks})", chunk)
