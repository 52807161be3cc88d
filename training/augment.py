"""Augmented views of a picture, on the contract's pixels; equal numbers give equal views."""

import cv2
import numpy as np
from numpy.typing import NDArray

from lookalike.picture.contract import Pixels

VERSION = 1  # part of the feature cache's key: raise it whenever a view's pixels change
ROTATION_DEGREES = 30.0
SHIFT = 0.2  # of the side
SHEAR = 0.2  # x moves by this share of y
ZOOM = 0.2  # each axis is scaled by 0.8 to 1.2
FLIP_PROBABILITY = 0.5
WHITE = (255, 255, 255)  # what the picture contract pads with

Matrix = NDArray[np.float64]


def view(pixels: Pixels, sha256: str, number: int) -> Pixels:
    """Give a picture's view of this number; number 0 is the picture itself.

    Args:
        pixels: ``uint8[S, S, 3]``.
        sha256: hexadecimal digest of the picture's file; with ``number`` it is the seed.
        number: which view.
    """
    if number == 0:
        return pixels
    return augmented(pixels, np.random.default_rng((number, int(sha256[:16], 16))))


def augmented(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Rotate, shear, zoom, flip and shift ``uint8[S, S, 3]`` at random; white comes in."""
    side = pixels.shape[0]
    matrix = random_transform(side, generator)
    warped = cv2.warpAffine(
        pixels, matrix[:2], (side, side), flags=cv2.INTER_LINEAR, borderValue=WHITE
    )
    return np.asarray(warped, np.uint8)


def random_transform(side: int, generator: np.random.Generator) -> Matrix:
    """Draw an affine transform ``float64[3, 3]`` of pixel positions, about the centre."""
    angle = np.deg2rad(generator.uniform(-ROTATION_DEGREES, ROTATION_DEGREES))
    shift_x, shift_y = generator.uniform(-SHIFT, SHIFT, 2) * side
    shear = generator.uniform(-SHEAR, SHEAR)
    zoom_x, zoom_y = generator.uniform(1 - ZOOM, 1 + ZOOM, 2)
    flip = -1.0 if generator.random() < FLIP_PROBABILITY else 1.0
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = np.eye(3)
    linear[:2, :2] = rotation @ np.array([[1, shear], [0, 1]]) @ np.diag([zoom_x * flip, zoom_y])
    centre = (side - 1) / 2
    return _shifted(centre + shift_x, centre + shift_y) @ linear @ _shifted(-centre, -centre)


def _shifted(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)
