"""Keras, imported quietly: the only place of this room that imports TensorFlow.

Modules that do no deep learning must not import this one; the command line imports it
only once a command runs.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import numpy as np

from lookalike.quiet import import_quietly
from lookalike.storing import FORBIDDEN, FULL

keras = import_quietly("keras")  # and TensorFlow with it
tensorflow = import_quietly("tensorflow")


def versions() -> dict[str, str]:
    """Give the versions of all that the numbers of a training depend on, by name."""
    return {
        "lookalike": metadata.version("lookalike"),
        "numpy": np.__version__,
        "keras": keras.__version__,
        "tensorflow": tensorflow.__version__,
        "backend": _backend(),
    }


def _backend() -> str:
    """Name what Keras computes by, with its version."""
    name: str = keras.backend.backend()
    return f"{name} {metadata.version(name)}"


@contextmanager
def saving() -> Iterator[None]:
    """Let Keras save: its np.array(variable) is deprecated by NumPy 2, in Keras 3.15 still."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning
        )
        yield


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raise OSError where TensorFlow, which has errors of its own, cannot write below a folder."""
    try:
        yield
    except tensorflow.errors.OpError as error:
        for number in FULL | FORBIDDEN:
            if os.strerror(number) in error.message:
                raise OSError(number, os.strerror(number), str(folder)) from error
        raise
