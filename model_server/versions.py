"""Which versions of a model ought to be served, as pure logic over numbers and states.

``manager`` does what the plan says. The rules are those of TensorFlow Serving's
``FileSystemStoragePathSource`` and ``AvailabilityPreservingPolicy``.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from pathlib import Path

from lookalike.errors import ConfigurationError
from model_server.status import Code, Refusal

LARGEST_VERSION = 2**63 - 1


class State(IntEnum):
    """Life of a version; the numbers are those of ``GetModelStatusResponse``."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class VersionStatus:
    """Where a version is in its life, and what ended it where that was an error."""

    state: State
    error: Refusal | None = None

    @property
    def code(self) -> Code:
        """OK unless loading failed."""
        return self.error.code if self.error else Code.OK

    @property
    def message(self) -> str:
        """What went wrong; empty where nothing did."""
        return self.error.message if self.error else ""


@dataclass(frozen=True)
class Policy:
    """Which of the versions on disk to serve.

    Args:
        latest: that many of the newest; None for all.
        specific: only these, where any are named.
    """

    latest: int | None = None
    specific: frozenset[int] = frozenset()

    def select(self, found: Collection[int]) -> set[int]:
        """Pick from the versions that are on disk."""
        if self.specific:
            return set(found) & self.specific
        newest_first = sorted(found, reverse=True)
        return set(newest_first[: self.latest])

    def __str__(self) -> str:
        if self.specific:
            return f"specific:{','.join(map(str, sorted(self.specific)))}"
        return "all" if self.latest is None else f"latest:{self.latest}"


def parse_policy(text: str) -> Policy:
    """Read ``all``, ``latest:N`` or ``specific:1,2``."""
    kind, _, argument = text.partition(":")
    numbers = [int(part) for part in argument.split(",") if _is_version(part)]
    if text == "all":
        return Policy()
    if kind == "latest" and len(numbers) == 1 and numbers[0] > 0 and argument.isdecimal():
        return Policy(latest=numbers[0])
    if kind == "specific" and numbers and len(numbers) == len(argument.split(",")):
        return Policy(specific=frozenset(numbers))
    raise ConfigurationError(f"{text!r} is no policy: say all, latest:N or specific:1,2")


@dataclass(frozen=True)
class Plan:
    """What to do next: load these, oldest first, then let go of those."""

    load: list[int]
    unload: list[int]


def plan(aspired: Collection[int], states: Mapping[int, State]) -> Plan:
    """Say which versions to load and which to unload now.

    A version that is served and no longer aspired stays until one that is aspired has taken
    its place, so that a broken new version takes nothing away. Where none is aspired at all,
    because the folder is empty, everything goes.

    Args:
        aspired: versions that the policy picks.
        states: the state of every version known so far.
    """
    served = {version for version, state in states.items() if state is State.AVAILABLE}
    unwanted = served.difference(aspired)
    may_go = unwanted != served or not aspired
    return Plan(sorted(set(aspired) - served), sorted(unwanted) if may_go else [])


@dataclass(frozen=True)
class Found:
    """A version on disk.

    Args:
        folder: named by its number, with or without leading zeros.
        stamp: the newest modification time, in nanoseconds, of all that is in it, by which a
            version that failed is seen to have changed.
    """

    folder: Path
    stamp: int


def scan(base_path: Path) -> dict[int, Found]:
    """Find the versions under a base path.

    Returns:
        Numeric sub-directories; of two with one number that without leading zeros. Other names
        are ignored, as is a base path that does not exist.
    """
    try:
        paths = sorted(base_path.iterdir())
    except FileNotFoundError:
        return {}
    folders = [path for path in paths if _is_version(path.name) and path.is_dir()]
    return {int(folder.name): Found(folder, _newest(folder)) for folder in folders}


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal() and int(name) <= LARGEST_VERSION


def _newest(folder: Path) -> int:
    """Look at the folders too: files that are copied with their times leave no other trace."""
    paths = [folder, *(Path(at, name) for at, *names in os.walk(folder) for name in chain(*names))]
    return max(map(_modified, paths))


def _modified(path: Path) -> int:
    """Give 0 for what is gone meanwhile, or cannot be looked at."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
