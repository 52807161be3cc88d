"""Which requests are begun: as many at once as are answered in good time.

More at once than the model server and the cores can work on answer nobody sooner; they only
wait for each other. How many that is depends on the model and the machine, so it is found.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gevent.event import Event

from lookalike.errors import TooBusy

BUSY = "more is asked than can be answered in good time; try again in a moment"
# Work may take so many times what it takes alone, and so many seconds more.
TOLERANCE = 1.5
TOLERATED_SECONDS = 0.02
SHRINK = 0.1
# Of a moving average, for each new value.
WEIGHT = 0.1
# What work takes alone is measured anew after so long: the model server may be another.
ALONE_SECONDS = 60.0
MEASUREMENTS = 4
# So many times what work takes alone its wait and itself may take.
TWICE = 2
# Once nobody was turned away for so long, what comes is a few at once and no flood: in a flood
# places would always be waited for, and everybody would be answered late.
CALM_SECONDS = 1.0

Clock = Callable[[], float]


class Admission:
    """Admits work of one kind, which takes about equally long each time.

    The limit grows while it is reached and work takes about as long as it does alone, and
    shrinks as it takes longer, as congestion control does (TCP Vegas, Brakmo and Peterson 1995).

    Args:
        least: how many may always be at work.
        most: how many at most.
        first: how many may be, as long as nothing is known; by default the least.

    Attributes:
        at_work: how many are now.
        limit: how many may be now.
        shed: how many were turned away, ever.
    """

    def __init__(
        self, least: int, most: int, clock: Clock = time.monotonic, *, first: int | None = None
    ) -> None:
        self._least, self._most, self._clock = least, most, clock
        self.limit = float(least if first is None else first)
        self._starting = True  # the limit grows fast, until it is found for the first time
        self.at_work = self.shed = 0
        self._usual: float | None = None
        self._alone = float("inf")
        self._measured, self._turned_away = clock(), float("-inf")
        # Those of a batch wait by themselves, so that they take nobody else's seat.
        self._waiting, self._patient = deque[Event](), deque[Event]()
        self._patients = 0  # at work or waiting
        self._patient_went = True  # who got the last place that was waited for
        # While it is measured anew: pieces of work yet to come, and the limit to go back to.
        self._measuring, self._kept = 0, self.limit

    @contextmanager
    def admitted(self, seconds: float = 0.0, *, patient: bool = False) -> Iterator[None]:
        """Keep a place while a request has its work done; :meth:`took` says how long that took.

        Args:
            seconds: that the request may wait for a place.
            patient: it is one of several that were let in together, and waits behind any number
                of such; while others wait too, these and those get every other place.

        Raises:
            TooBusy: too much is at work already; nothing was begun.
        """
        self._patients += patient
        try:
            self._enter(seconds, patient)
            try:
                yield
            finally:
                self._leave()
        finally:
            self._patients -= patient

    def _enter(self, seconds: float, patient: bool) -> None:
        if self.at_work < self._places:
            self.at_work += 1
        elif seconds and (patient or len(self._waiting) < self._seats()):
            self._wait(seconds, self._patient if patient else self._waiting)
        else:
            self._turn_away()

    @property
    def _places(self) -> int:
        return max(int(self.limit), self._least)

    def _seats(self) -> int:
        """Tell how many may wait for a place, but for the patient.

        Beside those half as many wait equally long. One always may: else nobody would get a place
        in a flood, since no place is ever free.
        """
        seats = self._seats_alone()
        return max(math.ceil(seats / 2), 1) if self._patients else seats

    def _seats_alone(self) -> int:
        if self._clock() - self._turned_away < CALM_SECONDS or self._usual is None:
            return 0
        if self._measuring:  # that takes a moment, and is none of the callers' doing
            return max(int(self._kept), self._least)
        slower = max(self._usual / self._alone, 1.0)
        return max(math.ceil(self._places * (TWICE / slower - 1)), 0)

    def _wait(self, seconds: float, queue: deque[Event]) -> None:
        place = Event()
        queue.append(place)
        try:
            if not place.wait(seconds):
                self._turn_away()
        except BaseException:  # a greenlet can be killed
            if place.is_set():
                self._leave()
            else:
                queue.remove(place)
            raise

    def _turn_away(self) -> None:
        self.shed += 1
        self._turned_away = self._clock()
        raise TooBusy(BUSY)

    def _leave(self) -> None:
        """Give a place back, to whoever is next."""
        self.at_work -= 1
        while (queue := self._next()) and self.at_work < self._places:
            self.at_work += 1
            self._patient_went = queue is self._patient
            queue.popleft().set()

    def _next(self) -> deque[Event]:
        """Give the queue whose turn it is, the first of which has waited longest."""
        if self._waiting and self._patient:
            return self._waiting if self._patient_went else self._patient
        return self._waiting or self._patient

    def took(self, seconds: float) -> None:
        """Learn how long one piece of work took among all that was at work."""
        if self._clock() - self._measured > ALONE_SECONDS:
            self._begin_measuring()
        if self._measuring:
            self._measure(seconds)
            return
        self._alone = min(self._alone, seconds)
        usual = seconds if self._usual is None else self._usual
        self._usual = usual + WEIGHT * (seconds - usual)
        if self._usual > max(TOLERANCE * self._alone, self._alone + TOLERATED_SECONDS):
            # Divided, so that all that is at work shrinks it once together.
            self.limit -= SHRINK * self.limit / max(self.at_work, 1)
            self._starting = False
        elif self.at_work >= self.limit - 1:
            # By one in as many as it takes the average to tell, and all at work to come by.
            self.limit += 1 if self._starting else 1 / (1 / WEIGHT + self.limit)
        self.limit = min(max(self.limit, self._least), self._most)

    def _begin_measuring(self) -> None:
        """Let no more than the least at work for a moment, and see what work takes then.

        Among much work nothing would ever be seen to take as little as it does alone.
        """
        self._measured, self._kept, self.limit = self._clock(), self.limit, float(self._least)
        self._measuring, self._alone = self.at_work + MEASUREMENTS, float("inf")

    def _measure(self, seconds: float) -> None:
        self._measuring -= 1
        if self._measuring < MEASUREMENTS:  # those before had begun among more
            self._alone = min(self._alone, seconds)
        if not self._measuring:
            self.limit = self._kept


class Queue:
    """Watches work that waits for one of some threads; short work may wait in greater numbers.

    Args:
        threads: how many there are.
        most_seconds: that a newcomer may have to wait.

    Attributes:
        waiting: how many pieces of work wait or are being done.
        shed: how many newcomers were turned away, ever.
    """

    def __init__(self, threads: int, most_seconds: float, clock: Clock = time.monotonic) -> None:
        self._threads, self._most, self._clock = threads, most_seconds, clock
        self._usual = 0.0
        self.waiting = self.shed = 0

    @property
    def expected_seconds(self) -> float:
        """How long a newcomer would wait for a thread."""
        return max(0, self.waiting - self._threads + 1) / self._threads * self._usual

    def check(self) -> None:
        """Turn a newcomer away where it would wait for too long.

        Raises:
            TooBusy: so it is.
        """
        if self.expected_seconds > max(self._most, self._usual):
            self.shed += 1
            raise TooBusy(BUSY)

    @contextmanager
    def waited(self) -> Iterator[Callable[[], None]]:
        """Count a piece of work, from before it waits to after it is done.

        Gives what is to be called, on any thread, as the work begins.
        """
        begun: list[float] = []
        self.waiting += 1
        try:
            yield lambda: begun.append(self._clock())
        finally:
            self.waiting -= 1
            if begun:
                self._usual += WEIGHT * (self._clock() - begun[0] - self._usual)
