"""Servers beside a traced service: a collector of spans, and a listener on the way to another."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Kind = TypeVar("Kind", "Collector", "Listener")


class Collector:
    """Takes spans over OTLP/HTTP."""

    def __init__(self) -> None:
        self.url, self.spans, self.resource = "", list[Span](), dict[str, str]()

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        assert path == "/v1/traces"
        assert headers["Content-Type"] == "application/x-protobuf"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return 200, b""

    def of_trace(self, trace: str) -> dict[str, Span]:
        """Give the spans of a trace by their names."""
        return {span.name: span for span in self.spans if span.trace_id.hex() == trace}


class Listener:
    """Passes requests on, and keeps their ``traceparent``."""

    def __init__(self, beyond: str) -> None:
        self.url, self.beyond = "", beyond
        self.heard: list[str | None] = []

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        self.heard.append(headers["traceparent"])
        answer = requests.post(f"{self.beyond}{path}", data=body, timeout=30)
        return answer.status_code, answer.content


def attributes(span: Span) -> dict[str, Any]:
    """Give a span's attributes as plain values."""
    kinds = ((item.key, item.value) for item in span.attributes)
    return {key: getattr(value, value.WhichOneof("value")) for key, value in kinds}


@contextmanager
def listening(taker: Kind) -> Iterator[Kind]:
    """Serve it on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code, answer = taker.take(self.path, self.headers, body)
            self.send_response(code)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    taker.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield taker
    finally:
        server.shutdown()
        server.server_close()
