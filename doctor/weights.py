"""The backbone's ImageNet weights that training begins with; read without TensorFlow."""

import importlib.util
import struct
from collections.abc import Iterator
from pathlib import Path

from doctor.finding import Finding, ok, wrong
from lookalike.errors import ConfigurationError
from lookalike.settings import Settings
from lookalike.weight_files import kept_weights

# How an HDF5 file begins, which .h5 and .weights.h5 are.
SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD_BYTES = 52
# Where the superblock of a version says how long the file is (HDF5 file format, II.A).
END_ADDRESS = {0: 40, 1: 44, 2: 28, 3: 28}
READABLE = "let the user that trains read it (chmod, chown)"


def weights(settings: Settings) -> Iterator[Finding]:
    """Look for the file that a setting names, or else for what was fetched before."""
    if settings.weights:
        yield _named(Path(settings.weights))
    elif importlib.util.find_spec("tensorflow") is not None:  # else nothing trains here
        yield from _kept(settings)


def _named(file: Path) -> Finding:
    try:
        return _looked_at(file)
    except OSError as error:
        said = f"LOOKALIKE_WEIGHTS: {file} cannot be read: {error.strerror}"
        return wrong("weights", said, READABLE, ConfigurationError)


def _looked_at(file: Path) -> Finding:
    if not file.is_file():
        advice = "put the file there, or unset LOOKALIKE_WEIGHTS to have it fetched"
        said = f"LOOKALIKE_WEIGHTS names no file: {file}"
        return wrong("weights", said, advice, ConfigurationError)
    problem = _damage(file)
    if problem:
        advice = "copy the file anew; it is one of Keras, .h5 or .weights.h5"
        return wrong("weights", f"LOOKALIKE_WEIGHTS: {file} {problem}", advice, ConfigurationError)
    return ok("weights", f"{file}, as LOOKALIKE_WEIGHTS says; training looks at its layers")


def _kept(settings: Settings) -> Iterator[Finding]:
    """Tell of files by where they came from; training holds them against what is known of them."""
    found = kept_weights(Path(settings.cache))
    for file, source in found:
        try:
            problem = _damage(file)
        except OSError as error:
            yield wrong("weights", f"{file} cannot be read: {error.strerror}", READABLE)
            continue
        if problem:
            yield wrong("weights", f"{file} {problem}", "remove it: training fetches it anew")
        else:
            yield ok("weights", f"{file}, {source}")
    if not found:
        yield ok("weights", "none on this machine yet: 'lookalike train' fetches them, once")


def _damage(file: Path) -> str:
    """Say what is wrong with an HDF5 file as a whole; empty where nothing is."""
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head.startswith(SIGNATURE) or len(head) < HEAD_BYTES:
        return "is no HDF5 file"
    place = END_ADDRESS.get(head[len(SIGNATURE)])
    if place is None:
        return ""  # of a later format, whose length nothing here can tell
    (end,) = struct.unpack_from("<Q", head, place)
    size = file.stat().st_size
    return f"is cut off: it has {size} bytes of {end}" if size < end else ""
