"""How fast each API key may search: token buckets. Pure, but for a clock.

A bucket holds up to a burst of searches and fills at the key's rate. Each worker has its own,
of its share, so that all workers together keep to what the key may.
"""

import math
import time
from collections.abc import Callable

import msgspec

from lookalike.errors import RateLimited
from lookalike.key_file import Rate


class _Bucket(msgspec.Struct):
    left: float
    at: float


class Rates:
    """The buckets of one worker.

    Args:
        workers: among how many a key's rate is shared.
    """

    def __init__(self, workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._workers, self._clock = workers, clock
        self._buckets: dict[bytes, _Bucket] = {}

    def spend(self, key: bytes, rate: Rate, searches: float) -> None:
        """Count the searches of a request, which come all or none.

        More than a burst of them are begun with a full bucket, and paid for afterwards.

        Raises:
            RateLimited: the key has to wait; nothing was counted.
        """
        share, burst = rate.per_second / self._workers, max(rate.burst / self._workers, 1.0)
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(burst, now))
        bucket.left = min(burst, bucket.left + (now - bucket.at) * share)
        bucket.at = now
        missing = min(searches, burst) - bucket.left
        if missing > 0:
            raise RateLimited(
                f"this key may search {rate.per_second:g} times a second, {rate.burst:g} at once",
                seconds=math.ceil(missing / share),
            )
        bucket.left -= searches
