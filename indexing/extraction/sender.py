"""From pixels to vectors through a model server that may be full, away, or picky."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import numpy as np

from indexing.extraction.channel import Stop, Stopped
from indexing.extraction.limits import Limits
from lookalike.errors import (
    BatchTooLarge,
    ModelServerBusy,
    ModelServerError,
    ModelServerRejected,
)
from lookalike.picture.contract import Pixels
from lookalike.serving.base import Embedder
from lookalike.vectors import Vectors

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Answer(msgspec.Struct):
    """What the model server gave for a batch.

    Attributes:
        vectors: ``float32[n, d]`` for the rows that it took, in order.
        refused: the other rows, each with its reason.
    """

    vectors: list[Vectors] = msgspec.field(default_factory=list)
    refused: dict[int, str] = msgspec.field(default_factory=dict)


class Sender:
    """Sends batches; shared by as many threads as there may be requests in flight.

    Args:
        embedder: the client of the model server.
        limits: how much to send at once; adapted here.
        patience_seconds: longest time without any answer, for any of the threads.
        stop: ends every wait.
        clock: gives seconds.
    """

    def __init__(
        self,
        embedder: Embedder,
        limits: Limits,
        patience_seconds: float,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._embedder, self._limits, self._patience = embedder, limits, patience_seconds
        self._stop, self._clock = stop, clock
        self._turn = threading.Condition()
        stop.watch(self._turn)
        self._sending = 0
        self._since = 0.0
        self._answered: float | None = None
        self._busy = 0.0

    @property
    def busy_seconds(self) -> float:
        """Seconds for which a request was under way, until now."""
        with self._turn:
            return self._busy + (self._clock() - self._since if self._sending else 0.0)

    def embed(self, pixels: Pixels) -> Answer:
        """Embed ``uint8[n, S, S, 3]``, in as many requests as it takes.

        Raises:
            ModelServerError: no vectors within the patience, or the server refuses
                everything that it is sent.
        """
        answer = Answer()
        reason = self._embed(pixels, 0, answer)
        if reason is not None and self._answered is None:
            raise reason  # nothing of any batch was ever taken: it is not the pictures
        return answer

    def _embed(self, pixels: Pixels, first: int, answer: Answer) -> ModelServerRejected | None:
        """Embed some rows of a batch, of which ``first`` is the first; give the last refusal."""
        reason: ModelServerRejected | None = None
        start = 0
        while start < len(pixels):
            piece = pixels[start : start + self._limits.batch]
            try:
                answer.vectors.append(self._patiently(piece))
            except ModelServerRejected as error:
                reason = self._refused(piece, first + start, answer, error) or reason
            start += len(piece)
        return reason

    def _refused(
        self, piece: Pixels, first: int, answer: Answer, error: ModelServerRejected
    ) -> ModelServerRejected | None:
        """Send a refused piece in smaller ones, down to the picture that is at fault."""
        if isinstance(error, BatchTooLarge):
            if len(piece) == 1:
                raise error  # nothing smaller can be sent
            with self._turn:
                self._limits.too_large(len(piece), error.most)
            return self._embed(piece, first, answer)
        if len(piece) == 1:
            answer.refused[first] = str(error)
            return error
        half = len(piece) // 2
        left = self._embed(piece[:half], first, answer)
        right = self._embed(piece[half:], first + half, answer)
        return right or left

    def _patiently(self, piece: Pixels) -> Vectors:
        """Send until there is an answer, pausing longer each time."""
        pause = FIRST_PAUSE
        failing: float | None = None
        while True:
            try:
                with self._a_turn():
                    vectors = self._embedder.embed(piece)
                self._note_answer()
            except ModelServerRejected:
                raise
            except ModelServerError as error:
                failing = self._clock() if failing is None else failing
                self._give_up_or_wait(error, failing, pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return vectors

    def _note_answer(self) -> None:
        with self._turn:
            self._answered = self._clock()
            self._limits.accepted()

    def _give_up_or_wait(self, error: ModelServerError, failing: float, pause: float) -> None:
        with self._turn:
            if isinstance(error, ModelServerBusy):
                self._limits.busy()
            # A server that answers other threads is there, only busy.
            last = failing if self._answered is None else max(failing, self._answered)
        if self._clock() - last >= self._patience:
            raise type(error)(
                f"{error}; no vectors for {self._patience:g} seconds. What was embedded is kept: "
                "once the server answers, run the same command again"
            ) from error
        self._stop.pause(pause)

    @contextmanager
    def _a_turn(self) -> Iterator[None]:
        """Wait until fewer requests are under way than may be; count the time that some are."""
        with self._turn:
            while self._sending >= self._limits.depth and not self._stop.requested:
                self._turn.wait()
            if self._stop.requested:
                raise Stopped
            if not self._sending:
                self._since = self._clock()
            self._sending += 1
        try:
            yield
        finally:
            with self._turn:
                self._sending -= 1
                if not self._sending:
                    self._busy += self._clock() - self._since
                self._turn.notify_all()


def stacked(answer: Answer, dimensions: int) -> Vectors:
    """Lay the vectors of an answer in one array, ``float32[n, dimensions]``."""
    return np.concatenate([np.empty((0, dimensions), np.float32), *answer.vectors])
