"""Selections that were made of filters, kept while they are asked for."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from lookalike.index.selection import Selection

# Its bits, those of its parts, and what else a selection comes to hold.
TIMES_ITS_BITS = 2
# A rough size of the objects around.
OBJECT_BYTES = 1000


class SelectionCache:
    """The selections used last, bounded by bytes; safe to share between threads.

    Args:
        most_bytes: that they may take together. One that alone takes more is not kept.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self.bytes = most_bytes, 0
        self._kept: OrderedDict[bytes, Selection] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes, make: Callable[[], Selection]) -> Selection:
        """Give the selection of a key; make it where it is not kept.

        Two threads that ask for a new one at once may both make it.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        self.put(key, made)
        return made

    def put(self, key: bytes, selection: Selection) -> None:
        """Keep a selection, in the place of an older one of its key."""
        with self._lock:
            if key in self._kept:
                self.bytes -= _size(key, self._kept.pop(key))
            self._kept[key] = selection
            self.bytes += _size(key, selection)
            while self.bytes > self._most:
                self.bytes -= _size(*self._kept.popitem(last=False))


def _size(key: bytes, selection: Selection) -> int:
    return len(key) + TIMES_ITS_BITS * selection.bits.nbytes + OBJECT_BYTES
