"""One version of an index, opened: vectors, what they are, and the probes."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from lookalike.changes import Added, ChangeLog
from lookalike.errors import DigestMismatch, NotFilterable
from lookalike.index import probes
from lookalike.index.attributes import open_attributes
from lookalike.index.changed import ChangedRows
from lookalike.index.details import IndexDetails
from lookalike.index.faiss_index import Distances, FaissIndex, Rows
from lookalike.index.filters import Filter, canonical, check
from lookalike.index.folded import read_folded
from lookalike.index.hit import Hit
from lookalike.index.overlay import Near, laid_over
from lookalike.index.picture_row import PictureRow
from lookalike.index.pictures import Pictures
from lookalike.index.probes import ProbeCheck
from lookalike.index.quarantine import QuarantineTable
from lookalike.index.row_filter import RowTest, row_test
from lookalike.index.selection import Bits, Selection
from lookalike.index.selections import SelectionCache
from lookalike.index.tombstones import read_tombstones
from lookalike.store import manifest
from lookalike.vectors import Vectors, prepared

# For the selections of filters that are kept, of one version in one process.
SELECTION_BYTES = 64 << 20


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
        quarantine: the pictures that have no vector.

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
        self.pictures = Pictures(
            [folder / segment.pictures for segment in segments],
            [segment.vectors for segment in segments],
        )
        self.vectors = open_vectors(folder, self.details)
        folded = self.details.changes
        self.folded = read_folded(folder / folded) if folded is not None else frozenset()
        self._changed = ChangedRows(self.pictures, self.vectors, self.folded, self.details)
        kept = self.details.quarantine
        self.quarantine = QuarantineTable(None if kept is None else folder / kept)
        self.attributes = open_attributes([folder] * len(segments), segments)
        self._selections = SelectionCache(SELECTION_BYTES)

    def search(self, vector: Vectors, k: int, selection: Selection | None = None) -> list[Hit]:
        """Find the ``k`` pictures nearest to one ``float32[d]``, nearest first.

        Args:
            vector: as the model gave it.
            k: how many at most.
            selection: of :meth:`select`, or of ``vectors.select``: which rows may be answered,
                less what was deleted, before or after it was made. One that is of no filter
                has no pictures that were added since the version was built.
        """
        return self.search_many(vector[np.newaxis], k, selection)[0]

    def search_many(
        self, vectors: Vectors, k: int, selection: Selection | None = None
    ) -> list[list[Hit]]:
        """Find the ``k`` pictures nearest to each of ``float32[n, d]``; as :meth:`search`."""
        return self.hits(self.nearest(vectors, k, selection))

    def nearest(self, vectors: Vectors, k: int, selection: Selection | None = None) -> Near:
        """Find what is nearest to each of ``float32[n, d]``: the first half of a search."""
        return self._near(vectors, k, selection, exactly=False)

    def exact(self, vectors: Vectors, k: int, selection: Selection | None = None) -> Near:
        """Find it by comparing with every row that may be answered; as :meth:`nearest`."""
        return self._near(vectors, k, selection, exactly=True)

    def _near(
        self, vectors: Vectors, k: int, selection: Selection | None, *, exactly: bool
    ) -> Near:
        # The same for all that follows, whatever changes meanwhile: no picture is found twice.
        changed = self._changed.now
        alive = changed.alive if selection is None else selection.among(changed.alive)
        queries = prepared(vectors, self.details.metric)
        index: VectorIndex = self.vectors
        search = index.exact if exactly else index.search
        distances, rows = search(queries, min(k, index.size), selection=alive)
        if changed.overlay is None or (selection is not None and selection.wanted is None):
            return Near(distances, rows)
        test = None if selection is None else self._row_test(selection.wanted)
        return Near(distances, rows, changed.overlay.nearest(queries, distances, k, test), k)

    def hits(self, near: Near) -> list[list[Hit]]:
        """Look up what was found: the second half of a search."""
        numbers: list[list[int]] = near.rows.tolist()
        found = [row for several in numbers for row in several if row >= 0]
        pictures = iter(self.pictures.rows(found))
        hits = [
            [Hit(next(pictures), gap) for row, gap in zip(*of_one, strict=True) if row >= 0]
            for of_one in zip(numbers, near.distances.tolist(), strict=True)
        ]
        return hits if near.added is None else laid_over(hits, near.added, near.k)

    def find(self, name: str) -> PictureRow | None:
        """Give a picture that can be found in this version, by its id."""
        found = self.find_with_vector(name, with_vector=False)
        return None if found is None else found[0]

    def find_with_vector(
        self, name: str, *, with_vector: bool = True
    ) -> tuple[PictureRow, Vectors | None] | None:
        """Give a picture with its vector as it is searched for: ``float32[d]``.

        None in the vector's place where it can't be given back (:meth:`FaissIndex.vector`).
        """
        changed = self._changed.now
        if changed.overlay is not None and (place := changed.overlay.find(name)) is not None:
            return changed.overlay.rows[place], changed.overlay.vectors[place]
        for row in self.pictures.find([name]).get(name, ()):
            if self._changed.holds(row, changed):
                vector = self.vectors.vector(row) if with_vector else None
                return self.pictures.rows([row])[0], vector
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
        current = kept.among(self._changed.now.alive)
        if current is not kept:
            self._selections.put(key, current)
        return current

    def _matching(self, wanted: Filter) -> Selection:
        if self.attributes is None:
            raise NotFilterable(
                f"version {self.name} was built before there were filters: it must be rebuilt "
                "(lookalike reindex --rebuild) to be filtered"
            )
        overlay = self._changed.now.overlay
        elsewhere = overlay.attributes if overlay is not None else ()
        found = self.vectors.select(self.attributes.matching(wanted, elsewhere))
        return Selection(found.bits, found.size, wanted=wanted)

    def _row_test(self, wanted: Filter | None) -> RowTest | None:
        if wanted is None or self.attributes is None:
            return None
        return row_test(wanted, label_is_attribute=self.attributes.has_label_attribute)

    def apply(self, log: ChangeLog) -> None:
        """Take in the records that this version does not know of: deletions and additions.

        It reads those that are new and no others, so that it can be called again and again.

        Raises:
            StoreError: one of them is damaged, or cannot be read; none of the new ones is
                taken in.
        """
        self._changed.take_in(self._changed.news(log), log.picture_uri)

    @property
    def added(self) -> int:
        """How many pictures can be found that were added since the version was built."""
        overlay = self._changed.now.overlay
        return 0 if overlay is None else len(overlay.rows)

    @property
    def findable(self) -> int:
        """How many pictures can be found: the version's, without those that went, and additions."""
        now = self._changed.now
        return (self.details.pictures if now.alive is None else now.alive.count) + self.added

    @property
    def passed_over(self) -> int:
        """How many additions can't be found for want of room, until a version folds them in."""
        return self._changed.passed_over

    def has_room_for(self, name: str) -> bool:
        """Tell whether one more addition can be taken in, or one in the place of another."""
        return self._changed.has_room_for(name)

    def waiting(self, most: int, but: Collection[str] = ()) -> list[Added]:
        """Give additions without a vector of this version's model; see :class:`ChangedRows`."""
        return self._changed.waiting(most, but)

    def lay_over(self, added: Added, uri: str, vector: Vectors | None) -> None:
        """Have an addition that waited found, by its vector; None: the model has none for it."""
        self._changed.lay_over(added, uri, vector)

    def base(self) -> Iterator[tuple[int, PictureRow]]:
        """Stream the rows of the base shards with their numbers, dead ones too, by id."""
        return self.pictures.by_id(slice(len(self.details.shards)))

    def delta(self) -> Iterator[tuple[int, PictureRow]]:
        """Stream the rows of the delta with their numbers, dead ones too, by id."""
        return self.pictures.by_id(slice(len(self.details.shards), None))

    def alive(self) -> Iterator[tuple[int, PictureRow]]:
        """Stream the rows that are no tombstones with their numbers, by id."""
        rows = self.pictures.by_id()
        return (item for item in rows if self.vectors.is_alive(item[0]))

    def living(self, ids: Sequence[str]) -> int:
        """Count how many of these ids can be found in this version."""
        found = self.pictures.find(ids).values()
        return sum(any(map(self.vectors.is_alive, rows)) for rows in found)

    def close(self) -> None:
        """Close the files; mapped vectors go with the last reference."""
        self.pictures.close()
        self.quarantine.close()


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
