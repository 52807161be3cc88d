"""Changes that a version does not know of, laid over it: deletions and additions."""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec
import numpy as np

from lookalike.changes import Added, Addition, ChangeLog, LastWords, News, Record
from lookalike.index.details import IndexDetails
from lookalike.index.embedded import vector_of
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.overlay import Laid, Overlay
from lookalike.index.picture_row import PictureRow
from lookalike.index.pictures import Pictures
from lookalike.index.selection import Bits, Selection, bits_of, complement
from lookalike.vectors import Vectors, prepared

# Additions that are kept in memory until a version folds them in, and compared with each
# query. Each is a vector, half a kilobyte at 128 numbers, and a picture's row.
MOST_ADDED = 10_000
# Past those, for additions that were written at one moment: each writer saw room, and none of what
# the others were about to write. All of them were told that they are found.
AT_ONCE = 1_000


class Changed(msgspec.Struct, frozen=True):
    """What holds at one moment; a search works with one of these.

    Attributes:
        alive: rows of the version that may be answered; None: all that are no tombstones.
        overlay: pictures that were added; None: none.
    """

    alive: Selection | None = None
    overlay: Overlay | None = None


class ChangedRows:
    """Takes records in, in any order; safe to share between threads.

    A row of the version is hidden once its id was deleted, or was added with a vector: what
    came after the version was built is another picture. It never shows again. An addition
    without a vector of the version's model waits, and the picture of its id stays meanwhile.

    Args:
        pictures: of the version.
        vectors: of the version.
        folded: names of the change records that the version was built with.
        details: of the version.
        most: additions that there is room for. A few more are taken in, which were written at
            one moment; further ones are passed over, and found once they are folded in.

    Attributes:
        now: what holds; one assignment, so that a search sees all of a change or nothing.
        passed_over: how many additions were.
    """

    def __init__(
        self,
        pictures: Pictures,
        vectors: FaissIndex,
        folded: frozenset[str],
        details: IndexDetails,
        most: int | None = None,
    ) -> None:
        self._pictures, self._vectors, self._details = pictures, vectors, details
        self._most = MOST_ADDED if most is None else most
        self._known, self._packs = set(folded), frozenset[str]()
        self._folded, self._newest_folded = folded, max(folded, default="")
        self._words = LastWords()
        self._built_with: dict[str, str] = {}  # by id, the last record of those that were folded
        self._laid: dict[str, str] = {}  # by id, the record that it came with
        self._waiting: dict[str, Added] = {}
        self._dead: Bits = bits_of([], vectors.size)
        self._changing = threading.Lock()
        self.now = Changed()
        self.passed_over = 0

    def holds(self, row: int, changed: Changed) -> bool:
        """Tell whether a row of the version may be answered."""
        return self._vectors.is_alive(row) if changed.alive is None else changed.alive.holds(row)

    def news(self, log: ChangeLog) -> News:
        """Read what was not taken in yet.

        Raises:
            StoreError: it cannot be read.
        """
        news = log.news(self._known, self._packs)
        if any(record.name < self._newest_folded for record in news.records):
            self._learn(log.records())
        return news

    def _learn(self, records: Iterable[Record]) -> None:
        """Learn what the version was built with: a late record may have been overruled by that.

        Its writer took its number, and was slow. Otherwise nobody needs to know of these.
        """
        with self._changing:
            for record in records:
                if record.name in self._folded:
                    about = self._words.take(record)
                    self._built_with |= dict.fromkeys(about, record.name)

    def take_in(self, news: News, uri: Callable[[Addition], str]) -> None:
        """Apply what :meth:`news` gave; see :meth:`apply`."""
        self.apply(news.records, uri)
        with self._changing:
            self._known |= news.names
            self._packs |= news.packs

    def apply(self, records: Iterable[Record], uri: Callable[[Addition], str]) -> None:
        """Take new records in.

        Args:
            records: some of them; those that are known change nothing.
            uri: tells where an added picture's bytes are.
        """
        with self._changing:
            new = [record for record in records if record.name not in self._known]
            about = set().union(*map(self._words.take, new))
            hidden = {name for name in about if self._words.deleted_after(name, self._shown(name))}
            # What these records delete or replace leaves its room to others of them.
            held = {*self._laid, *self._waiting} - hidden
            laid: list[tuple[str, Laid]] = []
            # Where there is no room for all, the earliest have it, wherever they are taken in.
            for name in sorted(about, key=lambda name: (self._record_of(name), name)):
                self._waiting.pop(name, None)
                added = self._words.added(name)
                if added is None or self._shown(name) == added.record:
                    continue
                if name in held or len(held) < self._most + AT_ONCE:
                    held.add(name)
                    laid += self._taken(added, uri)
                else:
                    self.passed_over += 1
            self._change(hidden, laid)
            self._known |= {record.name for record in new}

    def has_room_for(self, name: str) -> bool:
        """Tell whether one more addition can be taken in, or one in the place of another."""
        replaces = name in self._laid or name in self._waiting
        return replaces or len(self._laid) + len(self._waiting) < self._most

    def waiting(self, most: int, but: Collection[str] = ()) -> list[Added]:
        """Give some additions that have no vector of the version's model, the oldest first.

        Args:
            most: how many.
            but: records whose additions are left out.
        """
        waiting = [added for added in list(self._waiting.values()) if added.record not in but]
        return sorted(waiting, key=lambda added: added.record)[:most]

    def lay_over(self, added: Added, uri: str, vector: Vectors | None) -> None:
        """Have an addition that waited found.

        Args:
            added: what :meth:`waiting` gave; where something newer was said since, nothing
                happens.
            uri: where its bytes are.
            vector: ``float32[d]``, as the model gave it; None: the model has none for it, and
                the picture that had its id before is hidden all the same, as in a rebuild.
        """
        name = added.addition.id
        with self._changing:
            if self._waiting.get(name) != added:
                return
            del self._waiting[name]
            laid = [] if vector is None else [self._laid_of(added, uri, vector)]
            self._change({name}, laid)

    def _taken(self, added: Added, uri: Callable[[Addition], str]) -> list[tuple[str, Laid]]:
        """Take an addition in: give what to lay over, or have it wait."""
        vector = vector_of(added.addition, self._details.model)
        if vector is None:
            self._waiting[added.addition.id] = added
            return []
        return [self._laid_of(added, uri(added.addition), vector)]

    def _shown(self, name: str) -> str:
        """Name the record that what is found of an id came with; of the catalogue's: none."""
        return self._laid.get(name) or self._built_with.get(name, "")

    def _record_of(self, name: str) -> str:
        added = self._words.added(name)
        return "" if added is None else added.record

    def _laid_of(self, added: Added, uri: str, vector: Vectors) -> tuple[str, Laid]:
        one, sha256 = added.addition, bytes.fromhex(added.addition.sha256)
        row = PictureRow(one.id, uri, one.label, sha256, one.attributes)
        [ready] = prepared(vector[np.newaxis], self._details.metric)
        return added.record, Laid(row, ready)

    def _change(self, hidden: set[str], laid: Sequence[tuple[str, Laid]]) -> None:
        """Hide what has these ids, or those of what is laid over, and lay that over."""
        gone = hidden | {one.row.id for _, one in laid}
        if not gone:
            return
        self._laid = {name: by for name, by in self._laid.items() if name not in gone}
        self._laid |= {one.row.id: record for record, one in laid}
        overlay = self.now.overlay or Overlay([], np.empty((0, self._dimensions), np.float32))
        overlay = overlay.changed(gone, [one for _, one in laid])
        # One assignment: a search has begun with what held before, or with what holds now.
        self.now = Changed(self._alive_without(gone), overlay if overlay.rows else None)

    def _alive_without(self, ids: Collection[str]) -> Selection | None:
        rows = [row for found in self._pictures.find(sorted(ids)).values() for row in found]
        if not rows:
            return self.now.alive
        self._dead = self._dead | bits_of(rows, self._vectors.size)
        return self._vectors.select(complement(self._dead, self._vectors.size))

    @property
    def _dimensions(self) -> int:
        return self._details.model.dimensions
