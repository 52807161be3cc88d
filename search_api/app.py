"""The Flask application: paths, and nothing else.

gunicorn makes one in each worker, after the fork (search_api/gunicorn_conf.py).
"""

import os

import msgspec
from flask import Blueprint, Flask, Response, current_app, request

from lookalike.settings import Settings
from search_api import problems
from search_api.native import size_native_pool
from search_api.query import MemoryRequest, read_query
from search_api.replica import Replica
from search_api.search import search

EXTENSION = "lookalike"

paths = Blueprint("search", __name__)


class Service(msgspec.Struct, frozen=True):
    """What the paths work with."""

    settings: Settings
    replica: Replica


class Application(Flask):
    """Flask, with uploads kept in memory."""

    request_class = MemoryRequest


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application and begin to look for an index.

    Args:
        settings: by default from the environment.
    """
    settings = settings or Settings.from_environment()
    app = Application(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    size_native_pool(settings.threads or os.cpu_count() or 1)
    replica = Replica(settings)
    app.extensions[EXTENSION] = Service(settings, replica)
    app.register_blueprint(paths)
    problems.register(app)
    replica.start()
    return app


@paths.post("/search")
def post_search() -> Response:
    """Find the pictures that look like the one in the request."""
    service = _service()
    query = read_query(request)
    answer = search(query, service.replica.serving(), service.settings.max_decoded_bytes)
    return _json(answer)


@paths.get("/healthz")
def healthz() -> Response:
    """Say that the process lives."""
    return _json({"status": "ok"})


@paths.get("/readyz")
def readyz() -> Response:
    """Say whether searches can be answered: index loaded, files verified, probes agree."""
    serving = _service().replica.check_ready()
    details = serving.index.details
    return _json(
        {
            "status": "ready",
            "index_version": serving.index.name,
            "model_version": details.model.version,
            "pictures": details.pictures,
        }
    )


def _service() -> Service:
    service: Service = current_app.extensions[EXTENSION]
    return service


def _json(document: object) -> Response:
    return Response(msgspec.json.encode(document), mimetype="application/json")
