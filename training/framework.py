"""Keras, imported quietly: the only place of this room that imports TensorFlow.

Modules that do no deep learning must not import this one; the command line imports it
only once a command runs.
"""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

# TensorFlow 2.21 writes these before its own log level is in force.
_NOISE = ("All log messages before absl::InitializeLog", "Could not find cuda drivers")


@contextmanager
def _native_noise_dropped() -> Iterator[None]:
    """Hold back what native code writes to standard error, then pass on all but the noise."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile(mode="w+b") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            lines = held.read().decode(errors="replace").splitlines()
            sys.stderr.writelines(
                f"{line}\n" for line in lines if not any(noise in line for noise in _NOISE)
            )


@contextmanager
def saving() -> Iterator[None]:
    """Let Keras save: its np.array(variable) is deprecated by NumPy 2, in Keras 3.15 still."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning
        )
        yield


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors of missing GPUs are no errors here
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with _native_noise_dropped():
    tensorflow = import_module("tensorflow")
    keras = import_module("keras")
