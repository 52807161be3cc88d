"""The paths of the service: what each reads, does and answers, in a few lines."""

from collections.abc import Callable

import msgspec
from flask import Blueprint, Request, Response, current_app, request

from lookalike.catalogue.picture import checked_id
from lookalike.errors import Stopping, UnsupportedMediaType
from lookalike.key_file import Scope
from search_api import docs, metrics, pictures, stopping, writing
from search_api.about import about
from search_api.answers import Alive, Ready
from search_api.duplicates import find_duplicates
from search_api.explaining import explain
from search_api.native import check_queue, run_native, run_operating
from search_api.operating import (
    draw_quarantined,
    list_models,
    list_quarantine,
    list_versions,
    roll_back,
)
from search_api.parameters import (
    JSON,
    DuplicatesParameters,
    JsonRollback,
    QuarantineParameters,
)
from search_api.problems import problem_of
from search_api.query import (
    batch_body,
    decoded,
    json_body,
    parameters_of,
    read_explain,
    read_query,
)
from search_api.security import POLICY
from search_api.service import Service
from search_api.upload import read_upload

EXTENSION = "lookalike"
# What may be kept of a picture: its bytes are those of its digest, for as long as that holds.
CACHED = "private, max-age=3600"
# A page shows what a search found: 24 pictures, and the one that was searched by.
OF_A_SEARCH = 1 / 25

paths = Blueprint("search", __name__)


@paths.post("/search")
def post_search() -> Response:
    """Find the pictures that look like the one in the request."""
    service = _service("search")
    check_queue()
    answer = service.search(read_query(_request()), request.environ)
    return _answered(answer)


@paths.post("/search/batch")
def post_search_batch() -> Response:
    """Answer up to 64 searches, each with its own outcome."""
    service = _service(None)
    key = service.keys.check(request.headers, "search")
    check_queue()
    answer = service.batch(batch_body(_request()), key, request.environ)
    return _answered(answer)


@paths.post("/explain")
def post_explain() -> Response:
    """Tell which parts of a picture make it look like pictures of the index."""
    service = _service(None)
    key = service.keys.check(request.headers, "search")
    check_queue()
    source, wanted = read_explain(_request())
    service.keys.spend(key, len(set(wanted.hits)))
    serving, caller = service.serving(), service.caller(request.environ)
    explanation = explain(source, wanted, serving, service.capacity, caller)
    return _from_thread(lambda: explanation)


@paths.get("/pictures/<id:id>")
def get_picture(id: str) -> Response:  # noqa: A002  the path's own name for it
    """Tell what the index knows of a picture."""
    service = _service("search")
    index = service.serving().index
    return _json(run_native(lambda: pictures.describe(index, id)))


@paths.get("/pictures/<id:id>/image")
def get_picture_image(id: str) -> Response:  # noqa: A002  as above
    """Show a picture as a JPEG, where the file that was indexed can be read."""
    if not pictures.asks_for_image(request.environ):
        return get_picture(f"{id}/image")
    service = _service("search", searches=OF_A_SEARCH)
    index, caller = service.serving().index, service.caller(request.environ)
    size = pictures.read_size(request.args.get("size"))
    picture = run_native(lambda: pictures.find_picture(index, id))
    tag = f"{picture.sha256.hex()}-{size}"
    response = Response(status=304, mimetype=pictures.MEDIA_TYPE)
    response.set_etag(tag)
    response.headers["Cache-Control"] = CACHED
    if not request.if_none_match.contains(tag):
        response.data = run_native(lambda: pictures.draw(picture, size, service.capacity, caller))
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
    service.replica.apply_changes()  # what another worker just wrote may be of the same id
    serving, caller = service.serving(), service.caller(request.environ)
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
    serving, caller = service.serving(), service.caller(request.environ)
    return _json(find_duplicates(wanted, serving, service.capacity, caller))


@paths.get("/index")
def get_index() -> Response:
    """Tell what is being served: versions, counts, measured recall, the model's card."""
    service = _service("search")
    serving = service.serving()
    return _json(run_native(lambda: about(serving, service.indexes, service.models)))


