"""Keras, imported quietly: the only place of this room that imports TensorFlow.

Modules that do no deep learning must not import this one; the command line imports it
only once a command runs.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.quiet import import_quietly

keras = import_quietly("keras")  # and TensorFlow with it
tensorflow = import_quietly("tensorflow")


@contextmanager
def saving() -> Iterator[None]:
    """Let Keras save: its np.array(variable) is deprecated by NumPy 2, in Keras 3.15 still."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning
        )
        yield
