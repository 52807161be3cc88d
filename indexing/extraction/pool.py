"""The pool of reading processes, seen from the job: a thread for each, that outlives it."""

import threading
from collections import deque
from collections.abc import Sequence

import msgspec

from indexing.extraction.blocks import PixelBlocks
from indexing.extraction.channel import Channel, Stop, Stopped
from indexing.extraction.child import Child, Died
from indexing.extraction.listing import ToRead
from indexing.extraction.messages import Found, Reply, Request, Wanted
from indexing.extraction.reader import Work
from lookalike.errors import ConfigurationError

CRASHED = "reader-crashed"
# One that is being read and one that waits in the pipe, so that a process never waits for
# the job's threads, which share one interpreter lock.
AHEAD = 2


class Filled(msgspec.Struct):
    """A block with what was found for its pictures; the ones with pixels lie in its slots."""

    block: int
    pictures: Sequence[ToRead]
    found: Sequence[Found]
    seconds: float


class Filling(msgspec.Struct):
    """Pictures that are to be read into a block."""

    block: int
    pictures: Sequence[ToRead]

    def request(self) -> Request:
        """Say it to a reading process."""
        return Request(self.block, 0, [_wanted(picture) for picture in self.pictures])


class Reader:
    """One reading process at a time, from the first picture on; where it dies, the next one.

    Args:
        blocks: the shared memory.
        work: how pictures are read.
        stop: breaks everything off.
        stuck_seconds: longest that a batch may take.
    """

    def __init__(self, blocks: PixelBlocks, work: Work, stop: Stop, stuck_seconds: float) -> None:
        self._blocks, self._work, self._stop, self._stuck = blocks, work, stop, stuck_seconds
        # Stopping must not overlook a process that is just being started.
        self._lock = threading.Lock()
        self._child: Child | None = None

    def run(self, fillings: Channel[Filling], filled: Channel[Filled]) -> None:
        """Read until there is nothing more to read; each picture is answered for."""
        waiting: deque[Filling] = deque()
        while True:
            # Wait for work only when nothing is under way: were it otherwise, what was read
            # would lie here, with its block, and all blocks might come to lie so.
            filling = fillings.take() if waiting else fillings.get()
            if filling is not None:
                waiting.append(filling)
                self._process().ask(filling.request())
                if len(waiting) < AHEAD:
                    continue
            if not waiting:
                break
            filled.put(self._next(waiting))
        filled.end()
        if self._child is not None:
            self._child.close()

    def terminate(self) -> None:
        """End the process at once; the thread that waits for it finds out."""
        with self._lock:
            if self._child is not None:
                self._child.kill()

    def _next(self, waiting: deque[Filling]) -> Filled:
        """Take the oldest filling's reply; where the process died, find out over which picture."""
        filling = waiting.popleft()
        try:
            reply = self._reply()
        except Died:
            reply = self._one_by_one(filling)
            for later in waiting:  # they went down with the process, unread
                self._process().ask(later.request())
        return Filled(filling.block, filling.pictures, reply.found, reply.seconds)

    def _one_by_one(self, filling: Filling) -> Reply:
        """Read each picture alone; one that ends the process again is given up."""
        found: list[Found] = []
        seconds, first = 0.0, 0
        for picture in filling.pictures:
            self._process().ask(Request(filling.block, first, [_wanted(picture)]))
            try:
                reply = self._reply()
            except Died as error:
                stamp = picture.stamp
                item = Found(kind="rejected", stamp=stamp, type=CRASHED, detail=str(error))
                reply = Reply([item], 0.0)
            found += reply.found
            seconds += reply.seconds
            first += reply.found[0].kind == "pixels"
        return Reply(found, seconds)

    def _reply(self) -> Reply:
        """Wait for a reply; a process that gives none is put out of the way."""
        child = self._process()
        try:
            return child.reply(self._stuck)
        except Died as error:
            if self._stop.requested:
                raise Stopped from error
            with self._lock:
                child.close()
                self._child = None
            raise

    def _process(self) -> Child:
        """Give the process, started where there is none."""
        if self._child is None:
            with self._lock:
                if self._stop.requested:
                    raise Stopped
                self._child = Child(self._blocks, self._work)
            self._await_start(self._child)
        return self._child

    def _await_start(self, child: Child) -> None:
        try:
            child.await_start()
        except ConfigurationError:
            if self._stop.requested:
                raise Stopped from None
            raise


def _wanted(picture: ToRead) -> Wanted:
    return Wanted(picture.uri, picture.stamp, picture.recorded)
