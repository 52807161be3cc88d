"""Which pictures a model learns from and which it is judged by: pure values, and their file."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from lookalike.errors import ConfigurationError
from training.labelled import fixed_sample

FILE_NAME = "split.json"


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


class Side(NamedTuple):
    """Pictures, and the folder that their paths are relative to."""

    examples: Sequence[Example]
    root: Path

    def placed(self) -> Iterator[tuple[Example, Path]]:
        """Yield each picture with that folder."""
        return ((example, self.root) for example in self.examples)

    def sample(self, most: int) -> "Side":
        """Take no more than so many pictures, a fixed random part where there are more."""
        rows = fixed_sample(len(self.examples), most)
        return Side([self.examples[row] for row in rows], self.root)


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
    def sides(self) -> tuple[Side, Side]:
        """The training pictures and the validation pictures, each with their folder."""
        return Side(self.train, Path(self.root)), Side(self.validation, Path(self.validation_root))

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
    examples: Sequence[Example],
    validation: float,
    seed: int,
    groups: Iterable[Sequence[Example]] = (),
) -> tuple[list[Example], list[Example]]:
    """Divide each category by the same share, and keep every group on one side.

    At least one picture of a category goes to either side, unless a group stands against
    that: then the category is trained on and not judged by.

    Args:
        examples: at least two of each category.
        validation: share of the validation pictures, between 0 and 1.
        seed: equal seeds, examples and groups give equal splits.
        groups: pictures that belong together, of one category or several; no picture is in
            two of them.

    Returns:
        Training and validation examples, each in the order that they came in.
    """
    generator = np.random.default_rng(seed)
    found = by_label(examples)
    division = _Division({label: len(members) for label, members in found.items()}, groups)
    for _, members in sorted(found.items()):
        count = min(max(round(len(members) * validation), 1), len(members) - 1)
        division.hold_out([members[i] for i in generator.permutation(len(members))], count)
    held_out = division.held_out
    return [e for e in examples if e not in held_out], [e for e in examples if e in held_out]


class _Division:
    """Holds pictures out, with the whole group of each, and leaves each category one to train on.

    Args:
        sizes: pictures of each category.
        groups: pictures that belong together.
    """

    def __init__(self, sizes: dict[str, int], groups: Iterable[Sequence[Example]]) -> None:
        self.held_out: set[Example] = set()
        self._left = Counter(sizes)
        self._group = {example: group for group in groups for example in group}

    def hold_out(self, members: Sequence[Example], count: int) -> None:
        """Hold out so many of one category, the first that fit; one at least, if any may be."""
        label = members[0].label
        least = len(members) - count
        for member in members:
            self._try(member, label, least)
        if self._left[label] == len(members):
            for member in sorted(members, key=lambda one: len(self._together(one))):
                if self._try(member, label, 1):
                    break

    def _try(self, member: Example, label: str, least: int) -> bool:
        """Hold a picture's group out, if ``least`` of its label stay, and one of any other."""
        if member in self.held_out:
            return False
        together = self._together(member)
        taken = Counter(example.label for example in together)
        if any(
            self._left[name] - number < (least if name == label else 1)
            for name, number in taken.items()
        ):
            return False
        self._left.subtract(taken)
        self.held_out.update(together)
        return True

    def _together(self, member: Example) -> Sequence[Example]:
        return self._group.get(member, [member])


def class_numbers(examples: Sequence[Example], categories: Sequence[str]) -> NDArray[np.int64]:
    """Give each example's category by its place: ``int64[n]``."""
    place = {name: number for number, name in enumerate(categories)}
    return np.array([place[example.label] for example in examples], np.int64)


def write_split(split: Split, path: Path) -> None:
    """Write ``split`` as JSON."""
    path.write_bytes(encode_split(split))


def encode_split(split: Split) -> bytes:
    """Give the JSON that :func:`read_split` reads."""
    return msgspec.json.format(msgspec.json.encode(split), indent=1) + b"\n"


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
