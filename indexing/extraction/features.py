"""Features: vectors kept by their picture's SHA-256, so that none is made twice.

Parts are Parquet files that are written whole or not at all, under names of their own: any
number of jobs write beside each other. A vector may be in several parts; all its copies
are equal enough that any will do. Being a cache, a part whose file is damaged is left out
with a warning where digests are listed: its pictures are embedded again.
"""

import io
import sys
from collections.abc import Iterator, Sequence
from uuid import uuid4

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from indexing.extraction.known import DIGEST, DIGEST_BYTES, Digests, KnownDigests, sort_digests
from indexing.extraction.storing import room_needed
from lookalike.errors import DigestMismatch, StoreError
from lookalike.index import ModelReference
from lookalike.store import Location
from lookalike.vectors import Vectors, without_features

PATTERN = "part-*.parquet"
WEIGHTS_DIGITS = 12
# Rows that are in memory at a time; 32 MB of vectors of 128 numbers.
CHUNK = 1 << 16
# Rows that are encoded at a time: half a megabyte of vectors of 128 numbers.
ROW_GROUP = 1024
DAMAGE = (pa.ArrowException, OSError, KeyError)


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
        self._schema = pa.schema(
            [
                ("sha256", pa.binary(DIGEST_BYTES)),
                ("vector", pa.list_(pa.float32(), dimensions)),
                ("zero", pa.bool_()),  # told apart without reading the vectors
            ]
        )

    @classmethod
    def of(cls, store: str, model: ModelReference) -> "Features":
        """Open the features of a model: of its weights, since a store may be begun anew."""
        name = f"{model.version}-{model.weights_sha256[:WEIGHTS_DIGITS]}"
        return cls(Location(f"{store}/features/{model.name}/{name}"), model.dimensions)

    def parts(self) -> list[str]:
        """Name the files."""
        return self._location.names(PATTERN)

    def write(self, digests: Digests, vectors: Vectors) -> None:
        """Write ``float32[n, d]`` as one new part, whole or not at all.

        Raises:
            StoreFull: there is no room for it.
        """
        table = pa.Table.from_arrays(
            [
                pa.array(_bytes(digests), type=self._schema.types[0]),
                pa.FixedSizeListArray.from_arrays(
                    pa.array(vectors.reshape(-1)), type=self._schema.types[1]
                ),
                pa.array(without_features(vectors)),
            ],
            schema=self._schema,
        )
        buffer = io.BytesIO()
        # Neither numbers nor digests repeat, so that a dictionary would be work for nothing.
        pq.write_table(table, buffer, ROW_GROUP, use_dictionary=False, write_page_checksum=True)
        with room_needed(self._location.root):
            self._location.write(f"part-{uuid4().hex}.parquet", buffer.getvalue())
        # Arrow would keep what that took, for ever.
        pa.default_memory_pool().release_unused()

    def known(self) -> Known:
        """List the digests that have a vector, without reading the vectors."""
        zeros: list[Digests] = []
        digests = sort_digests(self._digests(zeros))
        return Known(digests, sort_digests(zeros))

    def gather(self, digests: npt.NDArray[np.uint8], out: Vectors) -> None:
        """Look vectors up, in one pass over the parts.

        Args:
            digests: ``uint8[n, 32]``; they may repeat.
            out: ``float32[n, d]``, filled in their order; may be a memory map.

        Raises:
            StoreError: some have no vector, or a part is damaged.
        """
        wanted = np.ascontiguousarray(digests).reshape(-1).view(DIGEST)
        order = np.argsort(wanted)
        ordered = wanted[order]
        missing = np.ones(len(wanted), np.bool_)
        for name in self.parts():
            if not missing.any():
                return
            for chunk in self._chunks(name):
                rows, places = _matches(chunk.digests, ordered)
                out[order[places]] = chunk.vectors[rows]
                missing[places] = False
        if missing.any():
            raise StoreError(
                f"{int(missing.sum())} pictures have no vector in {self._location.root}, such as "
                f"that of SHA-256 {_hex(ordered, missing)}: run lookalike extract again"
            )

    def read(self, name: str) -> Iterator[Chunk]:
        """Read a part in chunks; raise DigestMismatch where it is damaged."""
        return self._chunks(name)

    def remove(self, name: str) -> None:
        """Delete a part whose vectors are elsewhere."""
        self._location.remove(name)

    def rows(self, name: str) -> int:
        """Count the vectors of a part."""
        with self._location.open(name) as file:
            try:
                return int(pq.ParquetFile(file).metadata.num_rows)
            except DAMAGE as error:
                raise self._damaged(name, error) from error

    def _digests(self, zeros: list[Digests]) -> Iterator[Digests]:
        for name in self.parts():
            try:
                for batch in self._batches(name, ["sha256", "zero"]):
                    digests = _digests_of(batch.column(0))
                    zero = batch.column(1).to_numpy(zero_copy_only=False)
                    zeros.append(digests[zero])
                    yield digests
            except DigestMismatch as error:
                sys.stderr.write(f"warning: {error}\n")

    def _chunks(self, name: str) -> Iterator[Chunk]:
        for batch in self._batches(name, ["sha256", "vector"]):
            flat = batch.column(1).flatten().to_numpy()
            yield Chunk(_digests_of(batch.column(0)), flat.reshape(-1, self._dimensions))

    def _batches(self, name: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        try:
            with self._location.open(name) as file:
                part = pq.ParquetFile(file, page_checksum_verification=True)
                yield from part.iter_batches(CHUNK, columns=columns)
        except FileNotFoundError:
            return  # compacted by another job since it was listed: its rows are in a new part
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


def _bytes(digests: Digests) -> list[bytes]:
    """Give digests one by one, with the zero bytes that NumPy cuts off at their ends."""
    data = digests.tobytes()
    return [data[start : start + DIGEST_BYTES] for start in range(0, len(data), DIGEST_BYTES)]


def _digests_of(column: pa.Array) -> Digests:
    digests = np.frombuffer(column.buffers()[1], DIGEST)
    return digests[column.offset : column.offset + len(column)]


def _hex(ordered: Digests, missing: npt.NDArray[np.bool_]) -> str:
    return _bytes(ordered[missing][:1])[0].hex()
