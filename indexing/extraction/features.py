"""Features: vectors kept by their picture's SHA-256, so that none is made twice.

Parts are files that are written whole or not at all (part_file.py), under names of their own:
any number of jobs write beside each other. A vector may be in several parts; all its copies are
equal enough that any will do. Parts are compacted while others read: a part that is
gone since it was listed has its rows in a new one, so that readers list again. Being a
cache, a part whose file is damaged is left out, with a warning where digests are listed:
its pictures are embedded again.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar
from uuid import uuid4

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from indexing.extraction.known import DIGEST, Digests, KnownDigests, sort_digests
from indexing.extraction.part_file import DAMAGE, as_bytes, batches, digests_of, encoded
from lookalike.errors import DigestMismatch, StoreError
from lookalike.index import ModelReference
from lookalike.store import Location
from lookalike.storing import room_needed
from lookalike.vectors import Vectors

PATTERN = "part-*.parquet"

Item = TypeVar("Item")


class Chunk(msgspec.Struct, frozen=True):
    """Some rows of a part: ``S32[n]``, ``float32[n, d]``."""

    digests: Digests
    vectors: Vectors


class Known(msgspec.Struct, frozen=True):
    """Digests that have a vector, and those of them whose vector is all zero."""

    digests: KnownDigests
    zeros: KnownDigests

    def close(self) -> None:
        """Close the files."""
        self.digests.close()
        self.zeros.close()


class Features:
    """The features of one model version.

    Args:
        location: the folder ``features/<model>/<version>-<weights>`` of the store.
        dimensions: length d of a vector.
    """

    def __init__(self, location: Location, dimensions: int) -> None:
        self._location, self._dimensions = location, dimensions

    @classmethod
    def of(cls, store: str, model: ModelReference) -> "Features":
        """Open the features of a model: of its weights, since a store may be begun anew."""
        return cls(Location(f"{store}/features/{model.name}/{model.tag}"), model.dimensions)

    @classmethod
    def at(cls, location: Location) -> "Features":
        """Open the features of a folder, as long as its vectors are.

        Raises:
            DigestMismatch: every part is damaged; the last one's error.
        """
        made = cls(location, 0)
        damaged: list[DigestMismatch] = []
        for length in made._every_part(made._length, damaged):
            return cls(location, length)
        raise damaged[-1] if damaged else StoreError(f"{location.root} has no features")

    def parts(self) -> list[str]:
        """Name the files."""
        return self._location.names(PATTERN)

    def write(self, digests: Digests, vectors: Vectors) -> None:
        """Write ``float32[n, d]`` as one new part, whole or not at all, in the digests' order.

        Raises:
            StoreFull: there is no room for it.
        """
        data = encoded(digests, vectors)
        with room_needed(self._location.root):
            self._location.write(f"part-{uuid4().hex}.parquet", data)
        # Arrow would keep what that took, for ever.
        pa.default_memory_pool().release_unused()

    def known(self) -> Known:
        """List the digests that have a vector, without reading the vectors."""
        zeros: list[Digests] = []
        damaged: list[DigestMismatch] = []
        digests = sort_digests(self._every_part(lambda name: self._digests(name, zeros), damaged))
        for error in damaged:
            sys.stderr.write(f"warning: {error}\n")
        return Known(digests, sort_digests(zeros))

    def find(self, digests: Digests) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Tell of a few digests which have a vector, and whose vector is all zero.

        It reads the ends of the parts, and what may have them: :meth:`known` reads all.

        Args:
            digests: ``S32[n]``.

        Returns:
            Both ``bool[n]``.
        """
        order = np.argsort(digests)
        ordered = digests[order]
        there, zero = np.zeros((2, len(digests)), np.bool_)
        damaged: list[DigestMismatch] = []
        for found, zeros in self._every_part(lambda name: self._zeros(name, ordered), damaged):
            rows, places = _matches(found, ordered)
            there[order[places]] = True
            zero[order[places]] |= zeros[rows]
        for error in damaged:
            sys.stderr.write(f"warning: {error}\n")
        return there, zero

    def gather(self, digests: npt.NDArray[np.uint8], out: Vectors) -> None:
        """Look vectors up, in one pass over what of the parts may have them.

        Args:
            digests: ``uint8[n, 32]``; they may repeat.
            out: ``float32[n, d]``, filled in their order; may be a memory map.

        Raises:
            DigestMismatch: some have no vector, unless it is in a part that is damaged.
            StoreError: some have no vector.
        """
        wanted = np.ascontiguousarray(digests).reshape(-1).view(DIGEST)
        order = np.argsort(wanted)
        ordered = wanted[order]
        missing = np.ones(len(wanted), np.bool_)
        damaged: list[DigestMismatch] = []
        read = partial(self.read, wanted=ordered)
        for chunk in self._every_part(read, damaged) if missing.any() else ():
            rows, places = _matches(chunk.digests, ordered)
            out[order[places]] = chunk.vectors[rows]
            missing[places] = False
            if not missing.any():
                return
        if missing.any() and damaged:
            raise damaged[0]
        if missing.any():
            raise StoreError(
                f"{int(missing.sum())} pictures have no vector in {self._location.root}, such as "
                f"that of SHA-256 {_hex(ordered, missing)}: run lookalike extract again"
            )

    def read(self, name: str, wanted: Digests | None = None) -> Iterator[Chunk]:
        """Read a part in chunks.

        Args:
            name: of the part.
            wanted: sorted digests; groups of rows that have none of them are passed over.

        Raises:
            FileNotFoundError: it was compacted since it was listed.
            DigestMismatch: it is damaged.
        """
        for batch in self._batches(name, ["sha256", "vector"], wanted):
            flat = batch.column(1).flatten().to_numpy()
            yield Chunk(digests_of(batch.column(0)), flat.reshape(-1, self._dimensions))

    def keep(self, needed: KnownDigests, since: Callable[[], float]) -> int:
        """Leave out the vectors of all other digests; parts that are damaged stay as they are.

        A part with fewer is written before the one of before goes, so that readers always find
        what is needed.

        Args:
            needed: digests whose vectors stay.
            since: gives the seconds since those were read: what was written later stays whole.

        Returns:
            How many vectors were left out.
        """
        damaged: list[DigestMismatch] = []
        left_out = sum(self._every_part(lambda name: self._kept(name, needed, since), damaged))
        for error in damaged:
            sys.stderr.write(f"warning: {error}\n")
        return left_out

    def _kept(self, name: str, needed: KnownDigests, since: Callable[[], float]) -> Iterator[int]:
        if self._location.age(name) < since() or self._holds_only(name, needed):
            return
        left_out = 0
        for chunk in self.read(name):
            stays = needed.contain(chunk.digests)
            if stays.any():
                self.write(chunk.digests[stays], chunk.vectors[stays])
            left_out += int(np.count_nonzero(~stays))
        self.remove(name)
        yield left_out

    def _holds_only(self, name: str, needed: KnownDigests) -> bool:
        return all(needed.contain(digests).all() for digests in self._digests(name, []))

    def _length(self, name: str) -> Iterator[int]:
        with self._opened(name) as part:
            yield int(part.schema_arrow.field("vector").type.list_size)

    def remove(self, name: str) -> None:
        """Delete a part whose vectors are elsewhere."""
        self._location.remove(name)

    def rows(self, name: str) -> int:
        """Count the vectors of a part by its footer; errors as :meth:`read`."""
        with self._opened(name) as part:
            return int(part.metadata.num_rows)

    def _every_part(
        self, read: Callable[[str], Iterator[Item]], damaged: list[DigestMismatch]
    ) -> Iterator[Item]:
        """Read every part, and in place of those that are compacted meanwhile the new ones.

        What is wrong with parts that are damaged is put into ``damaged``.
        """
        seen: set[str] = set()
        # Until a listing has nothing new: one that is made while a part takes the place of
        # another may have neither.
        while names := [name for name in self.parts() if name not in seen]:
            for name in names:
                seen.add(name)
                try:
                    yield from read(name)
                except FileNotFoundError:
                    continue  # the part with its rows was written before it went
                except DigestMismatch as error:
                    damaged.append(error)

    def _digests(self, name: str, zeros: list[Digests]) -> Iterator[Digests]:
        for digests, zero in self._zeros(name):
            zeros.append(digests[zero])
            yield digests

    def _zeros(
        self, name: str, wanted: Digests | None = None
    ) -> Iterator[tuple[Digests, npt.NDArray[np.bool_]]]:
        for batch in self._batches(name, ["sha256", "zero"], wanted):
            yield digests_of(batch.column(0)), batch.column(1).to_numpy(zero_copy_only=False)

    def _batches(
        self, name: str, columns: Sequence[str], wanted: Digests | None = None
    ) -> Iterator[pa.RecordBatch]:
        with self._opened(name) as part:
            yield from batches(part, columns, wanted)

    @contextmanager
    def _opened(self, name: str) -> Iterator[pq.ParquetFile]:
        try:
            with self._location.open(name) as file:
                yield pq.ParquetFile(file, page_checksum_verification=True)
        except FileNotFoundError:
            raise  # it is no damage to be gone
        except DAMAGE as error:
            raise self._damaged(name, error) from error

    def _damaged(self, name: str, error: Exception) -> DigestMismatch:
        return DigestMismatch(
            f"the features in {self._location.path(name)} are damaged ({error}): delete the file, "
            "and lookalike extract embeds its pictures again"
        )


def _matches(
    digests: Digests, ordered: Digests
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pair rows of a part with the places in the sorted ``ordered`` that want them."""
    left = np.searchsorted(ordered, digests, "left")
    counts = np.searchsorted(ordered, digests, "right") - left
    rows = np.repeat(np.arange(len(digests)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return rows, np.repeat(left, counts) + np.arange(len(rows)) - first


def _hex(ordered: Digests, missing: npt.NDArray[np.bool_]) -> str:
    return as_bytes(ordered[missing][:1])[0].hex()
