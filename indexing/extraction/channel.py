"""A bounded queue between threads that can end, and that can be broken off.

``queue.Queue`` can do neither in Python 3.11: a thread that waits at one would wait for
ever once the thread at its other end has failed.
"""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Stopped(Exception):
    """The work was broken off: another thread failed, or the user interrupted it."""


class Stop:
    """Breaks off all channels that share it, and every pause."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._conditions: list[threading.Condition] = []

    @property
    def requested(self) -> bool:
        """Whether the work is to be broken off."""
        return self._event.is_set()

    def request(self) -> None:
        """Wake everyone who waits."""
        self._event.set()
        for condition in self._conditions:
            with condition:
                condition.notify_all()

    def watch(self, condition: threading.Condition) -> None:
        """Notify ``condition`` when the work is broken off."""
        self._conditions.append(condition)

    def pause(self, seconds: float) -> None:
        """Sleep; raise Stopped where the work is broken off meanwhile."""
        if self._event.wait(seconds):
            raise Stopped


class Channel(Generic[Item]):
    """A queue of at most ``bound`` items.

    Args:
        bound: most items that wait; ``put`` waits beyond it, so memory stays flat.
        stop: ends every ``put`` and ``get`` with Stopped.
        producers: how often ``end`` is called before the channel has ended.
    """

    def __init__(self, bound: int, stop: Stop, producers: int = 1) -> None:
        self._items: deque[Item] = deque()
        self._bound, self._stop, self._producers = bound, stop, producers
        self._changed = threading.Condition()
        stop.watch(self._changed)

    def put(self, item: Item) -> None:
        """Add an item, waiting for room."""
        with self._changed:
            while len(self._items) >= self._bound and not self._stop.requested:
                self._changed.wait()
            self._check()
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        """Say that one producer will put nothing more."""
        with self._changed:
            self._producers -= 1
            self._changed.notify_all()

    def take(self) -> Item | None:
        """Take an item where one waits; None where none does."""
        with self._changed:
            self._check()
            return self._pop() if self._items else None

    def get(self) -> Item | None:
        """Take an item, waiting for one; None where no more will come."""
        with self._changed:
            while not self._items and self._producers and not self._stop.requested:
                self._changed.wait()
            self._check()
            return self._pop() if self._items else None

    def __iter__(self) -> Iterator[Item]:
        while (item := self.get()) is not None:
            yield item

    def _pop(self) -> Item:
        item = self._items.popleft()
        self._changed.notify_all()
        return item

    def _check(self) -> None:
        if self._stop.requested:
            raise Stopped
