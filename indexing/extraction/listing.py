"""What the ledger says of a stretch of the catalogue: which pictures must be read."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from indexing.extraction.known import Digests, as_digests
from lookalike.catalogue import Picture, Stamp
from lookalike.errors import DataError

Outcome = Literal["embedded", "unchanged", "quarantined", "missing"]
Verdict = Literal["twice", "read", "ask", "done", "unchanged", "kept"]
SETTLED, TO_READ = ("unchanged", "kept"), ("read", "ask")
Contain = Callable[[Digests], npt.NDArray[np.bool_]]
NAMED = 5  # duplicate ids that an error names

TABLES = """
CREATE TEMP TABLE listed (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL, label TEXT,
    attributes TEXT NOT NULL, size INTEGER, modified_ns INTEGER, etag TEXT
);
CREATE TEMP TABLE settled (place INTEGER PRIMARY KEY);
"""
# read: read it. ask: look at the file, whose stamp the catalogue does not tell. The others
# need no reading: done in this run before it was broken off, unchanged, kept in quarantine.
# A quarantine without a stamp is of storage that failed: it holds for no longer than that, within
# a run as well, which could else never end after an outage.
# The lines from "p.size = l.size" to "END" are the rule of stamps.same.
# MERGE forgets the outcome of a picture that moved: were the run broken off before that is read,
# the next one would see no move any more, and take the stamp of the place before for this one's.
VERDICT = """
SELECT CASE
    WHEN p.listing = :listing THEN 'twice'
    WHEN p.outcome IS NULL OR p.uri <> l.uri OR p.outcome = 'missing'
        OR p.outcome = 'quarantined' AND :retry THEN 'read'
    WHEN l.size IS NULL THEN
        CASE WHEN p.size IS NULL AND p.outcome = 'quarantined' THEN 'read'
            WHEN p.run = :run THEN 'done' WHEN p.size IS NULL THEN 'read' ELSE 'ask' END
    WHEN p.size = l.size
        AND CASE WHEN p.etag IS NOT NULL AND l.etag IS NOT NULL THEN p.etag = l.etag
            ELSE p.modified_ns = l.modified_ns END
        THEN CASE WHEN p.run = :run THEN 'done'
            WHEN p.outcome = 'quarantined' THEN 'kept' ELSE 'unchanged' END
    ELSE 'read' END, p.outcome, CASE WHEN p.outcome <> 'quarantined' THEN p.sha256 END
FROM listed l LEFT JOIN pictures p ON p.id = l.id ORDER BY l.place
"""
MERGE = """
INSERT INTO pictures (id, uri, label, attributes, listing, run)
SELECT l.id, l.uri, l.label, l.attributes, :listing, CASE WHEN s.place IS NOT NULL THEN :run END
FROM listed l LEFT JOIN settled s ON s.place = l.place WHERE true
ON CONFLICT (id) DO UPDATE SET uri = excluded.uri, label = excluded.label,
    attributes = excluded.attributes, listing = excluded.listing,
    run = coalesce(excluded.run, run),
    outcome = CASE WHEN uri <> excluded.uri THEN NULL
        WHEN excluded.run IS NOT NULL AND outcome = 'embedded' THEN 'unchanged'
        ELSE outcome END
