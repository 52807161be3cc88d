"""An id for each request: in its log lines, its problem document, and its answer."""

from flask import Flask, Response, request

from search_api.access import KEY
from search_api.logs import CURRENT, HEADER, told


def register(app: Flask) -> None:
    """Begin to tell of every request of the application, before anything else is done."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    request.environ[KEY] = told(request.headers.get(HEADER))


def _end(response: Response) -> Response:
    current = CURRENT.get()
    if current is not None:
        if request.url_rule is not None:
            current.path = request.url_rule.rule
        response.headers[HEADER] = current.id
    return response
