"""Compaction of features: many small parts become few large ones, while others read and write.

A part is deleted once its vectors are in another. Killed in between, some are in two, which
does no harm; nor do two jobs that compact at once.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from indexing.extraction.features import Chunk, Features
from lookalike.errors import DigestMismatch

LARGE = 1 << 18  # vectors; 134 MB of them at 128 numbers each
FEW = 16


def compact(features: Features, large: int = LARGE, few: int = FEW) -> int:
    """Merge parts of under ``large`` vectors where they are more than ``few``.

    While there are few parts of any size it costs one listing. A damaged part is left as it
    is, with a warning that names it.

    Returns:
        How many parts were merged.

    Raises:
        StoreFull: there is no room for the merged parts; no vector is lost.
    """
    names = features.parts()
    if len(names) <= few:
        return 0
    small = {name: rows for name, rows in _sizes(features, names) if rows < large}
    if len(small) <= few:
        return 0
    return sum(_merge(features, group) for group in _groups(small, large))


def _sizes(features: Features, names: Iterable[str]) -> Iterator[tuple[str, int]]:
    for name in names:
        with _unreadable_left():
            yield name, features.rows(name)


def _groups(sizes: Mapping[str, int], large: int) -> Iterator[list[str]]:
    """Cut the parts into groups of about ``large`` vectors, which fit into memory."""
    group, rows = [], 0
    for name, size in sizes.items():
        group.append(name)
        rows += size
        if rows >= large:
            yield group
            group, rows = [], 0
    if len(group) > 1:
        yield group


def _merge(features: Features, names: Iterable[str]) -> int:
    """Write the vectors of parts as one new part, then delete them; give how many they were."""
    chunks, merged = [], []
    for name in names:
        with _unreadable_left():
            chunks += list(features.read(name))
            merged.append(name)
    if chunks:
        whole = _once_each(chunks)
        features.write(whole.digests, whole.vectors)
    for name in merged:
        features.remove(name)
    return len(merged)


@contextmanager
def _unreadable_left() -> Iterator[None]:
    """Leave a part that another job has compacted meanwhile, or that is damaged, as it is."""
    try:
        yield
    except FileNotFoundError:
        return
    except DigestMismatch as error:
        sys.stderr.write(f"warning: {error}\n")


def _once_each(chunks: list[Chunk]) -> Chunk:
    digests, places = np.unique(
        np.concatenate([chunk.digests for chunk in chunks]), return_index=True
    )
    return Chunk(digests, np.concatenate([chunk.vectors for chunk in chunks])[places])
