"""Division of a catalogue into parts that never overlap and together are all of it."""

import hashlib

import msgspec

from lookalike.errors import ConfigurationError


class Part(msgspec.Struct, frozen=True):
    """Part ``number`` (from 0) of ``of``.

    Raises:
        ConfigurationError: there is no such part.
    """

    number: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.of:
            raise ConfigurationError(
                f"there is no part {self.number} of {self.of}: parts are numbered from 0, so the "
                f"last is {self.of - 1}"
            )

    def has(self, picture_id: str) -> bool:
        """Tell whether a picture belongs here; the same on every machine, always.

        Python's own ``hash`` differs from process to process.
        """
        if self.of == 1:
            return True
        digest = hashlib.blake2b(picture_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest) % self.of == self.number

    def __str__(self) -> str:
        return f"part {self.number} of {self.of}"
