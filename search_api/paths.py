"""The paths of the service: what each reads, does and answers, in a few lines."""

from flask import Blueprint, Response, request

from lookalike.catalogue.picture import checked_id
from lookalike.errors import Stopping
from search_api import docs, metrics, pictures, stopping, writing
from search_api.about import about
from search_api.answers import Alive, Ready
from search_api.apart import run_operating
from search_api.at_hand import answered, as_json, from_thread, request_itself, service_for
from search_api.duplicates import find_duplicates
from search_api.explaining import explain
from search_api.native import check_queue, run_native
from search_api.parameters import DuplicatesParameters, ImageParameters
from search_api.problems import problem_of
from search_api.query import batch_body, parameters_of, read_explain, read_query
from search_api.security import POLICY
from search_api.store_away import store_needed
from search_api.upload import read_upload

# What may be kept of a picture: its bytes are those of its digest, for as long as that holds.
CACHED = "private, max-age=3600"
# A page shows what a search found: 24 pictures, and the one that was searched by.
OF_A_SEARCH = 1 / 25

paths = Blueprint("search", __name__)


@paths.post("/search")
def post_search() -> Response:
    """Find the pictures that look like the one in the request."""
    service = service_for("search")
    check_queue()
    answer = service.search(read_query(request_itself()), request.environ)
    return answered(answer)


@paths.post("/search/batch")
def post_search_batch() -> Response:
    """Answer up to 64 searches, each with its own outcome."""
    service = service_for(None)
    key = service.keys.check(request.headers, "search")
    check_queue()
    answer = service.batch(batch_body(request_itself()), key, request.environ)
    return answered(answer)


@paths.post("/explain")
def post_explain() -> Response:
    """Tell which parts of a picture make it look like pictures of the index."""
    service = service_for(None)
    key = service.keys.check(request.headers, "search")
    check_queue()
    source, wanted = read_explain(request_itself())
    service.keys.spend(key, len(set(wanted.hits)))
    serving, caller = service.serving(), service.caller(request.environ)
    explanation = explain(source, wanted, serving, service.capacity, caller)
    return from_thread(lambda: explanation)


@paths.get("/pictures/<id:id>")
def get_picture(id: str) -> Response:  # noqa: A002  the path's own name for it
    """Tell what the index knows of a picture."""
    service = service_for("search")
    index = service.serving().index
    return as_json(run_native(lambda: pictures.describe(index, id)))


@paths.get("/pictures/<id:id>/image")
def get_picture_image(id: str) -> Response:  # noqa: A002  as above
    """Show a picture as a JPEG, where the file that was indexed can be read."""
    if not pictures.asks_for_image(request.environ):
        return get_picture(f"{id}/image")
    service = service_for("search", searches=OF_A_SEARCH)
    index, caller = service.serving().index, service.caller(request.environ)
    size = parameters_of(request.args, ImageParameters).size
    picture = run_native(lambda: pictures.find_picture(index, id))
    tag = f"{picture.sha256.hex()}-{size}"
    response = Response(status=304, mimetype=pictures.MEDIA_TYPE)
    response.set_etag(tag)
    response.headers["Cache-Control"] = CACHED
    if not request.if_none_match.contains(tag):
        check_queue()
        response.data = pictures.draw(picture, size, service.capacity, caller)
        response.status_code = 200
    return response


@paths.put("/pictures/<id:id>")
def put_picture(id: str) -> Response:  # noqa: A002  as above
    """Add a picture to the index, or replace the one of this id, with all that is told of it.

    Searches find it as soon as this is answered, on other machines within a second, and in
    every later version, whatever the catalogue says of its id, until it is deleted.
    """
    service = service_for("admin")
    check_queue()
    name, upload = checked_id(id, "the picture to put"), read_upload(request_itself())
    service.replica.apply_changes()  # what another worker just wrote may be of the same id
    serving, caller = service.serving(), service.caller(request.environ)
    made = writing.put(name, upload, serving, service.changes, service.capacity, caller)
    service.replica.apply_changes()
    response = as_json(made)
    response.status_code = 200 if made.replaced else 201
    return response


@paths.delete("/pictures/<id:id>")
def delete_picture(id: str) -> Response:  # noqa: A002  as above
    """See that a picture is not found any more, in no version, until it is added again."""
    service = service_for("admin")
    name = checked_id(id, "the picture to delete")
    made = writing.delete(name, service.replica.serving_or_none, service.changes)
    service.replica.apply_changes()
    return as_json(made)


@paths.get("/duplicates")
def get_duplicates() -> Response:
    """Name the pictures that are copies of one, or nearly so, the nearest first."""
    service = service_for("search")
    check_queue()
    wanted = parameters_of(request.args, DuplicatesParameters)
    serving, caller = service.serving(), service.caller(request.environ)
    return as_json(find_duplicates(wanted, serving, service.capacity, caller))


@paths.get("/index")
def get_index() -> Response:
    """Tell what is being served: versions, counts, measured recall, the model's card."""
    service = service_for("search")
    serving = service.serving()
    with store_needed("the versions cannot be told"):
        return as_json(run_operating(lambda: about(serving, service.indexes, service.models)))


@paths.get("/metrics")
def get_metrics() -> Response:
    """Give Prometheus what there is to know of all workers."""
    service = service_for(None)
    return Response(service.metrics.get(), content_type=metrics.MEDIA_TYPE)


@paths.get("/healthz")
def get_healthz() -> Response:
    """Say that the process lives."""
    return as_json(Alive())


@paths.get("/readyz")
def get_readyz() -> Response:
    """Say whether searches can be answered, and what is wrong beside: see Replica.problem."""
    service = service_for(None)
    if stopping.is_stopping():
        raise Stopping("the service was told to stop; it answers what has come, and nothing new")
    serving = service.replica.check_ready()
    details, problem = serving.index.details, service.replica.problem
    return as_json(
        Ready(
            index_version=serving.index.name,
            model_version=details.model.version,
            pictures=serving.index.findable,
            problem=None if problem is None else problem_of(problem),
        )
    )


@paths.get("/openapi.json")
def get_openapi() -> Response:
    """Describe these paths, in OpenAPI."""
    return answered(service_for(None).openapi)


@paths.get("/docs")
def get_docs() -> Response:
    """Show that description as a page, on which requests can be tried."""
    page = docs.page()
    response = Response(page.html, mimetype="text/html")
    response.headers[POLICY] = page.policy
    return response
