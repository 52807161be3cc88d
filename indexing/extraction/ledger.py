"""The ledger of one part: what became of each of its pictures, durable from batch to batch.

A run begins when the last one has finished, and goes on when that was broken off. Each
batch is one transaction that holds its outcomes and its vectors; vectors wait there until
they are many enough for a file of features.
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from indexing.extraction import ledger_file, listing
from indexing.extraction.features import Features
from indexing.extraction.known import Digests, KnownDigests, as_digests
from indexing.extraction.listing import Listed, Outcome
from indexing.extraction.parts import Part
from indexing.extraction.pending import Made, Pending
from lookalike.catalogue import Picture, Stamp
from lookalike.errors import StoreError

RECORD = """
UPDATE pictures SET run = ?, outcome = ?, type = ?, detail = ?, size = ?, modified_ns = ?,
    etag = ?, sha256 = ?
WHERE id = ?
"""


class Entry(msgspec.Struct, frozen=True):
    """A picture with its outcome; ``type`` and ``detail`` say why it has no vector."""

    id: str
    outcome: Outcome
    sha256: bytes | None = None
    stamp: Stamp | None = None
    type: str | None = None
    detail: str | None = None


class Ledger:
    """One part's ledger, opened for a run; its methods may be called by several threads.

    Args:
        path: the file, made where there is none.
        part: which pictures it is about.
        known: digests that have a vector among the features.

    Raises:
        StoreError: another process is extracting this part, or the file is another part's.
        StoreFull: there is no room for it.
    """

    def __init__(self, path: Path, part: Part, known: KnownDigests) -> None:
        self.path, self.part, self._known = path, part, known
        self._lock = threading.RLock()
        self._connection = ledger_file.open_for_writing(path)
        with ExitStack() as unless_begun:
            unless_begun.callback(self._connection.close)
            about = self._begin()
            unless_begun.pop_all()
        self.expected = about.get("pictures")
        # Where no run has finished yet, the beginnings of the first one are what there was.
        self._before = self._count() if self.expected is None else self.expected
        self.resumed = about.get("finished") == 0
        self.run = about.get("run", 0) + (not self.resumed)
        self._listing = about.get("listing", 0) + 1

    def look_up(self, pictures: Sequence[Picture], *, retry: bool = False) -> Listed:
        """Note a stretch of the catalogue and tell what of it must be read.

        Raises:
            DataError: an id is in the catalogue twice.
        """
        run = {"run": self.run, "listing": self._listing, "retry": int(retry)}
        with self._transaction():
            return listing.look_up(self._connection, pictures, run, self._contain)

    def record(
        self,
        entries: Sequence[Entry],
        made: Made | None = None,
        kept: Sequence[tuple[str, Outcome]] = (),
    ) -> None:
        """Commit the outcomes of a batch, and with them its new vectors.

        Args:
            entries: pictures that were read.
            made: vectors that are not among the features yet.
            kept: ids of pictures that are as the last run left them, and their outcomes.
        """
        with self._transaction():
            self._connection.executemany(RECORD, (self._values(entry) for entry in entries))
            self._connection.executemany(
                "UPDATE pictures SET run = ?, outcome = ? WHERE id = ?",
                ((self.run, outcome, name) for name, outcome in kept),
            )
            if made is not None:
                self._pending.add(made)

    def fresh(self, digests: Sequence[bytes]) -> dict[bytes, bool]:
        """Find those whose vector came too late for ``known``; True where it is all zero."""
        with self._lock, ledger_file.explained(self.path):
            return self._pending.fresh(digests)

    def flush(self, features: Features, least: int = 1) -> None:
        """Write the pending vectors as one part of the features, where they are ``least`` or more.

        Killed in between, they are written once more, which does no harm. Only the thread
        that records may call it.
        """
        if self._pending.count < least:
            return
        with self._lock, ledger_file.explained(self.path):
            made = self._pending.all()
        features.write(as_digests(made.digests), made.vectors)
        with self._transaction():
            self._pending.clear()

    def counts(self) -> Counter[Outcome]:
        """Count the outcomes of this run so far."""
        with self._lock, ledger_file.explained(self.path):
            return Counter(
                dict(
                    self._connection.execute(
                        "SELECT outcome, count(*) FROM pictures WHERE run = ? GROUP BY outcome",
                        (self.run,),
                    ).fetchall()
                )
            )

    def reasons(self) -> list[tuple[str, int, str]]:
        """List why pictures have no vector in this run: type, how often, an example's id."""
        with self._lock, ledger_file.explained(self.path):
            return self._connection.execute(
                "SELECT type, count(*), min(id) FROM pictures WHERE run = ? AND outcome IN "
                "('quarantined', 'missing') GROUP BY type ORDER BY count(*) DESC, type",
                (self.run,),
            ).fetchall()

    def sizes(self, deleted: Iterable[str] = ()) -> tuple[int, int]:
        """Count the pictures before this run and now, once all of the catalogue was looked up.

        Args:
            deleted: ids whose pictures are gone because somebody said so; they are not counted.
        """
        gone = sum(self._count("id = ? AND listing <> ?", name, self._listing) for name in deleted)
        return self._before - gone, self._count("listing = ?", self._listing)

    def forget(self) -> int:
        """Remove what the catalogue no longer has, once all of it was looked up.

        Returns:
            How many pictures that were.

        Raises:
            StoreError: a picture of the catalogue has no outcome; the run cannot end so.
        """
        with self._transaction():
            gone = self._connection.execute(
                "DELETE FROM pictures WHERE listing <> ?", (self._listing,)
            ).rowcount
            (left,) = self._connection.execute(
                "SELECT count(*) FROM pictures WHERE run IS NOT ? OR outcome IS NULL", (self.run,)
            ).fetchone()
        if left:
            raise StoreError(f"{left} pictures of {self.path} have no outcome: run it again")
        return gone

    def finish(self) -> None:
        """End the run and close the file."""
        with self._transaction():
            self._tell(finished=1, pictures=self._count())
        ledger_file.close_finished(self._connection, self.path)

    def copy(self, path: Path) -> None:
        """Copy the ledger as it is now."""
        with self._lock, ledger_file.explained(self.path):
            target = sqlite3.connect(path)
            try:
                self._connection.backup(target)
            finally:
                target.close()

    def close(self) -> None:
        """Close the file; a run that has not finished goes on when it is opened again."""
        self._connection.close()

    def _contain(self, digests: Digests) -> npt.NDArray[np.bool_]:
        there = self._known.contain(digests)
        for place in np.flatnonzero(~there):
            raw = digests[place : place + 1].tobytes()
            there[place] = bool(self.fresh([raw]))
        return there

    def _count(self, condition: str = "true", *values: object) -> int:
        with self._lock, ledger_file.explained(self.path):
            query = f"SELECT count(*) FROM pictures WHERE {condition}"  # noqa: S608
            return int(self._connection.execute(query, values).fetchone()[0])

    def _values(self, entry: Entry) -> tuple[object, ...]:
        stamp = entry.stamp
        facts = (stamp.size, stamp.modified_ns, stamp.etag) if stamp else (None, None, None)
        return (self.run, entry.outcome, entry.type, entry.detail, *facts, entry.sha256, entry.id)

    def _begin(self) -> dict[str, int]:
        """Note that a run goes on, or that a new one begins; give what was noted before."""
        with ledger_file.explained(self.path):
            self._connection.executescript(listing.TABLES)
            self._pending = Pending(self._connection)
        with self._transaction():
            about = dict(self._connection.execute("SELECT name, value FROM about").fetchall())
            self._check(about)
            run = about.get("run", 0) + (about.get("finished") != 0)
            self._tell(run=run, listing=about.get("listing", 0) + 1, finished=0)
            self._tell(format=ledger_file.FORMAT, part=self.part.number, of=self.part.of)
        return about

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, ledger_file.transaction(self._connection, self.path):
            yield

    def _tell(self, **values: int) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", values.items())

    def _check(self, about: dict[str, int]) -> None:
        if not about:
            return
        if about["format"] != ledger_file.FORMAT:
            raise StoreError(
                f"the ledger {self.path} is of format {about['format']}; this program writes "
                f"{ledger_file.FORMAT}: delete it, and all files are read once more"
            )
        held = Part(about["part"], about["of"])
        if held != self.part:
            raise StoreError(f"the ledger {self.path} is of {held}, not of {self.part}")
