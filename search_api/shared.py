"""Work that many ask for and one does: each gets what was begun after it asked."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Shared(Generic[Made]):
    """Makes something for all who wait for it together, and not again for a while.

    Args:
        make: makes it.
        seconds: from one beginning to the next, at least.
    """

    def __init__(self, make: Callable[[], Made], seconds: float) -> None:
        self._make, self._seconds = make, seconds
        self._begun = -seconds
        self._made: Made
        self._lock = threading.Lock()

    def get(self) -> Made:
        """Give what was made since this was called; waits for the while, where it must."""
        asked = time.monotonic()
        with self._lock:
            if self._begun < asked:
                time.sleep(max(0.0, self._begun + self._seconds - asked))
                self._begun = time.monotonic()
                self._made = self._make()
            return self._made
