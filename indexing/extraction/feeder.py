"""The first stage: the catalogue, looked up in the ledger, cut into batches to read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from indexing.extraction.channel import Channel
from indexing.extraction.ledger import Ledger
from indexing.extraction.listing import Listed, Outcome, ToRead
from indexing.extraction.pool import Filling
from lookalike.catalogue import Picture

# Rows looked up at once: the first stretch is short, so that reading begins at once.
FIRST_STRETCH, LONGEST_STRETCH = 64, 1024


class Settled(msgspec.Struct, frozen=True):
    """Outcomes of pictures that need no reading, given now or before the run was broken off."""

    outcomes: Counter[Outcome]

    @classmethod
    def of(cls, listed: Listed) -> "Settled":
        """Count what the ledger settled."""
        outcomes: Counter[Outcome] = Counter(
            {"unchanged": listed.unchanged, "quarantined": listed.kept}
        )
        return cls(outcomes + listed.done)


class Feeder:
    """Feeds a part of a catalogue to the reading processes.

    Args:
        ledger: of the part.
        batch: most pictures in a block.
        retry: read quarantined pictures again.
    """

    def __init__(self, ledger: Ledger, batch: int, *, retry: bool) -> None:
        self._ledger, self._batch, self._retry = ledger, batch, retry

    def feed(
        self,
        catalogue: Iterable[Picture],
        free: Channel[int],
        fillings: Channel[Filling],
        put: Callable[[Settled], None],
    ) -> None:
        """Look everything up; what must be read goes on with a block to read it into.

        Raises:
            DataError: an id is in the catalogue twice, or it cannot be listed.
        """
        waiting: list[ToRead] = []
        for stretch in _stretches(picture for picture in catalogue if self._is_ours(picture)):
            listed = self._ledger.look_up(stretch, retry=self._retry)
            put(Settled.of(listed))
            waiting += listed.to_read
            full = len(waiting) // self._batch * self._batch
            self._pass_on(waiting[:full], free, fillings)
            waiting = waiting[full:]
        self._pass_on(waiting, free, fillings)

    def _is_ours(self, picture: Picture) -> bool:
        return self._ledger.part.has(picture.id)

    def _pass_on(
        self, pictures: Sequence[ToRead], free: Channel[int], fillings: Channel[Filling]
    ) -> None:
        for start in range(0, len(pictures), self._batch):
            block = free.get()
            assert block is not None  # noqa: S101  # blocks never end, they only come back
            fillings.put(Filling(block, pictures[start : start + self._batch]))


def _stretches(pictures: Iterator[Picture]) -> Iterator[list[Picture]]:
    """Cut a stream into lists, each twice as long as the one before, up to the longest."""
    length, stretch = FIRST_STRETCH, []
    for picture in pictures:
        stretch.append(picture)
        if len(stretch) == length:
            yield stretch
            length, stretch = min(2 * length, LONGEST_STRETCH), []
    if stretch:
        yield stretch
