"""Synthetic features: as a ReLU layer gives them, clustered as categories are.

500 classes of Zipf size (the n-th is as large as n to the power of -.7); within a class vectors
vary in ten directions of the class's own, and a little in all; the negative half is cut off.
Spread and shift are such that nearly half of the numbers are zero, the local intrinsic
dimension (maximum likelihood over the 100 nearest of a million) is 9.4, and the seed recipe,
IVF100,Flat at nprobe 8, finds .94 to .96 of the ten nearest of a million: the benchmark checks
it.
"""

import numpy as np
import numpy.typing as npt

from lookalike.vectors import Vectors

Classes = npt.NDArray[np.int64]

DIMENSIONS = 128
CLASSES = 500
RANK = 10
SPREAD, NOISE, SHIFT = 1.5, 0.15, 0.2
ZIPF = 0.7
SEED = 20


def features(count: int) -> Vectors:
    """Draw ``float32[count, 128]``, the same ones each time."""
    return classified(count)[0]


def classified(count: int) -> tuple[Vectors, Classes]:
    """Draw the same ``float32[count, 128]``, and the class of each, ``int64[count]``."""
    draw = np.random.default_rng(SEED)
    sizes = np.arange(1, CLASSES + 1) ** -ZIPF
    means = draw.normal(size=(CLASSES, DIMENSIONS)).astype(np.float32) + SHIFT
    scale = np.float32(SPREAD / np.sqrt(RANK))
    directions = draw.normal(size=(CLASSES, RANK, DIMENSIONS)).astype(np.float32) * scale
    classes = draw.choice(CLASSES, size=count, p=sizes / sizes.sum())
    vectors = np.empty((count, DIMENSIONS), np.float32)
    for number in range(CLASSES):
        own = np.flatnonzero(classes == number)
        within = draw.standard_normal((len(own), RANK), np.float32) @ directions[number]
        noise = draw.standard_normal((len(own), DIMENSIONS), np.float32) * np.float32(NOISE)
        vectors[own] = np.maximum(means[number] + within + noise, 0)
    return vectors, classes
