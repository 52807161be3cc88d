"""Who asked, how long they wait for an answer, and whether they still do."""

import select
import time
from typing import Any

import msgspec
from gevent import monkey

from lookalike.errors import CallerGone, DeadlineExceeded

GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
# gevent's own would give other greenlets their turn; this one never waits.
_poll: Any = monkey.get_original("select", "poll")


class Caller(msgspec.Struct, frozen=True):
    """The other end of a request.

    Attributes:
        deadline: by ``time.monotonic``, after which nobody wants the answer.
        socket: of the connection; None where there is none to look at.
        patient: what they asked was let in as a whole, and each part waits until it can be done.
    """

    deadline: float
    socket: Any = None
    patient: bool = False

    def left(self) -> float:
        """Give the seconds that are left for an answer.

        Raises:
            DeadlineExceeded: none is; what there is to do is dropped.
            CallerGone: the connection was closed meanwhile.
        """
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceeded("the answer would come too late; try again, with fewer at once")
        if self.socket is not None and self._hung_up():
            raise CallerGone("the connection was closed before the answer")
        return seconds

    def _hung_up(self) -> bool:
        if self.socket.fileno() < 0:
            return True
        poll = _poll()
        poll.register(self.socket.fileno(), GONE)
        return any(events & GONE for _, events in poll.poll(0))
