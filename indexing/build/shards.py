"""Which picture belongs to which shard, and what each shard's rows are."""

import hashlib
from array import array
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from indexing.build.vectors import Positions
from lookalike.index import PictureRow, PictureWriter
from lookalike.index.attribute_writer import AttributeWriter
from lookalike.progress import track

HASH_BYTES = 8


def shard_of(name: str, shards: int) -> int:
    """Give the shard of a picture, the same wherever and whenever it is asked."""
    # surrogatepass: an id is any string, and no two of them may become one.
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=HASH_BYTES)
    return int.from_bytes(digest.digest()) % shards


def shard_name(number: int) -> str:
    """Name a shard's files, without their suffixes."""
    return f"shard-{number:05}"


def pictures_name(name: str) -> str:
    """Name the file of a segment's pictures."""
    return f"{name}.pictures"


def attributes_name(name: str) -> str:
    """Name the file of a segment's attributes."""
    return f"{name}.attributes"


def write_rows(
    rows: Iterable[PictureRow], count: int, shards: int, folder: Path
) -> list[Positions]:
    """Stream rows into the files of pictures and of attributes of their shards.

    Args:
        rows: in the order of their vectors.
        count: how many there will be.
        shards: how many shards.
        folder: to write to.

    Returns:
        The positions, among all rows, of each shard's rows.

    Raises:
        DataError: two rows have one id.
    """
    positions = [array("q") for _ in range(shards)]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(PictureWriter(folder / pictures_name(shard_name(number))))
            for number in range(shards)
        ]
        attributes = [
            stack.enter_context(AttributeWriter(folder / attributes_name(shard_name(number))))
            for number in range(shards)
        ]
        for position, row in enumerate(track(rows, "rows", count)):
            number = shard_of(row.id, shards) if shards > 1 else 0
            writers[number].add(row)
            attributes[number].add(row.label, row.attributes)
            positions[number].append(position)
    return [np.frombuffer(held, np.int64) if held else np.empty(0, np.int64) for held in positions]
