"""Compaction of features: many small parts become few large ones."""

from collections.abc import Iterator

import numpy as np

from indexing.extraction.features import Chunk, Features

LARGE = 1 << 18  # vectors; 134 MB of them at 128 numbers each
FEW = 16


def compact(features: Features, large: int = LARGE, few: int = FEW) -> int:
    """Merge parts of under ``large`` vectors where they are more than ``few``.

    A part is deleted once its vectors are in another; killed in between, some are in two,
    which does no harm, as it does none when two jobs compact at once.

    Returns:
        How many parts were merged.

    Raises:
        DigestMismatch: a part is damaged.
    """
    small = [name for name in features.parts() if features.rows(name) < large]
    if len(small) <= few:
        return 0
    for group in _groups(features, small, large):
        chunks = [chunk for name in group for chunk in features.read(name)]
        if chunks:
            merged = _once_each(chunks)
            features.write(merged.digests, merged.vectors)
        for name in group:
            features.remove(name)
    return len(small)


def _groups(features: Features, names: list[str], large: int) -> Iterator[list[str]]:
    """Cut the parts into groups of about ``large`` vectors, which fit into memory."""
    group, rows = [], 0
    for name in names:
        group.append(name)
        rows += features.rows(name)
        if rows >= large:
            yield group
            group, rows = [], 0
    if group:
        yield group


def _once_each(chunks: list[Chunk]) -> Chunk:
    digests, places = np.unique(
        np.concatenate([chunk.digests for chunk in chunks]), return_index=True
    )
    return Chunk(digests, np.concatenate([chunk.vectors for chunk in chunks])[places])
