"""Spans by OpenTelemetry's SDK, sent over OTLP/HTTP; loaded only where tracing is on.

The SDK's own batch processor has a thread, which under gevent is a greenlet: writing a batch
as protobuf would hold up all requests. Here spans wait in a queue, and a native thread
writes and sends them.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Span, SpanKind, StatusCode, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from werkzeug.datastructures import Headers

from search_api.apart import run_outside
from search_api.logs import NONE, Told
from search_api.metrics import SPANS
from search_api.tracing import Attributes

PATH = "/v1/traces"
SERVICE = "lookalike-search-api"
SEND_SECONDS = 2.0
# A collector that is away holds nothing up; what comes meanwhile is let go of.
TIMEOUT_SECONDS = 5.0
MOST_WAITING, BATCH = 10_000, 512
FAILED = 500

_propagator = TraceContextTextMapPropagator()


class Queue(SpanProcessor):
    """Keeps the spans that ended until they are sent.

    Args:
        exporter: writes and sends them.
    """

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        self._exporter = exporter
        self._ended: deque[ReadableSpan] = deque()
        self._dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span, on whatever thread it ended."""
        if not span.context.trace_flags.sampled:
            return
        if len(self._ended) < MOST_WAITING:
            self._ended.append(span)
        else:
            self._dropped += 1

    def send(self) -> None:
        """Send all that has ended by now; on the event loop, which goes on meanwhile."""
        for _ in range(0, len(self._ended), BATCH):
            batch = self._taken()
            outcome = run_outside(lambda batch=batch: self._exporter.export(batch))  # type: ignore[misc]
            _count("sent" if outcome is SpanExportResult.SUCCESS else "failed", len(batch))
        dropped, self._dropped = self._dropped, 0
        _count("dropped", dropped)

    def shutdown(self) -> None:
        """Send the last batch, and no more."""
        if self._ended:
            self._exporter.export(self._taken())
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def watch(self) -> None:
        """Send every few seconds."""
        while True:
            time.sleep(SEND_SECONDS)
            self.send()

    def _taken(self) -> list[ReadableSpan]:
        return [self._ended.popleft() for _ in range(min(BATCH, len(self._ended)))]


class RequestSpan:
    """The span of a request, which those of its stages are parts of.

    Args:
        span: begun.
    """

    def __init__(self, span: Span, method: str) -> None:
        self._span, self._method = span, method
        self._token = contexts.attach(set_span_in_context(span))
        self.trace_id = format_trace_id(span.get_span_context().trace_id)

    def end(self, status: int, told: Told) -> None:
        """End it with what came of the request."""
        if told.path != NONE:
            self._span.update_name(f"{self._method} {told.path}")
        found: dict[str, Any] = {
            "http.route": None if told.path == NONE else told.path,
            "http.response.status_code": status,
            "error.type": told.problem,
            "lookalike.request_id": told.id,
            "lookalike.index_version": told.index_version,
            "lookalike.model_version": told.model_version,
        }
        self._span.set_attributes(
            {name: value for name, value in found.items() if value is not None}
        )
        if status >= FAILED:
            self._span.set_status(StatusCode.ERROR)
        contexts.detach(self._token)
        self._span.end()


class Tracing:
    """Makes spans, and has them sent.

    Args:
        provider: of the SDK.
        queue: where its spans end up.
    """

    def __init__(self, provider: TracerProvider, queue: Queue) -> None:
        self._tracer, self._queue = provider.get_tracer("search_api"), queue

    def request(self, headers: Headers, method: str) -> RequestSpan:
        """Begin the span of a request, as part of the trace that its ``traceparent`` names."""
        names = _propagator.fields
        span = self._tracer.start_span(
            method,
            context=_propagator.extract({n: headers[n] for n in names if n in headers}, Context()),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
        )
        return RequestSpan(span, method)

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, outgoing: bool) -> Iterator[None]:
        """Surround a stage; a failure is told by its type, not by words, which may have ids."""
        with self._tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT if outgoing else SpanKind.INTERNAL,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", getattr(error, "type", type(error).__name__))
                span.set_status(StatusCode.ERROR)
                raise

    def headers(self) -> dict[str, str]:
        """Give the headers that continue the trace elsewhere."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier

    def stop(self) -> None:
        """Send what is left."""
        self._queue.shutdown()


def started(endpoint: str) -> Tracing:
    """Begin to trace, and to send to a collector's base URL.

    The SDK reads its own standard variables too: names, samplers, headers for the collector.
    """
    # It warns at each try; an error tells when it gives a batch up.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    url = f"{endpoint.rstrip('/')}{PATH}"
    queue = Queue(OTLPSpanExporter(endpoint=url, timeout=TIMEOUT_SECONDS))
    resource = Resource({SERVICE_NAME: SERVICE}).merge(_given())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(queue)
    threading.Thread(target=queue.watch, name="spans", daemon=True).start()
    return Tracing(provider, queue)


def _given() -> Resource:
    """Give what the standard variables say of this service, without the SDK's own guesses."""
    made = Resource.create({})
    unnamed = str(made.attributes[SERVICE_NAME]).startswith("unknown_service")
    kept = {k: v for k, v in made.attributes.items() if not (unnamed and k == SERVICE_NAME)}
    return Resource(kept)


def _count(outcome: str, spans: int) -> None:
    if spans:
        SPANS.labels(outcome).inc(spans)
