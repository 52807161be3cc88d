"""What every kind of catalogue can do."""

from collections.abc import Iterator
from typing import Protocol

from lookalike.catalogue.picture import Picture


class Catalogue(Protocol):
    """Pictures, streamed at each iteration: ten million of them never live in memory."""

    @property
    def distinct(self) -> bool:
        """Whether no two pictures can have one id, by how the source is made."""

    def __iter__(self) -> Iterator[Picture]: ...
