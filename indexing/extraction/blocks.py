"""Shared memory for pixels: blocks of slots, a block for each batch on its way."""

import numpy as np

from indexing.extraction.shared_file import SharedFile
from lookalike.picture.contract import CHANNELS, Pixels


class PixelBlocks:
    """``uint8[slots, S, S, 3]`` a block; give it to a process as an argument.

    A reading process fills a block from its first slot on, without gaps, so that what it
    read is one array which is sent as it lies there: pixels are never pickled, nor copied
    from process to process.

    Args:
        file: the memory.
        count: how many blocks there are.
        slots: pictures in each.
        size: side S of a picture, in pixels.
    """

    def __init__(self, file: SharedFile, count: int, slots: int, size: int) -> None:
        self._file, self.count, self.slots, self._size = file, count, slots, size
        shape = (count, slots, size, size, CHANNELS)
        self._pixels: Pixels = np.frombuffer(file.memory, np.uint8).reshape(shape)

    @classmethod
    def create(cls, count: int, slots: int, size: int) -> "PixelBlocks":
        """Reserve the memory; it is taken as it is first written."""
        file = SharedFile.in_memory(count * slots * size * size * CHANNELS)
        return cls(file, count, slots, size)

    def __getitem__(self, block: int) -> Pixels:
        """Give a block: ``uint8[slots, S, S, 3]``, shared."""
        pixels: Pixels = self._pixels[block]
        return pixels

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __reduce__(self) -> "tuple[type[PixelBlocks], tuple[SharedFile, int, int, int]]":
        return PixelBlocks, (self._file, self.count, self.slots, self._size)
