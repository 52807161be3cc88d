"""The stages of an extraction joined, each in threads of its own, all overlapped.

    catalogue ─ feed ─► reading processes ─► send: requests in flight ─► write: a transaction
                  │                                                        ▲    a batch
                  └───────────── what needs no reading ────────────────────┘

Items only move forward and every queue between two stages is bounded, so that a slow
stage slows those before it and memory stays flat. One thing comes back: an empty block,
for which the feeder waits. Nobody who holds a block ever waits for the feeder, so that it
always comes.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from indexing.extraction.blocks import PixelBlocks
from indexing.extraction.channel import Channel, Stop, Stopped
from indexing.extraction.embedding import Embedded, Embedding
from indexing.extraction.features import Known
from indexing.extraction.feeder import Feeder, Settled
from indexing.extraction.ledger import Ledger
from indexing.extraction.limits import Limits
from indexing.extraction.pool import AHEAD, Filled, Filling, Reader
from indexing.extraction.reader import Work
from indexing.extraction.sender import Sender
from indexing.extraction.settings import ExtractionSettings
from lookalike.catalogue import Picture
from lookalike.index import ModelReference
from lookalike.serving.base import Embedder

# A block that is being passed on, on either side of the reading processes.
SPARE_BLOCKS = 2


class Pipeline:
    """All stages but the last, which is the loop over ``batches``.

    Args:
        model: the model's picture contract and dimensions.
        ledger: of the part.
        known: digests that have a vector.
        embedder: the client of the model server.
        settings: sizes and limits.
    """

    def __init__(
        self,
        model: ModelReference,
        ledger: Ledger,
        known: Known,
        embedder: Embedder,
        settings: ExtractionSettings,
    ) -> None:
        self._settings, self._stop = settings, Stop()
        count = settings.processes * AHEAD + settings.in_flight + SPARE_BLOCKS
        self._blocks = PixelBlocks.create(count, settings.batch, model.picture.size)
        self._work = Work(
            model.picture, settings.max_file_bytes, settings.max_decoded_bytes, known.digests
        )
        limits = Limits(settings.batch, settings.in_flight)
        self.sender = Sender(embedder, limits, settings.patience_seconds, self._stop)
        self._embedding = Embedding(self._blocks, known, ledger, self.sender, model.dimensions)
        self._feeder = Feeder(ledger, settings.batch, retry=settings.retry_quarantined)

    @contextmanager
    def batches(self, catalogue: Iterable[Picture]) -> "Iterator[Iterator[Embedded | Settled]]":
        """Run the stages for as long as the context is open, and give what is to be written.

        Raises:
            LookalikeError: a stage failed, and with it all the others.
        """
        size, stop = self._settings, self._stop
        free: Channel[int] = Channel(self._blocks.count, stop)
        fillings: Channel[Filling] = Channel(size.processes, stop)
        filled: Channel[Filled] = Channel(self._blocks.count, stop, size.processes)
        written: Channel[Embedded | Settled] = Channel(2 * size.in_flight, stop, size.in_flight + 1)
        for block in range(self._blocks.count):
            free.put(block)
        readers = [
            Reader(self._blocks, self._work, stop, size.stuck_seconds)
            for _ in range(size.processes)
        ]
        threads = ThreadPoolExecutor(1 + size.processes + size.in_flight, "extraction")

        def feed() -> None:
            self._feeder.feed(catalogue, free, fillings, written.put)
            fillings.end()
            written.end()

        def send() -> None:
            self._embedding.run(filled, free, written.put)
            written.end()

        work = [feed, *(lambda r=r: r.run(fillings, filled) for r in readers)]
        work += [send] * size.in_flight
        stages = [threads.submit(stage) for stage in work]
        for stage in stages:
            stage.add_done_callback(self._stop_if_failed)
        try:
            yield self._until_ended(written, stages)
        finally:
            stop.request()
            for reader in readers:
                reader.terminate()
            threads.shutdown()
            self._blocks.close()

    def _until_ended(
        self,
        written: "Channel[Embedded | Settled]",
        stages: "list[Future[None]]",
    ) -> "Iterator[Embedded | Settled]":
        try:
            yield from written
        except Stopped:
            for stage in stages:
                error = stage.exception()
                if error is not None and not isinstance(error, Stopped):
                    raise error from None
            raise
        for stage in stages:
            stage.result()

    def _stop_if_failed(self, stage: "Future[None]") -> None:
        if stage.exception() is not None:
            self._stop.request()