@paths.get("/index/versions")
def get_index_versions() -> Response:
    """List the published versions of the index, with counts, recall and dates."""
    service = _service("admin")
    serving = service.replica.serving_or_none
    return _operated(lambda: list_versions(service.indexes, service.models, serving))


@paths.post("/index/rollback")
def post_index_rollback() -> Response:
    """Have another version served: the one before, or any that is named."""
    service = _service("admin")
    wanted: JsonRollback = decoded(json_body(_json_request()), JsonRollback)
    return _operated(lambda: roll_back(service.indexes, wanted.version))


@paths.get("/models")
def get_models() -> Response:
    """List the model versions of the store, with what their cards say."""
    service = _service("admin")
    serving = service.replica.serving_or_none
    return _operated(lambda: list_models(service.models, serving))


@paths.get("/quarantine")
def get_quarantine() -> Response:
    """List the pictures of the served version that have no vector, and why."""
    service = _service("admin")
    wanted, serving = parameters_of(request.args, QuarantineParameters), service.serving()
    return _operated(lambda: list_quarantine(serving, wanted))


@paths.get("/quarantine/<id:id>/image")
def get_quarantined_image(id: str) -> Response:  # noqa: A002  as above
    """Show a picture that has no vector as a JPEG, where it can be decoded."""
    service = _service("admin")
    serving, size = service.serving(), pictures.read_size(request.args.get("size"))
    drawn = run_native(lambda: draw_quarantined(serving, id, size, service.capacity))
    return Response(drawn, mimetype=pictures.MEDIA_TYPE)


@paths.get("/metrics")
def get_metrics() -> Response:
    """Give Prometheus what there is to know of all workers."""
    service = _service(None)
    return Response(service.metrics.get(), content_type=metrics.MEDIA_TYPE)


@paths.get("/healthz")
def get_healthz() -> Response:
    """Say that the process lives."""
    return _json(Alive())


@paths.get("/readyz")
def get_readyz() -> Response:
    """Say whether searches can be answered, and what is wrong beside: see Replica.problem."""
    service = _service(None)
    if stopping.is_stopping():
        raise Stopping("the service was told to stop; it answers what has come, and nothing new")
    serving = service.replica.check_ready()
    details, problem = serving.index.details, service.replica.problem
    return _json(
        Ready(
            index_version=serving.index.name,
            model_version=details.model.version,
            pictures=details.pictures,
            problem=None if problem is None else problem_of(problem),
        )
    )


@paths.get("/openapi.json")
def get_openapi() -> Response:
    """Describe these paths, in OpenAPI."""
    return _answered(_service(None).openapi)


@paths.get("/docs")
def get_docs() -> Response:
    """Show that description as a page, on which requests can be tried."""
    page = docs.page()
    response = Response(page.html, mimetype="text/html")
    response.headers[POLICY] = page.policy
    return response


def _service(scope: Scope | None, searches: float = 1) -> Service:
    """Give what a path works with, to a request whose key has the scope, and may ask already.

    It counts for the key as so many searches.
    """
    service: Service = current_app.extensions[EXTENSION]
    if scope is not None:
        service.allow(request.headers, scope, searches)
    return service


def _json(document: object) -> Response:
    return _answered(msgspec.json.encode(document))


def _from_thread(made: Callable[[], object]) -> Response:
    """Make an answer, and its JSON, on a native thread."""
    return _answered(run_native(lambda: msgspec.json.encode(made())))


def _operated(made: Callable[[], object]) -> Response:
    """Make an operator's answer, and its JSON, on a thread that no search waits for."""
    return _answered(run_operating(lambda: msgspec.json.encode(made())))


def _answered(document: bytes) -> Response:
    return Response(document, mimetype="application/json")


def _json_request() -> Request:
    """Give the request, which must be of JSON."""
    if request.mimetype != JSON:
        raise UnsupportedMediaType(f"this path takes {JSON}, not {request.mimetype!r}")
    return _request()


def _request() -> Request:
    """Give the request itself, which other threads can read too, unlike Flask's stand-in."""
    current: Request = request._get_current_object()  # type: ignore[attr-defined]
    return current
