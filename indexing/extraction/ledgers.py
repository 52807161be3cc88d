"""What all parts of an extraction remember, read as one: the way from extraction to a build."""

import heapq
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

import msgspec

from indexing.extraction import ledger_file
from indexing.extraction.listing import Outcome
from indexing.extraction.parts import Part
from indexing.extraction.working_copy import PATTERN, file_name, ledgers_location, part_of
from lookalike.catalogue.picture import Attribute
from lookalike.errors import DataError
from lookalike.index import ModelReference
from lookalike.store import Location
from lookalike.store.files import scratch_folder

decode_attributes = msgspec.json.Decoder(dict[str, Attribute]).decode


class EmbeddedPicture(msgspec.Struct, frozen=True):
    """A picture whose vector is among the features."""

    id: str
    uri: str
    label: str | None
    attributes: dict[str, Attribute]
    sha256: bytes


class RejectedPicture(msgspec.Struct, frozen=True):
    """A picture without a vector, and why."""

    id: str
    uri: str
    label: str | None
    type: str
    detail: str


class Ledgers:
    """The ledgers of all parts; close it, or use it as a context.

    Until then no extraction gets in, unless they were opened ``unfinished``: a build reads them
    several times, and pairs rows with vectors by their place.

    Args:
        location: where they are.
        division: into how many parts; None: the only one that there is.
        unfinished: also read runs that were broken off, and parts that are not all there;
            for looking, not for building.
        scratch: for copies of a remote store's, as of :func:`scratch_folder`.

    Raises:
        DataError: nothing was extracted, parts are missing or of several divisions, or a
            part's run has not finished.
        StoreError: a part is being extracted, or its file is damaged.
    """

    def __init__(
        self,
        location: Location,
        *,
        division: int | None = None,
        unfinished: bool = False,
        scratch: Path | None = None,
    ) -> None:
        self._root, self._scratch = location.root, scratch
        self._parts = _one_division(_parts(location, division), location.root)
        if not unfinished:
            _demand_complete(self._parts, location.root)
        with ExitStack() as stack:
            self._connections = [
                stack.enter_context(closing(connection))
                for connection in self._opened(location, stack)
            ]
            if not unfinished:
                self._hold()
                self._demand_finished()
            self._stack = stack.pop_all()

    @classmethod
    def of(
        cls,
        store: str,
        index: str,
        model: ModelReference,
        *,
        division: int | None = None,
        unfinished: bool = False,
        scratch: Path | None = None,
    ) -> "Ledgers":
        """Open the ledgers of an index and a model."""
        location = ledgers_location(store, index, model)
        return cls(location, division=division, unfinished=unfinished, scratch=scratch)

    def embedded(self) -> Iterator[EmbeddedPicture]:
        """Stream the pictures that have a vector, by id."""
        rows = self._merged("id, uri, label, attributes, sha256", ("embedded", "unchanged"))
        for name, uri, label, attributes, sha256 in rows:
            yield EmbeddedPicture(name, uri, label, decode_attributes(attributes), sha256)

    def quarantined(self) -> Iterator[RejectedPicture]:
        """Stream the pictures that give no vector, by id."""
        return self._rejected("quarantined")

    def missing(self) -> Iterator[RejectedPicture]:
        """Stream the pictures that are not where the catalogue says, by id."""
        return self._rejected("missing")

    def counts(self) -> "Counter[Outcome]":
        """Count the pictures by outcome; one that has none yet is not counted."""
        counts: Counter[Outcome] = Counter()
        for connection in self._connections:
            counts.update(
                dict(
                    connection.execute(
                        "SELECT outcome, count(*) FROM pictures WHERE outcome IS NOT NULL "
                        "GROUP BY outcome"
                    ).fetchall()
                )
            )
        return counts

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rejected(self, outcome: Outcome) -> Iterator[RejectedPicture]:
        rows = self._merged("id, uri, label, type, detail", (outcome,))
        return (RejectedPicture(*row) for row in rows)

    def _merged(self, columns: str, outcomes: tuple[Outcome, ...]) -> Iterator[tuple[Any, ...]]:
        marks = ",".join("?" * len(outcomes))
        # SQLite orders text by its UTF-8 bytes, which is Python's order too.
        query = f"SELECT {columns} FROM pictures WHERE outcome IN ({marks}) ORDER BY id"  # noqa: S608
        with ledger_file.explained(Path(self._root)):
            streams = [connection.execute(query, outcomes) for connection in self._connections]
            yield from heapq.merge(*streams, key=lambda row: row[0])

    def _opened(self, location: Location, stack: ExitStack) -> Iterator[sqlite3.Connection]:
        folder = location.local
        if folder is None:
            folder = stack.enter_context(scratch_folder(self._scratch))
        for part in self._parts:
            name = file_name(part)
            if location.local is None:
                location.download(name, folder / name)
            yield ledger_file.open_for_reading(folder / name)

    def _hold(self) -> None:
        for connection in self._connections:
            with ledger_file.explained(Path(self._root)):
                connection.execute("BEGIN")
                # Which takes the lock, and keeps it: the transaction is never ended.
                connection.execute("SELECT count(*) FROM about").fetchall()

    def _demand_finished(self) -> None:
        for part, connection in zip(self._parts, self._connections, strict=True):
            about = dict(connection.execute("SELECT name, value FROM about").fetchall())
            if about.get("finished") != 1:
                raise DataError(
                    f"the extraction of {part} was broken off: run lookalike extract "
                    f"--part {part.number} --of {part.of} again, which goes on where it ended"
                )


def _parts(location: Location, division: int | None) -> list[Part]:
    named = [part_of(name) for name in location.names(PATTERN)]
    parts = sorted((part for part in named if part), key=lambda part: (part.of, part.number))
    if division is not None:
        parts = [part for part in parts if part.of == division]
    if not parts:
        of = "" if division is None else f" of a division into {division} parts"
        raise DataError(
            f"no ledger{of} in {location.root}: run lookalike extract for this index and model "
            "first"
        )
    return parts


def _one_division(parts: list[Part], root: str) -> list[Part]:
    divisions = sorted({part.of for part in parts})
    if len(divisions) > 1:
        raise DataError(
            f"{root} holds ledgers of several divisions, into {_listed(divisions)} parts: say "
            "which with --of"
        )
    return parts


def _demand_complete(parts: list[Part], root: str) -> None:
    of, there = parts[0].of, {part.number for part in parts}
    missing = [number for number in range(of) if number not in there]
    if missing:
        raise DataError(
            f"{root} lacks the ledgers of {len(missing)} of {of} parts, such as part "
            f"{missing[0]}: run lookalike extract --part {missing[0]} --of {of}"
        )


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
