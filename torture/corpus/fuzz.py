"""Intact files with random damage."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from torture.case import ANYTHING, PictureCase
from torture.files import with_right_checksums
from torture.files.png import SIGNATURE
from torture.files.samples import samples, small_samples
from torture.mutation import mutated

FUZZ = 100
_RIGHT_CHECKSUMS = 0.7  # of the PNGs: of the others, libpng reads little


def fuzz(seed: int, count: int) -> Iterator[PictureCase]:
    """Give damaged files, of which anything may come but a failure of the service."""
    for number in range(count):
        yield PictureCase(
            f"fuzz/{seed}-{number:04}",
            "an intact picture with bytes changed, dropped and doubled",
            ANYTHING,
            partial(_damaged, seed, number),
        )


def _damaged(seed: int, number: int) -> bytes:
    random = np.random.default_rng((seed, number))
    intact = [*samples().values(), *small_samples()]
    data = mutated(intact[random.integers(len(intact))], random)
    if data.startswith(SIGNATURE) and random.random() < _RIGHT_CHECKSUMS:
        return with_right_checksums(data)
    return data
