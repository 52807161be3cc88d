"""The canonical status codes, and how a request is refused with one of them.

A refusal is an answer to a client and never leaves this room, so it stands outside
``lookalike.errors``. The codes are those of ``tensorflow/core/protobuf/error_codes.proto``,
the HTTP statuses those of TensorFlow Serving's ``model_servers/http_server.cc``.
"""

from enum import IntEnum


class Code(IntEnum):
    """Canonical error codes; gRPC numbers them the same way."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def http_status(self) -> int:
        """The HTTP status that REST answers with; 500 for a code without one."""
        return _HTTP_STATUS.get(self, 500)


_HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}


class Refusal(Exception):
    """A request, or the loading of a version, ends with this status.

    Args:
        code: the canonical code.
        message: what the client reads, in the real server's words where they are known.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def invalid(message: str) -> Refusal:
    """Make the most common refusal, INVALID_ARGUMENT."""
    return Refusal(Code.INVALID_ARGUMENT, message)


DEADLINE_MESSAGE = "Timed out waiting for notification"
