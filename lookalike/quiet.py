"""TensorFlow, and what imports it, imported without its start-up noise on standard error."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from lookalike.progress import working

# TensorFlow 2.21 writes these before its own log level is in force.
_NOISE = (
    "All log messages before absl::InitializeLog",
    "Could not find cuda drivers",
    "oneDNN custom operations are on",
)
# Keras imports these where they are installed, for parts of it that nobody here uses: a third of
# the time that TensorFlow takes to load.
_NEEDLESS = ("matplotlib", "sklearn")


def import_quietly(module: str) -> Any:
    """Import a module that brings TensorFlow along, which takes seconds; leave out its noise."""
    # Level 3: a missing GPU is logged as an error, and is none here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "tensorflow" in sys.modules:
        return import_module(module)
    with working("loading TensorFlow"), _native_noise_dropped(), _needless_left_out():
        return import_module(module)


@contextmanager
def _needless_left_out() -> Iterator[None]:
    """Have what Keras can do without pass for not installed."""
    left_out = [name for name in _NEEDLESS if name not in sys.modules]
    blocked: dict[str, Any] = dict.fromkeys(left_out)
    sys.modules.update(blocked)
    try:
        yield
    finally:
        for name in left_out:
            del sys.modules[name]


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
