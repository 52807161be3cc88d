"""Headers by which browsers take answers for nothing but what they are."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Headers = list[tuple[str, str]]

POLICY = "Content-Security-Policy"
SECURITY = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]
SECURITY_OF_DATA = [*SECURITY, (POLICY, "default-src 'none'; frame-ancestors 'none'")]


def secured(wsgi: "WSGIApplication") -> "WSGIApplication":
    """Add them to all answers; one with a policy of its own keeps it."""

    def answered(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: "Headers", *error: Any) -> Callable[[bytes], object]:
            own = any(name == POLICY for name, _ in headers)
            headers.extend(SECURITY if own else SECURITY_OF_DATA)
            return start_response(status, headers, *error)

        return wsgi(environ, start)

    return answered
