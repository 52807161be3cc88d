"""Reads mutated pictures until a count is reached; a crash ends the process, which is the test.

Run by test_mutations.py in a process of its own with little memory:
``python -m tests.picture.mutate SEED COUNT``.
"""

import resource
import sys

import numpy as np

from lookalike.errors import PictureError
from lookalike.picture import PictureContract, read_picture
from torture.files import with_right_checksums
from torture.files.samples import samples, small_samples
from torture.mutation import mutated

MEMORY = 2 << 30
CONTRACT = PictureContract(size=32)


def main(seed: int, count: int) -> None:
    """Read ``count`` mutated pictures, and print how many gave pixels."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    random, pictures, read = np.random.default_rng(seed), [*samples().values(), *small_samples()], 0
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
