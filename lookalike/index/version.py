"""One version of an index, opened: vectors, what they are, and the probes."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from lookalike.changes import Record
from lookalike.errors import DigestMismatch, NotFilterable
from lookalike.index import pictures, probes
from lookalike.index.attributes import open_attributes
from lookalike.index.deleted import DeletedRows
from lookalike.index.details import IndexDetails
from lookalike.index.faiss_index import Distances, FaissIndex, Rows, warm
from lookalike.index.filters import Filter, canonical, check
from lookalike.index.folded import read_folded
from lookalike.index.probes import ProbeCheck
from lookalike.index.selection import Bits, Selection
from lookalike.index.selections import SelectionCache
from lookalike.index.tombstones import read_tombstones
from lookalike.store import manifest
from lookalike.vectors import Vectors, prepared

# For the selections of filters that are kept, of one version in one process.
SELECTION_BYTES = 64 << 20


class Hit(msgspec.Struct, frozen=True):
    """A picture that was found, and its Euclidean distance from the query."""

    picture: pictures.PictureRow
    distance: float


class VectorIndex(Protocol):
    """What searches vectors; past one machine's memory a distributed engine can stand here."""

    size: int

    def select(self, bits: Bits) -> Selection:
        """See :meth:`lookalike.index.faiss_index.FaissIndex.select`."""
        ...

    def search(
        self, queries: Vectors, k: int, *, selection: Selection | None = None
    ) -> tuple[Distances, Rows]:
        """See :meth:`lookalike.index.faiss_index.FaissIndex.search`."""
        ...

    def exact(
        self, queries: Vectors, k: int, *, selection: Selection | None = None
    ) -> tuple[Distances, Rows]:
        """See :meth:`lookalike.index.faiss_index.FaissIndex.exact`."""
        ...


