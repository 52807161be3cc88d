"""Counts the bytes that a client and a server really exchange: a TCP relay between them.

For counting only. It costs time of its own, so nothing is timed through it.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 1 << 16


class Relay(socketserver.ThreadingTCPServer):
    """Passes connections on to a port of this machine.

    Args:
        port: of the server.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = ("127.0.0.1", port)
        self.sent = self.received = 0

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return int(self.server_address[1])


class _Handler(socketserver.BaseRequestHandler):
    server: Relay
    request: socket.socket

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as upstream:
            answers = threading.Thread(target=self._receive, args=(upstream,), daemon=True)
            answers.start()
            while data := self.request.recv(CHUNK):
                self.server.sent += len(data)
                upstream.sendall(data)
            upstream.shutdown(socket.SHUT_WR)
            answers.join()

    def _receive(self, upstream: socket.socket) -> None:
        while data := upstream.recv(CHUNK):
            self.server.received += len(data)
            self.request.sendall(data)


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Run a relay to ``port``; what it has counted can be read at any time."""
    with Relay(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
