"""A case: what is sent, and what may be answered to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from lookalike.errors import (
    BadDimensions,
    CorruptPicture,
    EmptyPicture,
    LookalikeError,
    NoFeatures,
    NotAPicture,
    PictureTooLarge,
    TruncatedPicture,
    UnsupportedFormat,
)
from torture.target import Target

BYTES = "application/octet-stream"


class Outcome(NamedTuple):
    """A status, and the last part of the problem's type (None: there is no problem)."""

    status: int
    problem: str | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.problem}" if self.problem else str(self.status)


Expected = frozenset[Outcome]


def refused(*kinds: type[LookalikeError]) -> Expected:
    """Expect one of these errors."""
    return frozenset(Outcome(kind.status, kind.type) for kind in kinds)


# The model may see nothing in a picture of one colour.
READ: Expected = frozenset({Outcome(200)}) | refused(NoFeatures)
DAMAGED = refused(TruncatedPicture, CorruptPicture)
ANYTHING = READ | refused(
    *(BadDimensions, CorruptPicture, EmptyPicture, NotAPicture, PictureTooLarge),
    *(TruncatedPicture, UnsupportedFormat),
)


@dataclass(frozen=True, slots=True)
class PictureCase:
    """A file that is searched with.

    Attributes:
        name: its kind, a slash, and what it is; never changes.
        why: what is hostile about it.
        expected: the outcomes that are right, under default settings.
        make: writes the file.
    """

    name: str
    why: str
    expected: Expected
    make: Callable[[], bytes]

    suffix = ".bin"
    hangs_up = False

    def message(self, target: Target) -> bytes:
        """Write the request that sends the file."""
        return target.request("POST", target.search, BYTES, self.make())


@dataclass(frozen=True, slots=True)
class RequestCase:
    """A request that is hostile itself.

    Attributes:
        name, why, expected: as of a PictureCase.
        write: writes all of the request.
        hangs_up: nothing more is sent after it: the sending side of the connection is closed.
    """

    name: str
    why: str
    expected: Expected
    write: Callable[[Target], bytes]
    hangs_up: bool = False

    suffix = ".http"

    def message(self, target: Target) -> bytes:
        """Write the request."""
        return self.write(target)

    def make(self) -> bytes:
        """Write the request as to a service on this machine."""
        return self.write(Target("http://127.0.0.1:8080"))


Case = PictureCase | RequestCase


def fixed(name: str, why: str, expected: Expected, data: bytes) -> PictureCase:
    """Make a case of a file that costs little to write."""
    return PictureCase(name, why, expected, lambda: data)


def kind_of(case: Case) -> str:
    """Give the part of a case's name before the slash."""
    return case.name.partition("/")[0]
