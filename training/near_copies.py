"""Near copies among pictures: proposed by features, decided by pixels, and grouped.

So that no held-out picture is one that was trained on, saved again. What makes two pictures
copies is copy_check.py's.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import faiss
import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from lookalike.cores import cores
from lookalike.picture.contract import Pixels
from lookalike.progress import Meter, track, working
from lookalike.vectors import Vectors, unit
from training.copy_check import CONTRACT, agreement, reduced
from training.features import FeatureExtractor
from training.labelled import Rows
from training.split import Example, Side

# Of the pretrained features. Copies have more (bench.near_copies, docs/benchmarks.md): this
# spares a look at the pixels of pictures that nobody takes for copies.
LEAST_COSINE = 0.8
# So many of a picture's nearest are looked at; see grouped() for larger groups.
NEAREST = 8
NONE = -1
# Pairs that are compared side by side, before what was found of them spares others.
TOGETHER = 64

Pair = tuple[int, int]
Read = Callable[[Sequence[int]], Iterator[Pixels | None]]
Group = list[Example]


def near_copies(extractor: FeatureExtractor, *sides: Side) -> list[Group]:
    """Group the pictures that are copies of each other, of all sides together.

    Args:
        extractor: has the features of all of them.
        sides: no file is in two of them.

    Returns:
        Groups of two or more, in the order in which their first pictures came; no picture is
        in two of them. A picture that can no longer be read is in none.
    """
    placed = [placed for side in sides for placed in side.placed()]
    if len(placed) < 2:
        return []
    vectors = extractor.vectors([example for example, _ in placed])[:, 0]

    def read(rows: Sequence[int]) -> Iterator[Pixels | None]:
        found = extractor.reader.pixels_if_there((placed[row] for row in rows), CONTRACT)
        return (None if pixels is None else reduced(pixels) for pixels in found)

    return [[placed[row][0] for row in rows] for rows in grouped(vectors, read)]


def without_copies_of(
    known: Sequence[Example], examples: Sequence[Example], groups: Sequence[Group]
) -> tuple[list[Example], dict[Example, Example]]:
    """Leave out pictures that are copies of known ones; give the others, and what of which."""
    repeated: dict[Example, Example] = {}
    training = frozenset(known)
    for group in groups:
        of = next((example for example in group if example in training), None)
        if of is not None:
            repeated |= {example: of for example in group if example not in training}
    return [example for example in examples if example not in repeated], repeated


def grouped(vectors: Vectors, read: Read) -> list[list[int]]:
    """Group rows of ``float32[n, d]`` whose pixels say that they are copies.

    Each row's nearest few are looked at. Where all of them are its copies, there may be more:
    one row of each such group is looked at again, beside those of the others, until nothing is
    added.

    Args:
        vectors: n pictures' pretrained features; rows of zeros are nobody's copies.
        read: gives the :func:`~training.copy_check.reduced` pictures of rows, in order; None
            for one that is nobody's copy.
    """
    vectors = unit(vectors)
    sets = DisjointSet(range(len(vectors)))
    rows = np.flatnonzero(vectors.any(axis=1))
    while len(rows) > 1:
        near = _nearest(vectors[rows])
        _join(sets, [(int(rows[i]), int(rows[j])) for i, j in _pairs(near)], read)
        rows = _crowded(sets, rows, near)
    return sorted(sorted(found) for found in sets.subsets() if len(found) > 1)


def _nearest(vectors: Vectors) -> Rows:
    """Find the nearest others of each row: ``int64[n, k]``, ``NONE`` where they are too far."""
    count = min(NEAREST, len(vectors) - 1)
    with working("looking for near copies"):
        cosines, found = faiss.knn(vectors, vectors, count + 1, faiss.METRIC_INNER_PRODUCT)
    itself = found == np.arange(len(vectors))[:, None]
    # Where others are equal to it, it may not be among its own nearest.
    itself[~itself.any(axis=1), -1] = True
    near = np.where(cosines < LEAST_COSINE, NONE, found)
    return np.asarray(near[~itself].reshape(len(vectors), count), np.int64)


def _pairs(near: Rows) -> list[Pair]:
    """Give each pair of neighbours once, the nearest of all first."""
    firsts = np.repeat(np.arange(len(near))[:, None], near.shape[1], axis=1)
    both = np.stack([np.minimum(firsts, near), np.maximum(firsts, near)], axis=-1)
    pairs = both.transpose(1, 0, 2)[near.T != NONE]
    return list(dict.fromkeys(map(tuple, pairs.tolist())))


def _join(sets: DisjointSet, pairs: Sequence[Pair], read: Read) -> None:
    rows = sorted({row for pair in pairs for row in pair})
    pixels = dict(zip(rows, track(read(rows), "reading likely copies", len(rows)), strict=True))

    def are_copies(pair: Pair) -> bool:
        one, other = (pixels[row] for row in pair)
        return one is not None and other is not None and agreement(one, other).is_near_copy

    meter = Meter("comparing likely copies", len(pairs))
    with ThreadPoolExecutor(cores()) as pool, closing(meter):
        for first in range(0, len(pairs), TOGETHER):
            some = pairs[first : first + TOGETHER]
            # Those that are known to be of one group need no look.
            asked = [pair for pair in some if not sets.connected(*pair)]
            for pair, joined in zip(asked, pool.map(are_copies, asked), strict=True):
                if joined:
                    sets.merge(*pair)
            meter.add(len(some))


def _crowded(sets: DisjointSet, rows: Rows, near: Rows) -> Rows:
    """Give one row of each group whose rows had copies only among their nearest."""
    if near.shape[1] < NEAREST:
        return rows[:0]
    firsts = {
        sets[int(row)]: row
        for row, others in zip(rows, near, strict=True)
        if all(o != NONE and sets.connected(int(row), int(rows[o])) for o in others)
    }
    return np.array(sorted(firsts.values()), np.int64)
