"""A client's connection, on which an answer leaves in one piece."""

from typing import Any

# More is sent at once, rather than kept.
MOST_KEPT = 1 << 16
# gunicorn asks for 8 KB, and keeps what is more; a large picture would be 700 reads.
READ_BYTES = 1 << 16


class Connection:
    """A socket that keeps what is written until it is told to send.

    gunicorn writes the head of an answer and its body apart. As two sends they cost twice
    the kernel's work and wake the client twice.

    Args:
        socket: of the connection; all else goes to it as it is.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._kept: list[bytes] = []
        self._size = 0

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
        return bytes(self._socket.recv(max(size, READ_BYTES)))

    def flush(self) -> None:
        """Send what was kept."""
        if self._kept:
            data = b"".join(self._kept)
            self._kept.clear()
            self._size = 0
            self._socket.sendall(data)

    def close(self) -> None:
        """Send what was kept, and close the connection."""
        try:
            self.flush()
        finally:
            self._socket.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)
