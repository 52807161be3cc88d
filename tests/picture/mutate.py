"""Reads mutated pictures until a count is reached; a crash ends the process, which is the test.

Run by test_mutations.py in a process of its own with little memory:
``python -m tests.picture.mutate SEED COUNT``.
"""

import resource
import struct
import sys
import zlib

import cv2
import numpy as np

from lookalike.errors import PictureError
from lookalike.picture import PictureContract, read_picture
from tests.picture import files
from tests.picture.test_truncation import PICTURES

MEMORY = 2 << 30
CONTRACT = PictureContract(size=32)


def sources() -> list[bytes]:
    """Small pictures of every kind, so that a mutation is likely to matter."""
    small = cv2.resize(files.quadrants(), (24, 16))
    deep = np.dstack([small, small[..., 0]]).astype(np.uint16) * 257
    palette = bytes(range(256)) * 4
    runs = b"\x08\5\0\0" * 4 + b"\0\3abc\0\5\1\0\0\0\2\2\1\4\7\0\1"
    return [
        *PICTURES.values(),
        *(files.encode(small, name) for name in files.EXTENSIONS),
        files.encode(deep, "PNG"),
        files.encode(deep >> 6, "AVIF", (cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_SPEED, 9)),
        files.flat_jpeg(16, 16, (50, 0, 0, 50), adobe=2),
        files.flat_jpeg(16, 16, frame=0xC2, scans=4),
        files.gif((9, 9), (1, 1, 8, 8), [0, 1, 2, 3] * 16, transparent=1),
        files.bmp(8, 8, 8, runs, compression=1, palette=palette),
        files.bmp(8, 8, 4, runs, compression=2, palette=palette[:64]),
    ]


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """Change, copy, drop or insert bytes in a few places, mostly near the beginning."""
    new = bytearray(data)
    for _ in range(random.integers(1, 6)):
        place = int(random.integers(len(new) if random.random() < 0.5 else min(len(new), 128)))
        length = int(random.integers(1, 16))
        match int(random.integers(5)):
            case 0:
                new[place] ^= 1 << int(random.integers(8))
            case 1:
                new[place] = int(random.choice([0, 1, 127, 128, 255]))
            case 2:
                new[place : place + length] = random.bytes(length)
            case 3:
                del new[place : place + length]
            case _:
                new[place:place] = new[length : 2 * length]
    return bytes(new) or b"\0"


def with_right_checksums(data: bytes) -> bytes:
    """Make each PNG chunk's checksum right, so that libpng reads on."""
    new, position = bytearray(data), 8
    while position + 12 <= len(new):
        (length,) = struct.unpack(">I", new[position : position + 4])
        end = position + 12 + length
        if end <= len(new):
            new[end - 4 : end] = struct.pack(">I", zlib.crc32(new[position + 4 : end - 4]))
        position = end
    return bytes(new)


def main(seed: int, count: int) -> None:
    """Read ``count`` mutated pictures, and print how many gave pixels."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    random, pictures, read = np.random.default_rng(seed), sources(), 0
    for _ in range(count):
        data = mutated(pictures[random.integers(len(pictures))], random)
        if data.startswith(b"\x89PNG") and random.random() < 0.7:
            data = with_right_checksums(data)
        try:
            pixels = read_picture(data, CONTRACT, max_decoded_bytes=64_000_000)
        except PictureError:
            continue
        assert pixels.shape == (32, 32, 3)
        read += 1
    sys.stdout.write(f"{read}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
