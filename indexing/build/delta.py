"""The delta of a version: what was added or changed since its base was built."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np

from indexing.build.segment import Segment, build_segment
from indexing.build.shards import attributes_name, pictures_name
from lookalike.cores import cores
from lookalike.errors import DataError
from lookalike.index import IndexDetails, PictureRow, Shard, write_pictures
from lookalike.index.attribute_writer import AttributeWriter
from lookalike.progress import Meter
from lookalike.vectors import Vectors

NAME = "delta"


def build_delta(
    base: IndexDetails,
    trained: Path | None,
    rows: Iterable[PictureRow],
    vectors: Vectors,
    folder: Path,
) -> Shard:
    """Write a delta segment that is searched with the shards of ``base``.

    Args:
        base: of the version whose shards the new one keeps.
        trained: its file ``base.trained``, which is all that is needed of its files; None
            where it has none, and the delta then is compared exactly.
        rows: what each vector is of, in their order.
        vectors: ``float32[n, d]``, one at least, prepared for the index's metric.
        folder: an existing folder for the files.

    Raises:
        DataError: two rows have one id, or rows and vectors are not as many.
    """
    segment = Segment(
        name=NAME,
        factory="Flat" if trained is None else base.factory,
        trained=trained,
        first_row=sum(shard.vectors for shard in base.shards),
        threads=cores(),
    )
    with AttributeWriter(folder / attributes_name(NAME)) as attributes:
        count = write_pictures(folder / pictures_name(NAME), attributes.passing(rows))
    if count != len(vectors):
        raise DataError(f"{count} rows do not go with {len(vectors)} vectors")
    with closing(Meter("adding vectors", len(vectors))) as meter:
        return build_segment(segment, vectors, np.arange(len(vectors)), folder, meter.add)
