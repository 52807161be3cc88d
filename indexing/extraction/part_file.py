"""One file of features: digests and vectors in Parquet, in the order of the digests.

So whoever wants a few vectors of a large file reads little of it: the least and the greatest digest
of each group of rows stand at its end.
"""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from indexing.extraction.known import DIGEST, DIGEST_BYTES, Digests
from lookalike.vectors import Vectors, without_features

# Rows that are in memory at a time; 32 MB of vectors of 128 numbers.
CHUNK = 1 << 16
# Rows that are encoded at a time: half a megabyte of vectors of 128 numbers.
ROW_GROUP = 1024
# What reading one that is damaged raises.
DAMAGE = (pa.ArrowException, OSError, KeyError)


def encoded(digests: Digests, vectors: Vectors) -> bytes:
    """Write ``S32[n]`` and ``float32[n, d]`` as a file; each row tells whether it is all zero."""
    order = np.argsort(digests)
    digests, vectors = digests[order], vectors[order]
    length = vectors.shape[1]
    fields = {
        "sha256": pa.array(as_bytes(digests), pa.binary(DIGEST_BYTES)),
        "vector": pa.FixedSizeListArray.from_arrays(
            pa.array(vectors.reshape(-1)), type=pa.list_(pa.float32(), length)
        ),
        "zero": pa.array(without_features(vectors)),  # told apart without reading the vectors
    }
    buffer = io.BytesIO()
    # Neither numbers nor digests repeat, so that a dictionary would be work for nothing.
    pq.write_table(
        pa.table(fields), buffer, ROW_GROUP, use_dictionary=False, write_page_checksum=True
    )
    return buffer.getvalue()


def batches(
    part: pq.ParquetFile, columns: Sequence[str], wanted: Digests | None = None
) -> Iterator[pa.RecordBatch]:
    """Read some columns of a file.

    Args:
        part: opened.
        columns: their names.
        wanted: sorted digests; groups of rows that have none of them are passed over.
    """
    groups = None if wanted is None else _groups_with(part.metadata, wanted)
    if groups != []:
        yield from part.iter_batches(CHUNK, row_groups=groups, columns=columns)


def digests_of(column: pa.Array) -> Digests:
    """View a column of digests as what it is: ``S32[n]``."""
    digests = np.frombuffer(column.buffers()[1], DIGEST)
    return digests[column.offset : column.offset + len(column)]


def as_bytes(digests: Digests) -> list[bytes]:
    """Give digests one by one, with the zero bytes that NumPy cuts off at their ends."""
    data = digests.tobytes()
    return [data[start : start + DIGEST_BYTES] for start in range(0, len(data), DIGEST_BYTES)]


def _groups_with(about: pq.FileMetaData, wanted: Digests) -> list[int]:
    """Name the groups of rows that may have some of the sorted digests."""
    bounds = (about.row_group(n).column(0).statistics for n in range(about.num_row_groups))
    return [n for n, bound in enumerate(bounds) if _may_have(bound, wanted)]


def _may_have(bound: pq.Statistics | None, wanted: Digests) -> bool:
    if bound is None or not bound.has_min_max:
        return True
    least, greatest = np.array([bound.min, bound.max], DIGEST)
    return bool(np.searchsorted(wanted, least) < np.searchsorted(wanted, greatest, "right"))
