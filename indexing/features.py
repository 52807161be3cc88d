"""Features: vectors kept by (picture's SHA-256, model version), so that none is made twice.

Parts are Parquet files that are written whole or not at all; a killed extraction loses
at most the part that it was filling.
"""

import io
from collections.abc import Sequence
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lookalike.store import Location
from lookalike.vectors import Vectors

DIGEST_BYTES = 32
PART_VECTORS = 512


class FeatureCache:
    """The features of one model version.

    Args:
        location: the folder ``features/<model>/<version>`` of the store.
        dimensions: length of a vector.
    """

    def __init__(self, location: Location, dimensions: int) -> None:
        self._location = location
        self._schema = pa.schema(
            [("sha256", pa.binary(DIGEST_BYTES)), ("vector", pa.list_(pa.float32(), dimensions))]
        )
        self._vectors = self._load()
        self._pending: dict[bytes, Vectors] = {}

    def digests(self) -> frozenset[bytes]:
        """Name the pictures that have a vector."""
        return frozenset(self._vectors)

    def get(self, sha256: bytes) -> Vectors:
        """Give the vector ``float32[d]`` of a picture that has one."""
        return self._vectors[sha256]

    def put(self, digests: Sequence[bytes], vectors: Vectors) -> None:
        """Add ``float32[n, d]``; they are durable once a part is full, or flushed."""
        new = dict(zip(digests, vectors, strict=True))
        self._vectors.update(new)
        self._pending.update(new)
        if len(self._pending) >= PART_VECTORS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as one part."""
        if not self._pending:
            return
        flat = np.concatenate(list(self._pending.values()))
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat), type=self._schema.types[1])
        digests = pa.array(list(self._pending), type=self._schema.types[0])
        table = pa.Table.from_arrays([digests, vectors], schema=self._schema)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        self._location.write(f"part-{uuid4().hex}.parquet", buffer.getvalue())
        self._pending = {}

    def _load(self) -> dict[bytes, Vectors]:
        loaded: dict[bytes, Vectors] = {}
        for name in self._location.names("part-*.parquet"):
            table = pq.read_table(
                pa.BufferReader(self._location.read(name)), schema=self._schema
            ).combine_chunks()
            flat = table["vector"].combine_chunks().values.to_numpy()
            vectors = flat.reshape(len(table), -1)
            loaded.update(zip(table["sha256"].to_pylist(), vectors, strict=True))
        return loaded
