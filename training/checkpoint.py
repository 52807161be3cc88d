"""The state of an unfinished training on disk, so that a killed run goes on where it was.

It keeps names, numbers and arrays, whatever they mean; it knows no model and no TensorFlow.
"""

import hashlib
import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.progress import Say
from lookalike.store.files import replace_file

SAVE_SECONDS = 10.0  # at most this much work, and the epoch at work, is lost by a kill
FAMILY = b"lookalike checkpoint "
HEADER = FAMILY + b"1\n"
DIGEST_BYTES = hashlib.sha256().digest_size
FACTS = "facts"
KEY_LENGTH = 16

Array = NDArray[Any]


class Saved(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        facts: what JSON can tell, floats and integers of any length exactly.
        arrays: rows of them, by name.
    """

    facts: dict[str, Any]
    arrays: dict[str, list[Array]]


class Checkpoint:
    """One file that holds the latest state of one stage of training, whole or not at all.

    Args:
        path: of the file.
        made_by: versions of all that the numbers depend on; a state of others is not taken.
        say: is told of a state that is not taken, and of one that is.
    """

    def __init__(self, path: Path, made_by: Mapping[str, str], say: Say) -> None:
        self.path, self._made_by, self.say = path, dict(made_by), say
        self._written, self._told = time.monotonic(), False

    @property
    def is_due(self) -> bool:
        """Whether so much time has gone since the last state that another is worth writing."""
        return time.monotonic() - self._written >= SAVE_SECONDS

    def write(self, saved: Saved) -> None:
        """Put a state in place of the former one; that it cannot be written ends no training."""
        body = _packed(Saved({"made_by": self._made_by, "facts": saved.facts}, saved.arrays))
        self._written = time.monotonic()
        try:
            replace_file(self.path, HEADER + hashlib.sha256(body).digest() + body)
        except OSError as error:
            if not self._told:
                self.say(f"no checkpoint can be written ({error}): a kill would lose this stage")
            self._told = True

    def read(self) -> Saved | None:
        """Give the state; None where there is none, or none that can be gone on from."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return self._opened(data)
        except ValueError as error:
            self.ignore(str(error))
            return None

    def ignore(self, why: str) -> None:
        """Tell that the state is not gone on from."""
        self.say(f"the checkpoint {self.path} {why}: this part of training begins anew")

    def _opened(self, data: bytes) -> Saved:
        if not data.startswith(HEADER):
            another = data.startswith(FAMILY)
            raise ValueError("is of another version" if another else "is damaged")
        digest, body = data[len(HEADER) :][:DIGEST_BYTES], data[len(HEADER) + DIGEST_BYTES :]
        if hashlib.sha256(body).digest() != digest:
            raise ValueError("is damaged")
        facts, arrays = _unpacked(body)
        if facts["made_by"] != self._made_by:
            raise ValueError("is of another version")
        return Saved(facts["facts"], arrays)


class Checkpoints:
    """The checkpoints of one training run, one a stage.

    Args:
        folder: where those of all runs are.
        run: a digest of what the run is asked to do; equal runs have equal checkpoints.
        made_by: see :class:`Checkpoint`.
        say: likewise.
    """

    def __init__(self, folder: Path, run: str, made_by: Mapping[str, str], say: Say) -> None:
        self._folder, self._run = folder, run[:KEY_LENGTH]
        self._made_by, self._say = made_by, say

    def of(self, stage: str, *given: bytes | Array) -> Checkpoint:
        """Give a stage's checkpoint.

        Args:
            stage: its name.
            given: all that the stage begins with; with other numbers it has another checkpoint.
        """
        digest = hashlib.sha256()
        for part in given:
            data = part if isinstance(part, bytes) else np.ascontiguousarray(part).data
            digest.update(hashlib.sha256(data).digest())
        name = f"{self._run}-{stage}-{digest.hexdigest()[:KEY_LENGTH]}"
        return Checkpoint(self._folder / name, self._made_by, self._say)

    def remove(self) -> None:
        """Remove them all: the run has made what it was to make."""
        for path in self._folder.glob(f"{self._run}-*"):
            path.unlink(missing_ok=True)


def _packed(saved: Saved) -> bytes:
    """Make a NumPy archive: the facts as bytes of JSON, and each row's arrays in their order."""
    named: dict[str, Any] = {FACTS: np.frombuffer(json.dumps(saved.facts).encode(), np.uint8)}
    for name, row in saved.arrays.items():
        named |= {f"{name}/{n}": array for n, array in enumerate(row)}
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def _unpacked(body: bytes) -> Saved:
    arrays: dict[str, list[Array]] = {}
    with np.load(io.BytesIO(body), allow_pickle=False) as stored:
        for name in stored.files:
            arrays.setdefault(name.partition("/")[0], []).append(stored[name])
    [facts] = arrays.pop(FACTS)
    return Saved(json.loads(facts.tobytes()), arrays)
