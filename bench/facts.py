"""What is counted rather than timed in rounds: recall, bytes, a percentile."""

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Something counted rather than timed."""

    name: str
    value: float
    unit: str
