"""The paths of an operator, each in a few lines; what they do stands in ``operating.py``."""

from collections.abc import Callable

import msgspec
from flask import Blueprint, Response, request

from search_api import pictures
from search_api.apart import run_moving, run_operating
from search_api.at_hand import answered, as_json, json_request, service_for
from search_api.native import check_queue
from search_api.operating import (
    draw_quarantined,
    list_models,
    list_quarantine,
    list_versions,
    roll_back,
)
from search_api.parameters import ImageParameters, JsonRollback, QuarantineParameters
from search_api.query import decoded, json_body, parameters_of
from search_api.store_away import store_needed

operating_paths = Blueprint("operating", __name__)


@operating_paths.get("/index/versions")
def get_index_versions() -> Response:
    """List the published versions of the index, with counts, recall and dates."""
    service = service_for("admin")
    serving = service.replica.serving_or_none
    return _operated(lambda: list_versions(service.indexes, service.models, serving))


@operating_paths.post("/index/rollback")
def post_index_rollback() -> Response:
    """Have another version served: the one before, or any that is named."""
    service = service_for("admin")
    wanted: JsonRollback = decoded(json_body(json_request()), JsonRollback)
    caller, indexes, models = service.caller(request.environ), service.indexes, service.models
    gone = run_moving(lambda: roll_back(indexes, models, wanted.version, caller))
    return as_json(gone)


@operating_paths.get("/models")
def get_models() -> Response:
    """List the model versions of the store, with what their cards say."""
    service = service_for("admin")
    serving = service.replica.serving_or_none
    return _operated(lambda: list_models(service.models, serving))


@operating_paths.get("/quarantine")
def get_quarantine() -> Response:
    """List the pictures of the served version that have no vector, and why."""
    service = service_for("admin")
    wanted, serving = parameters_of(request.args, QuarantineParameters), service.serving()
    return _operated(lambda: list_quarantine(serving, wanted))


@operating_paths.get("/quarantine/<id:id>/image")
def get_quarantined_image(id: str) -> Response:  # noqa: A002  the path's own name for it
    """Show a picture that has no vector as a JPEG, where it can be decoded."""
    service = service_for("admin")
    check_queue()  # a page asks for many at once, and searches wait for the same threads
    serving, caller = service.serving(), service.caller(request.environ)
    size = parameters_of(request.args, ImageParameters).size
    drawn = draw_quarantined(serving, id, size, service.capacity, caller)
    return Response(drawn, mimetype=pictures.MEDIA_TYPE)


def _operated(made: Callable[[], object]) -> Response:
    """Make an operator's answer, and its JSON, on a thread that no search waits for."""
    with store_needed("this cannot be told"):
        return answered(run_operating(lambda: msgspec.json.encode(made())))
