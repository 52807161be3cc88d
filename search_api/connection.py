"""A client's connection, on which an answer leaves in one piece, and nothing takes for ever."""

import errno
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable

# More is sent at once, rather than kept.
MOST_KEPT = 1 << 16
# gunicorn asks for 8 KB, and keeps what is more; a large picture would be 700 reads.
READ_BYTES = 1 << 16
# After so many others have their turn: reading what has come already waits for nothing.
TURN_BYTES = 1 << 18
# A client has so long for a body, and for taking an answer, and longer the more of it has gone
# over: a thousand that send a byte and wait would hold every connection that a worker has.
PATIENCE_SECONDS, SLOWEST_BYTES_A_SECOND = 20.0, 20_000
# So long a client that was refused has for taking that in, and stopping to send.
LINGER_SECONDS = 1.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection:
    """A socket that keeps what is written until it is told to send.

    gunicorn writes the head of an answer and its body apart. As two sends they cost twice
    the kernel's work and wake the client twice.

    A client that is slower than anybody's is gone, as if it had closed the connection.

    Args:
        socket: of the connection; all else goes to it as it is.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._kept: list[bytes] = []
        self._size = 0
        # Of the body that is read: when its request began, and how much has come.
        self._begun: float | None = None
        self._received = 0
        self._gone = False
        self._since_turn = 0
        self.expects_word = self.served = False
        # Told once, when something comes between two requests: the next one begins.
        self.heard: Callable[[], None] | None = None

    def begin(self, *, expects_word: bool = False) -> None:
        """Begin a request, whose body may not come too slowly.

        Args:
            expects_word: its client waits to hear that its body is wanted (``100 Continue``),
                which it hears once somebody reads that.
        """
        self._begun, self._received = time.monotonic(), 0
        self.expects_word = expects_word

    def end(self) -> None:
        """End a request whose body was read to its end: what comes now may take its time.

        What is left of another's body comes within what that request may take, or not at all.
        """
        self._begun = None

    def sendall(self, data: bytes) -> None:
        """Keep the bytes, or send all that there are once they are many."""
        self._kept.append(data)
        self._size += len(data)
        if self._size > MOST_KEPT:
            self.flush()

    def send(self, data: bytes) -> int:
        """Send these bytes now, after those that were kept."""
        self.flush()
        return int(self._socket.send(data))

    def recv(self, size: int) -> bytes:
        """Receive what has come, and more than was asked for where there is more."""
        if self._gone:
            return b""
        size = min(max(size, READ_BYTES), TURN_BYTES)
        if self._begun is None:
            self._socket.settimeout(None)
            data = bytes(self._socket.recv(size))
            heard, self.heard = self.heard, None
            if data and heard is not None:
                heard()
            return data
        if self.expects_word:
            self.expects_word = False
            self.send(CONTINUE)
        patience = PATIENCE_SECONDS + self._received / SLOWEST_BYTES_A_SECOND
        # A socket's own timeout costs nothing where nothing is waited for.
        self._socket.settimeout(max(0.0, self._begun + patience - time.monotonic()))
        try:
            data = bytes(self._socket.recv(size))
        except (TimeoutError, BlockingIOError):
            data = b""
        self._received += len(data)
        self._gone = not data
        self._give_turns(len(data))
        return data

    def _give_turns(self, received: int) -> None:
        self._since_turn += received
        if self._since_turn >= TURN_BYTES:
            self._since_turn = 0
            gevent.sleep(0)

    def linger(self) -> None:
        """Send what was kept, and drop for a moment what still comes, before this is closed.

        What is closed with bytes in it that nobody read is reset, and its client, which still
        sends, may never see the answer.
        """
        with suppress(OSError):
            self.flush()
            self._socket.shutdown(socket.SHUT_WR)
            end = time.monotonic() + LINGER_SECONDS
            while (left := end - time.monotonic()) > 0:
                self._socket.settimeout(left)
                data = self._socket.recv(READ_BYTES)
                if not data:
                    return
                self._give_turns(len(data))

    def flush(self) -> None:
        """Send what was kept."""
        if self._kept:
            data = b"".join(self._kept)
            self._kept.clear()
            self._size = 0
            self._socket.settimeout(PATIENCE_SECONDS + len(data) / SLOWEST_BYTES_A_SECOND)
            try:
                # sendall looks at the size of the kernel's buffer first, which few answers exceed.
                sent = self._socket.send(data)
                if sent < len(data):
                    self._socket.sendall(data[sent:])
            except TimeoutError as error:
                slow = "the client takes its answer too slowly"
                raise BrokenPipeError(errno.EPIPE, slow) from error

    def close(self) -> None:
        """Send what was kept, and close the connection."""
        try:
            self.flush()
        finally:
            self._socket.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)
