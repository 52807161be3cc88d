"""How much to ask of a model server: pure arithmetic on what it answers.

A full queue halves the requests in flight, then the pictures in each; answers in a row
bring both back, one step at a time, as far as the settings and what was learned allow.
"""

# Answers in a row, for each request in flight, before one more is tried.
STEADY = 8


class Limits:
    """The most pictures in a request and the most requests in flight, for now.

    Args:
        batch: most pictures in a request, ever.
        depth: most requests in flight, ever.
    """

    def __init__(self, batch: int, depth: int) -> None:
        self._most_batch, self._most_depth = batch, depth
        self.batch, self.depth = batch, depth
        self._row = 0

    def accepted(self) -> None:
        """Count an answer."""
        self._row += 1
        if self._row < STEADY * self.depth:
            return
        self._row = 0
        if self.batch < self._most_batch:
            self.batch = min(2 * self.batch, self._most_batch)
        elif self.depth < self._most_depth:
            self.depth += 1

    def busy(self) -> None:
        """Ask for less: the queue is full, or the answer took too long."""
        self._row = 0
        if self.depth > 1:
            self.depth //= 2
        else:
            self.batch = max(1, self.batch // 2)

    def too_large(self, pictures: int, most: int | None) -> None:
        """Never again send as many pictures as the ``pictures`` of a refused request.

        Args:
            pictures: how many it had.
            most: what the server says that it takes, where it does.
        """
        self._row = 0
        known = most if most is not None and 1 <= most < pictures else pictures // 2
        self._most_batch = max(1, min(self._most_batch, known))
        self.batch = min(self.batch, self._most_batch)
