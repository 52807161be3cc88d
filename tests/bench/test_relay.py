"""The relay passes everything on and counts it."""

import socket
import socketserver
import threading

from bench.relay import relay


class Doubling(socketserver.BaseRequestHandler):
    """Answers every line with itself twice."""

    def handle(self) -> None:
        for line in self.request.makefile("rb"):
            self.request.sendall(line * 2)


def test_bytes_arrive_and_are_counted_both_ways() -> None:
    line = b"x" * 200_000 + b"\n"
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Doubling) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with (
            relay(server.server_address[1]) as wire,
            socket.create_connection(("127.0.0.1", wire.port)) as client,
        ):
            client.sendall(line)
            answer = client.makefile("rb").read(2 * len(line))
            assert answer == line * 2
            assert (wire.sent, wire.received) == (len(line), 2 * len(line))
        server.shutdown()
