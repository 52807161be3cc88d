"""Pictures that tests make for themselves."""

from pathlib import Path

import cv2
import numpy as np


def write_pictures(folder: Path, labels: int = 4, each: int = 8, seed: int = 0) -> Path:
    """Write labelled folders of JPEGs and PNGs that differ from one another."""
    draw = np.random.default_rng(seed)
    for label in range(labels):
        (folder / f"label-{label}").mkdir(parents=True, exist_ok=True)
        for number in range(each):
            small = draw.integers(0, 256, (4, 6, 3), dtype=np.uint8)
            picture = cv2.resize(small, (90, 60), interpolation=cv2.INTER_CUBIC)
            suffix = ".png" if number % 2 else ".jpg"
            cv2.imwrite(str(folder / f"label-{label}" / f"{number}{suffix}"), picture)
    return folder