class IndexVersion:
    """An opened version; safe to share between threads.

    Args:
        name: the version, as the store names it.
        folder: its verified local folder (:class:`lookalike.store.VerifiedCache`).
        details: what its manifest says, where there is none in the folder yet.

    Attributes:
        folded: names of the change records that it was built with.
        attributes: what can be filtered by; None where it was built before there were filters.

    Raises:
        DigestMismatch: the files are not what the details say.
    """

    def __init__(self, name: str, folder: Path, details: IndexDetails | None = None) -> None:
        self.name = name
        self.details = details or read_details(folder)
        self.probes = ProbeCheck(folder / probes.FILE_NAME, self.details.model.picture)
        if self.details.pictures and not self.probes.ids:
            raise DigestMismatch(f"version {name} holds pictures, and no probes to prove its model")
        segments = self.details.segments
        self.pictures = pictures.Pictures(
            [folder / segment.pictures for segment in segments],
            [segment.vectors for segment in segments],
        )
        self.vectors = open_vectors(folder, self.details)
        folded = self.details.changes
        self.folded = read_folded(folder / folded) if folded is not None else frozenset()
        self._deleted = DeletedRows(self.pictures, self.vectors, self.folded)
        self.attributes = open_attributes([folder] * len(segments), segments)
        self._selections = SelectionCache(SELECTION_BYTES)
        self._files = [folder / name for segment in segments for name in segment.files]

    def search(self, vector: Vectors, k: int, selection: Selection | None = None) -> list[Hit]:
        """Find the ``k`` pictures nearest to one ``float32[d]``, nearest first.

        Args:
            vector: as the model gave it.
            k: how many at most.
            selection: of :meth:`select`, or of ``vectors.select``: which rows may be answered,
                less what was deleted, before or after it was made.
        """
        return self.search_many(vector[np.newaxis], k, selection)[0]

    def search_many(
        self, vectors: Vectors, k: int, selection: Selection | None = None
    ) -> list[list[Hit]]:
        """Find the ``k`` pictures nearest to each of ``float32[n, d]``; as :meth:`search`.

        Each picture is read once, however many of the vectors find it.
        """
        return self.hits(*self.nearest(vectors, k, selection))

    def nearest(
        self, vectors: Vectors, k: int, selection: Selection | None = None
    ) -> tuple[Distances, Rows]:
        """Find the rows nearest to each of ``float32[n, d]``: the first half of a search.

        Returns:
            As of :meth:`lookalike.index.faiss_index.FaissIndex.search`.
        """
        index: VectorIndex = self.vectors
        queries = prepared(vectors, self.details.metric)
        return index.search(queries, min(k, index.size), selection=self._alive(selection))

    def exact(
        self, vectors: Vectors, k: int, selection: Selection | None = None
    ) -> tuple[Distances, Rows]:
        """Find them by comparing with every row that may be answered; as :meth:`nearest`."""
        index: VectorIndex = self.vectors
        queries = prepared(vectors, self.details.metric)
        return index.exact(queries, min(k, index.size), selection=self._alive(selection))

    def hits(self, distances: Distances, rows: Rows) -> list[list[Hit]]:
        """Look up what the rows that were found are: the second half of a search."""
        listed = rows.tolist()
        wanted = {row for near in listed for row in near if row >= 0}
        found = dict(zip(wanted, self.pictures.rows(list(wanted)), strict=True))
        return [
            [
                Hit(found[row], distance)
                for row, distance in zip(near, gaps, strict=True)
                if row in found
            ]
            for near, gaps in zip(listed, distances.tolist(), strict=True)
        ]

    def _alive(self, selection: Selection | None) -> Selection | None:
        alive = self._deleted.selection
        return alive if selection is None else selection.among(alive)

    def find(self, name: str) -> tuple[int, pictures.PictureRow] | None:
        """Give the row of a picture that can be found in this version, and what it is."""
        for row in self.pictures.find([name]).get(name, ()):
            if self._deleted.holds(row):
                return row, self.pictures.rows([row])[0]
        return None

    def select(self, wanted: Filter) -> Selection:
        """Select the pictures that a filter matches, for any number of searches.

        Selections are kept, so that a filter that is asked for again costs next to nothing.

        Raises:
            InvalidFilter: it is too large, or names an attribute that no picture has.
            NotFilterable: the version was built before attributes could be filtered by.
        """
        check(wanted)
        key = canonical(wanted)
        kept = self._selections.get(key, lambda: self._matching(wanted))
        current = kept.among(self._deleted.selection)
        if current is not kept:
            self._selections.put(key, current)
        return current

    def _matching(self, wanted: Filter) -> Selection:
        if self.attributes is None:
            raise NotFilterable(
                f"version {self.name} was built before there were filters: it must be rebuilt "
                "(lookalike reindex --rebuild) to be filtered"
            )
        return self.vectors.select(self.attributes.matching(wanted))

    def apply(self, records: Iterable[Record]) -> None:
        """Leave out what was deleted by records that this version does not know of.

        Cheap where none is new, so that it can be called with all records again and again.
        """
        self._deleted.apply(records)

    def base(self) -> Iterator[tuple[int, pictures.PictureRow]]:
        """Stream the rows of the base shards with their numbers, dead ones too, by id."""
        return self.pictures.by_id(slice(len(self.details.shards)))

    def delta(self) -> Iterator[tuple[int, pictures.PictureRow]]:
        """Stream the rows of the delta with their numbers, dead ones too, by id."""
        return self.pictures.by_id(slice(len(self.details.shards), None))

    def alive(self) -> Iterator[tuple[int, pictures.PictureRow]]:
        """Stream the rows that are no tombstones with their numbers, by id."""
        rows = self.pictures.by_id()
        return (item for item in rows if self.vectors.is_alive(item[0]))

    def living(self, ids: Sequence[str]) -> int:
        """Count how many of these ids can be found in this version."""
        found = self.pictures.find(ids).values()
        return sum(any(map(self.vectors.is_alive, rows)) for rows in found)

    def warm(self) -> None:
        """Read the files through once, before queries that would wait for the disk."""
        warm(self._files)

    def close(self) -> None:
        """Close the files; mapped vectors go with the last reference."""
        self.pictures.close()


def open_vectors(folder: Path, details: IndexDetails) -> FaissIndex:
    """Open a version's vectors with its tombstones.

    Raises:
        DigestMismatch: a file is not of as many rows as the details say.
    """
    dead = None
    if details.tombstones is not None:
        dead = read_tombstones(folder / details.tombstones, details.rows)
    return FaissIndex(folder, details.segments, details.search, dead)


def read_details(folder: Path) -> IndexDetails:
    """Read what a version's manifest says about it."""
    path = folder / manifest.FILE_NAME
    made = manifest.decode_manifest(path.read_bytes(), str(path))
    return decode_details(made, str(path))


def decode_details(made: manifest.Manifest, where: str) -> IndexDetails:
    """Decode the details of an index's manifest; raise DigestMismatch where they are not one's."""
    try:
        return msgspec.json.decode(made.details, type=IndexDetails)
    except msgspec.DecodeError as error:
        raise DigestMismatch(f"{where} is not an index's manifest: {error}") from error
