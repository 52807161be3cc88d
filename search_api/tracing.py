"""Spans of OpenTelemetry for requests and their stages; nothing of it is loaded while off.

What asks for a span here gets one only where ``LOOKALIKE_OTLP_ENDPOINT`` says where to send
them, and otherwise next to nothing happens. ``otlp.py`` has all that needs OpenTelemetry.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import TYPE_CHECKING

from werkzeug.datastructures import EnvironHeaders

from lookalike.errors import ConfigurationError
from lookalike.index import stages
from lookalike.settings import Settings, check_otlp_endpoint
from search_api.access import PROBES
from search_api.logs import Told

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from search_api.otlp import RequestSpan, Tracing

Attributes = Mapping[str, str | int | float | bool]

EXTRA = "tracing"
NO_SPAN: AbstractContextManager[None] = nullcontext()

# Of this worker; None: off.
_tracing: "Tracing | None" = None


def check(settings: Settings) -> None:
    """Load what tracing needs, if it is on; nothing of it runs yet.

    Raises:
        ConfigurationError: it is not installed, or the endpoint is no URL.
    """
    check_otlp_endpoint(settings.otlp_endpoint)
    if settings.otlp_endpoint:
        _otlp()


def start(settings: Settings) -> None:
    """Make spans and send them from now on, if the settings say so; after the fork.

    Raises:
        ConfigurationError: as :func:`check`.
    """
    global _tracing
    check(settings)
    _tracing = _otlp().started(settings.otlp_endpoint) if settings.otlp_endpoint else None
    stages.observe(None if _tracing is None else _of_index)


def stop() -> None:
    """Send what is left; at a worker's end."""
    if _tracing is not None:
        _tracing.stop()


def begin(environ: "WSGIEnvironment", told: Told) -> "RequestSpan | None":
    """Begin the span of a request; None where there is none, as for what only looks after us."""
    if _tracing is None or environ["PATH_INFO"] in PROBES:
        return None
    begun = _tracing.request(EnvironHeaders(environ), environ["REQUEST_METHOD"])
    told.trace_id = begun.trace_id
    return begun


def span(
    name: str, attributes: Callable[[], Attributes] | None = None, *, outgoing: bool = False
) -> AbstractContextManager[object]:
    """Surround a stage of a request.

    Args:
        name: of the stage.
        attributes: gives them, where there is a span to have them.
        outgoing: whether another server works meanwhile.
    """
    if _tracing is None:
        return NO_SPAN
    return _tracing.span(name, attributes() if attributes else {}, outgoing=outgoing)


def headers() -> dict[str, str] | None:
    """Give the headers that tell another server of the span at hand."""
    return None if _tracing is None else _tracing.headers()


def _of_index(name: str, numbers: Mapping[str, int]) -> AbstractContextManager[object]:
    """Surround a stage within the search of an index."""
    return span(name, lambda: {f"lookalike.{what}": number for what, number in numbers.items()})


def _otlp() -> ModuleType:
    try:
        from search_api import otlp
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"LOOKALIKE_OTLP_ENDPOINT wants packages that are not here ({error.name}): "
            f"pip install 'lookalike[{EXTRA}]'"
        ) from error
    return otlp