"""
RECORDED = "SELECT size, modified_ns, etag FROM pictures WHERE id = ?"


class ToRead(msgspec.Struct, frozen=True):
    """A picture that must be read, or at least looked at.

    Attributes:
        stamp: as the catalogue listed it.
        recorded: what its file must be like to need no reading; None: it must be read.
        outcome: what became of it last.
    """

    id: str
    uri: str
    stamp: Stamp | None
    recorded: Stamp | None
    outcome: Outcome | None


class Listed(msgspec.Struct):
    """A stretch of the catalogue, looked up.

    Attributes:
        to_read: what has no outcome in this run yet.
        done: outcomes of pictures that had theirs in this run already.
        unchanged: pictures that were given it here.
        kept: quarantined pictures that stay so, unread.
    """

    to_read: list[ToRead]
    done: Counter[Outcome]
    unchanged: int
    kept: int


# Verdict, last outcome, and the digest of a vector that the verdict counts on.
Row = tuple[Verdict, Outcome | None, bytes | None]


def look_up(
    connection: sqlite3.Connection,
    pictures: Sequence[Picture],
    run: dict[str, int],
    contain: Contain,
) -> Listed:
    """Note a stretch of the catalogue in the ledger, and give outcomes that need no reading.

    A recorded vector counts only where ``contain`` knows its digest, so that features
    that were deleted are made again.

    Args:
        connection: the ledger, in a transaction.
        pictures: some thousands of rows.
        run: the parameters ``run``, ``listing`` and ``retry`` of the statements above.
        contain: tells which of ``S32[n]`` have a vector.

    Raises:
        DataError: an id is in the catalogue twice.
    """
    _write(connection, pictures)
    rows = connection.execute(VERDICT, run).fetchall()
    _refuse(pictures[place].id for place, row in enumerate(rows) if row[0] == "twice")
    verdicts = _with_vectors(rows, contain)
    settled = [(place,) for place, verdict in enumerate(verdicts) if verdict in SETTLED]
    connection.execute("DELETE FROM settled")
    connection.executemany("INSERT INTO settled VALUES (?)", settled)
    to_read = [
        _to_read(connection, pictures[place], verdict, rows[place][1])
        for place, verdict in enumerate(verdicts)
        if verdict in TO_READ
    ]
    connection.execute(MERGE, run)
    counts = Counter(verdicts)
    return Listed(to_read, _done(rows, verdicts), counts["unchanged"], counts["kept"])


def _done(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> Counter[Outcome]:
    pairs = zip(rows, verdicts, strict=True)
    return Counter(row[1] for row, verdict in pairs if verdict == "done" and row[1] is not None)


def _write(connection: sqlite3.Connection, pictures: Sequence[Picture]) -> None:
    connection.execute("DELETE FROM listed")
    try:
        connection.executemany(
            "INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _rows(pictures)
        )
    except sqlite3.IntegrityError as error:
        counts = Counter(picture.id for picture in pictures)
        _refuse(name for name, count in counts.items() if count > 1)
        raise DataError(f"a row of the catalogue cannot be noted: {error}") from error


def _rows(pictures: Sequence[Picture]) -> Iterator[tuple[object, ...]]:
    for place, picture in enumerate(pictures):
        attributes = msgspec.json.encode(picture.attributes).decode()
        stamp = picture.stamp
        facts = (stamp.size, stamp.modified_ns, stamp.etag) if stamp else (None, None, None)
        yield (place, picture.id, picture.uri, picture.label, attributes, *facts)


def _refuse(duplicates: Iterator[str]) -> None:
    names = sorted(set(duplicates))[:NAMED]
    if names:
        raise DataError(
            f"the catalogue names pictures twice, such as {', '.join(map(repr, names))}: "
            "every picture needs an id of its own"
        )


def _with_vectors(rows: Sequence[Row], contain: Contain) -> list[Verdict]:
    """Have pictures read whose vector is recorded and gone."""
    verdicts = [row[0] for row in rows]
    claims = [(place, row[2]) for place, row in enumerate(rows) if row[2] is not None]
    there = contain(as_digests([digest for _, digest in claims]))
    for number in np.flatnonzero(~there).tolist():
        verdicts[claims[number][0]] = "read"
    return verdicts


def _to_read(
    connection: sqlite3.Connection, picture: Picture, verdict: Verdict, outcome: Outcome | None
) -> ToRead:
    recorded = None
    if verdict == "ask":
        recorded = Stamp(*connection.execute(RECORDED, (picture.id,)).fetchone())
    return ToRead(picture.id, picture.uri, picture.stamp, recorded, outcome)
