"""The Flask application: paths, and nothing else.

gunicorn makes one in each worker, after the fork (search_api/gunicorn_conf.py).
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Flask, Request, Response, current_app, request
from werkzeug.routing import BaseConverter

from lookalike.catalogue.picture import checked_id
from lookalike.changes import ChangeLog, open_changes
from lookalike.errors import Stopping
from lookalike.settings import Settings
from lookalike.store import Collection, open_indexes, open_models
from search_api import (
    docs,
    metrics,
    openapi,
    pictures,
    problems,
    request_ids,
    stopping,
    tracing,
    writing,
)
from search_api.about import about
from search_api.answers import Alive, Ready
from search_api.batch import search_batch
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.duplicates import find_duplicates
from search_api.key_file import Key, Scope
from search_api.keys import Keys
from search_api.logs import note_versions
from search_api.native import check_queue, run_native, size_native_pool
from search_api.parameters import DuplicatesParameters
from search_api.query import MemoryRequest, parameters_of, read_batch, read_query
from search_api.replica import Replica
from search_api.search import search
from search_api.serving import Serving
from search_api.upload import read_upload

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Headers = list[tuple[str, str]]

EXTENSION = "lookalike"
POLICY = "Content-Security-Policy"
SECURITY = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]
SECURITY_OF_DATA = [*SECURITY, (POLICY, "default-src 'none'; frame-ancestors 'none'")]
# What may be kept of a picture: its bytes are those of its digest, for as long as that holds.
CACHED = "private, max-age=3600"

# Of an answer: JSON of more is written on a native thread.
INLINE_RESULTS = 100

paths = Blueprint("search", __name__)


class Service(msgspec.Struct, frozen=True):
    """What the paths work with."""

    capacity: Capacity
    seconds: float  # that a request may take
    replica: Replica
    keys: Keys
    changes: ChangeLog
    indexes: Collection
    models: Collection
    openapi: bytes


class IdConverter(BaseConverter):
    """Takes any id out of a path: slashes at its start, and line breaks, are parts of it too."""

    regex = r"(?s:.+?)"
    part_isolating = False
    weight = 200  # as of Werkzeug's path: what else a rule has goes first


class Application(Flask):
    """Flask, with uploads kept in memory."""

    request_class = MemoryRequest

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Take functions as they are: none is asynchronous, and finding out takes its time."""
        return func


