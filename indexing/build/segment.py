"""Building one segment: adding its vectors to what was trained, and writing its files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import msgspec
import numpy as np

from indexing.build.shards import attributes_name, pictures_name
from indexing.build.training import make
from indexing.build.vectors import CHUNK_ROWS, Positions, chunks
from lookalike.index import Shard
from lookalike.index.kinds import layers
from lookalike.index.lists import write_lists
from lookalike.vectors import Vectors

Tell = Callable[[int], None]


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment to be built.

    Attributes:
        name: of its files, without their suffixes.
        factory: its index type.
        trained: file of the trained, empty index; None where the type needs no training.
        first_row: number of its first row among all rows of the version.
        threads: of faiss.
    """

    name: str
    factory: str
    trained: Path | None
    first_row: int
    threads: int


def build_segment(
    segment: Segment, vectors: Vectors, positions: Positions, folder: Path, tell: Tell
) -> Shard:
    """Add the vectors at ``positions`` and write the segment's faiss files.

    Args:
        segment: what to build.
        vectors: ``float32[n, d]``, prepared for the index's metric.
        positions: which of them, in the order of the segment's rows.
        folder: to write to.
        tell: is told of vectors that were added.
    """
    faiss.omp_set_num_threads(segment.threads)
    index = _empty(segment, vectors.shape[1])
    for number, chunk in enumerate(chunks(vectors, positions)):
        add(index, chunk, segment.first_row + number * CHUNK_ROWS)
        tell(len(chunk))
    return _write(segment, index, folder)


def add(index: Any, vectors: Vectors, first_row: int) -> None:
    """Add vectors; inverted lists name rows by their number in the whole version."""
    kind = layers(index)
    base = index if kind.refine is None else index.base_index
    if kind.inverted:
        base.add_with_ids(vectors, np.arange(first_row, first_row + len(vectors)))
    else:
        base.add(vectors)
    if kind.refine is not None:
        # faiss refuses add_with_ids on the whole; its parts by themselves come to the same.
        kind.refine.add(vectors)
        index.ntotal = base.ntotal


def _empty(segment: Segment, dimensions: int) -> Any:
    if segment.trained is None:
        return make(segment.factory, dimensions)
    return faiss.read_index(str(segment.trained))


def _write(segment: Segment, index: Any, folder: Path) -> Shard:
    core, lists = layers(index).core, None
    if isinstance(core, faiss.IndexIVFPQFastScan):
        lists = f"{segment.name}.lists"
        write_lists(folder / lists, core)
    file = f"{segment.name}.faiss"
    faiss.write_index(index, str(folder / file))
    return Shard(
        file=file,
        lists=lists,
        pictures=pictures_name(segment.name),
        attributes=attributes_name(segment.name),
        vectors=index.ntotal,
    )
