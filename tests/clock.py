"""A clock that tests turn."""


class Clock:
    """Seconds, as a test sets them in ``now``."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
