"""Which pictures a model learns from and which it is judged by: pure values, and their file."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from lookalike.errors import ConfigurationError

FILE_NAME = "split.json"
FEWEST_CATEGORIES = 2
FEWEST_PICTURES = 2


class Example(msgspec.Struct, frozen=True):
    """One readable, labelled picture: its path below its root, digest and category."""

    path: str
    sha256: str
    label: str


class Skipped(msgspec.Struct, frozen=True):
    """A file or a category that is not used.

    Attributes:
        id: its path below its root.
        reason: why, of this very file.
        kind: the same in words that many share.
    """

    id: str
    reason: str
    kind: str = ""

    @property
    def group(self) -> str:
        """What it is listed under."""
        return self.kind or self.reason


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Training and validation pictures, as kept beside the model in ``split.json``.

    Attributes:
        root: the folder that training paths are relative to.
        validation_root: the same of the validation paths; equal unless there were two folders.
        skipped: what of ``root`` is not used.
        validation_skipped: the same of a validation folder of its own.
    """

    root: str
    validation_root: str
    train: list[Example]
    validation: list[Example]
    skipped: list[Skipped] = []
    validation_skipped: list[Skipped] = []

    @property
    def categories(self) -> list[str]:
        """The training pictures' categories, sorted; their places are the class numbers."""
        return sorted({example.label for example in self.train})

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the sorted (label, SHA-256 of the file) of all pictures."""
        rows = sorted((e.label, e.sha256) for e in [*self.train, *self.validation])
        return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()


def stratified(
    examples: Sequence[Example], validation: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Divide each category by the same share, at least one picture to either side.

    Args:
        examples: at least two of each category.
        validation: share of the validation pictures, between 0 and 1.
        seed: equal seeds and examples give equal splits.

    Returns:
        Training and validation examples, each in the order that they came in.
    """
    generator = np.random.default_rng(seed)
    held_out: set[Example] = set()
    for _, members in sorted(by_label(examples).items()):
        count = min(max(round(len(members) * validation), 1), len(members) - 1)
        held_out.update(members[i] for i in generator.permutation(len(members))[:count])
    return [e for e in examples if e not in held_out], [e for e in examples if e in held_out]


def category_problems(examples: Sequence[Example], folder: Path) -> list[str]:
    """Say what is wrong unless there are two categories or more, of two pictures or more each."""
    found = by_label(examples)
    problems = []
    if len(found) < FEWEST_CATEGORIES:
        there = f"only {next(iter(found))}" if found else "none"
        problems.append(
            f"{folder} needs {FEWEST_CATEGORIES} categories or more, one folder of pictures "
            f"each; it has {there}"
        )
    few = sorted(label for label, members in found.items() if len(members) < FEWEST_PICTURES)
    if few:
        problems.append(
            f"{folder} needs {FEWEST_PICTURES} readable pictures or more in each category; "
            f"too few are in {', '.join(few)}"
        )
    return problems


def validation_problems(train: Sequence[Example], validation: Sequence[Example]) -> list[str]:
    """Say where there is nothing to judge by, or a category is known to one side only."""
    if not validation:
        nothing = "has no readable, labelled picture that is not a training picture too"
        return [f"the validation folder {nothing}"]
    unknown = sorted({e.label for e in validation} - {e.label for e in train})
    if not unknown:
        return []
    return [f"no training pictures have the validation categories {', '.join(unknown)}"]


def write_split(split: Split, path: Path) -> None:
    """Write ``split`` as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(split), indent=1) + b"\n")


def read_split(path: Path) -> Split:
    """Read a split; raise ConfigurationError where it is missing or not a split."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Split)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} does not exist: train a model first") from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} is not a split: {error}") from error


def by_label(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """Gather the examples of each category."""
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        found[example.label].append(example)
    return found
