"""lancedb: its library, in the client's own process."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("LANCE_LOG", "error")  # else a warning for each search

import lancedb
import pyarrow as pa
from driver import K, Search, arguments, drive


def main() -> None:
    """Index the vectors by its graph over inverted lists, and search them."""
    vectors, queries = arguments()
    effort = int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        flat = pa.array(vectors.reshape(-1), pa.float32())
        column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        rows = pa.table({"row": pa.array(range(len(vectors))), "vector": column})
        table = lancedb.connect(folder).create_table("bench", rows)
        table.create_index(metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1)

        @contextmanager
        def connect() -> Iterator[Search]:
            own = lancedb.connect(folder).open_table("bench")

            def search(vector):  # type: ignore[no-untyped-def]
                query = own.search(vector).distance_type("cosine").ef(effort).select(["row"])
                return query.limit(K).to_arrow()["row"].to_pylist()

            yield search

        drive(connect, queries)


main()
