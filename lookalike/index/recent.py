"""A cache of what was used lately, in two generations; get and put take no lock.

The younger generation takes what is new and what is used again; when it is full it
becomes the older one, and what nobody used since the last time goes.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Keeps at most twice ``generation`` values; safe to share between threads.

    Args:
        generation: how many a generation holds.
    """

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        """Give a value that is kept, or None."""
        value = self._young.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.put(key, value)
        return value

    def get_all(self, keys: Sequence[Key]) -> list[Value | None]:
        """Give the values of several keys, in their order, None for those that are not kept."""
        young = list(map(self._young.get, keys))
        if None not in young:  # as it is nearly always
            return young
        return [
            self.get(key) if value is None else value
            for key, value in zip(keys, young, strict=True)
        ]

    def put(self, key: Key, value: Value) -> None:
        """Keep a value."""
        if len(self._young) >= self._generation:
            # Between threads a value may be lost here, and is only looked up again.
            self._old, self._young = self._young, {}
        self._young[key] = value
