"""A client of bare sockets, which tells apart how a connection ends."""

import json
import socket
from typing import Any

BY_ID = json.dumps({"id": "label-0/3.png", "k": 3}).encode()


class Refused(Exception):
    """Nobody listens there any more, or answers a handshake."""


class Ended(Exception):
    """The other end closed the connection before the answer, in good order."""


class Connection:
    """One connection; a reset of it is a ConnectionResetError, or a BrokenPipeError."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(1)
        try:
            self._socket.connect(address)
        except (ConnectionRefusedError, TimeoutError) as error:
            self._socket.close()
            raise Refused from error
        self._socket.settimeout(30)
        self._reading = self._socket.makefile("rb")
        self.kept = True

    def close(self) -> None:
        self._reading.close()
        self._socket.close()

    def has_ended(self) -> bool:
        self._socket.setblocking(False)
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        finally:
            self._socket.settimeout(30)

    def get(self, path: str) -> tuple[int, Any]:
        return self._ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def search(self) -> tuple[int, Any]:
        head = f"Content-Type: application/json\r\nContent-Length: {len(BY_ID)}\r\n\r\n"
        return self._ask(f"POST /search HTTP/1.1\r\nHost: x\r\n{head}".encode() + BY_ID)

    def _ask(self, request: bytes) -> tuple[int, Any]:
        self._socket.sendall(request)
        first = self._reading.readline()
        if not first:
            raise Ended
        lines = iter(self._reading.readline, b"\r\n")
        headers = dict(line.decode().strip().lower().split(": ", 1) for line in lines)
        body = self._reading.read(int(headers["content-length"]))
        self.kept = headers["connection"] != "close"
        return int(first.split()[1]), json.loads(body)