def bare_app() -> Flask:
    """Make an application that has its paths, and nothing yet to answer with."""
    app = Application(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # an id may have two in a row
    app.url_map.converters["id"] = IdConverter
    app.register_blueprint(paths)
    return app


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application and begin to look for an index.

    Args:
        settings: by default from the environment.

    Raises:
        ConfigurationError: there are no API keys where there must be some, or a setting is
            not what it must be.
    """
    settings = settings or Settings.from_environment()
    app = bare_app()
    tracing.start(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    keys = Keys.of(settings)
    size_native_pool(settings.threads or os.cpu_count() or 1)
    replica, capacity = Replica(settings), Capacity.of(settings)
    app.extensions[EXTENSION] = Service(
        capacity=capacity,
        seconds=settings.request_seconds,
        replica=replica,
        keys=keys,
        changes=open_changes(settings.store, settings.index),
        indexes=open_indexes(settings.store, settings.index),
        models=open_models(settings.store, settings.model),
        openapi=msgspec.json.encode(openapi.document(app, keys.open_to_all)),
    )
    docs.page()  # read now, not by the event loop
    # Flask's own way to wrap an application.
    app.wsgi_app = _secured(app.wsgi_app)  # type: ignore[method-assign,assignment]
    request_ids.register(app)
    tracing.register(app)
    metrics.register(app)
    problems.register(app)
    replica.start()
    capacity.recall.start()
    return app


@paths.post("/search")
def post_search() -> Response:
    """Find the pictures that look like the one in the request."""
    service = _service("search")
    check_queue()
    query, caller = read_query(_request()), _caller(service)
    answer = search(query, _serving(service), service.capacity, caller)
    return _json(answer) if len(answer.results) <= INLINE_RESULTS else _long_json(answer)


@paths.post("/search/batch")
def post_search_batch() -> Response:
    """Answer up to 64 searches, each with its own outcome."""
    service, key = _service_and_key("search")
    check_queue()
    queries, caller = read_batch(_request()), _caller(service)
    service.keys.spend(key, len(queries))
    return _long_json(search_batch(queries, _serving(service), service.capacity, caller))


@paths.get("/pictures/<id:id>")
def get_picture(id: str) -> Response:  # noqa: A002  the path's own name for it
    """Tell what the index knows of a picture."""
    service = _service("search")
    index = _serving(service).index
    return _json(run_native(lambda: pictures.describe(index, id)))


@paths.get("/pictures/<id:id>/image")
def get_picture_image(id: str) -> Response:  # noqa: A002  as above
    """Show a picture as a JPEG, where the file that was indexed can be read."""
    if not pictures.asks_for_image(request.environ):
        return get_picture(f"{id}/image")
    service = _service("search")
    index = _serving(service).index
    size = pictures.read_size(request.args.get("size"))
    picture = run_native(lambda: pictures.find_picture(index, id))
    tag = f"{picture.sha256.hex()}-{size}"
    response = Response(status=304, mimetype=pictures.MEDIA_TYPE)
    response.set_etag(tag)
    response.headers["Cache-Control"] = CACHED
    if not request.if_none_match.contains(tag):
        response.data = run_native(lambda: pictures.draw(picture, size, service.capacity))
        response.status_code = 200
    return response


@paths.put("/pictures/<id:id>")
def put_picture(id: str) -> Response:  # noqa: A002  as above
    """Add a picture to the index, or replace the one of this id, with all that is told of it.

    Searches find it as soon as this is answered, on other machines within a second, and in
    every later version, whatever the catalogue says of its id, until it is deleted.
    """
    service = _service("admin")
    check_queue()
    name, upload = checked_id(id, "the picture to put"), read_upload(_request())
    serving, caller = _serving(service), _caller(service)
    made = writing.put(name, upload, serving, service.changes, service.capacity, caller)
    service.replica.apply_changes()
    response = _json(made)
    response.status_code = 200 if made.replaced else 201
    return response


@paths.delete("/pictures/<id:id>")
def delete_picture(id: str) -> Response:  # noqa: A002  as above
    """See that a picture is not found any more, in no version, until it is added again."""
    service = _service("admin")
    made = writing.delete(checked_id(id, "the picture to delete"), service.changes)
    service.replica.apply_changes()
    return _json(made)


@paths.get("/duplicates")
def get_duplicates() -> Response:
    """Name the pictures that are copies of one, or nearly so, the nearest first."""
    service = _service("search")
    check_queue()
    wanted = parameters_of(request.args, DuplicatesParameters)
    serving, caller = _serving(service), _caller(service)
    return _json(find_duplicates(wanted, serving, service.capacity, caller))


@paths.get("/index")
def get_index() -> Response:
    """Tell what is being served: versions, counts, measured recall, the model's card."""
    service = _service("search")
    serving = _serving(service)
    return _json(run_native(lambda: about(serving, service.indexes, service.models)))


@paths.get("/metrics")
def get_metrics() -> Response:
    """Give Prometheus what there is to know of all workers."""
    capacity = _service(None).capacity
    metrics.EMBEDDINGS_LIMIT.set(capacity.embeddings.limit)
    return run_native(metrics.rendered)


@paths.get("/healthz")
def get_healthz() -> Response:
    """Say that the process lives."""
    return _json(Alive())


@paths.get("/readyz")
def get_readyz() -> Response:
    """Say whether searches can be answered: index loaded, files verified, probes agree."""
    service = _service(None)
    if stopping.is_stopping():
        raise Stopping("the service was told to stop; it answers what has come, and nothing new")
    serving = service.replica.check_ready()
    details = serving.index.details
    return _json(
        Ready(
            index_version=serving.index.name,
            model_version=details.model.version,
            pictures=details.pictures,
        )
    )


@paths.get("/openapi.json")
def get_openapi() -> Response:
    """Describe these paths, in OpenAPI."""
    return Response(_service(None).openapi, mimetype="application/json")


@paths.get("/docs")
def get_docs() -> Response:
    """Show that description as a page, on which requests can be tried."""
    page = docs.page()
    response = Response(page.html, mimetype="text/html")
    response.headers[POLICY] = page.policy
    return response


def _service(scope: Scope | None) -> Service:
    """Give what a path works with, to a request whose key has the scope, and may ask already."""
    service, key = _service_and_key(scope)
    if scope == "search":
        service.keys.spend(key)
    return service


def _serving(service: Service) -> Serving:
    """Give what a request is answered from."""
    serving = service.replica.serving()
    note_versions(serving.index.name, serving.index.details.model.version)
    return serving


def _service_and_key(scope: Scope | None) -> tuple[Service, Key | None]:
    service: Service = current_app.extensions[EXTENSION]
    return service, None if scope is None else service.keys.check(request.headers, scope)


def _caller(service: Service) -> Caller:
    return Caller(time.monotonic() + service.seconds, request.environ.get("gunicorn.socket"))


def _json(document: object) -> Response:
    return Response(msgspec.json.encode(document), mimetype="application/json")


def _long_json(document: object) -> Response:
    return Response(run_native(lambda: msgspec.json.encode(document)), mimetype="application/json")


def _request() -> Request:
    """Give the request itself, which other threads can read too, unlike Flask's stand-in."""
    current: Request = request._get_current_object()  # type: ignore[attr-defined]
    return current


def _secured(wsgi: "WSGIApplication") -> "WSGIApplication":
    """Tell browsers to take answers for nothing but what they are."""

    def secured(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: "Headers", *error: Any) -> Callable[[bytes], object]:
            own = any(name == POLICY for name, _ in headers)
            headers.extend(SECURITY if own else SECURITY_OF_DATA)
            return start_response(status, headers, *error)

        return wsgi(environ, start)

    return secured
