"""The Flask application: its settings, and what it is put together from.

gunicorn makes one in each worker, after the fork (search_api/gunicorn_conf.py).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask
from werkzeug.routing import BaseConverter

from lookalike.changes import open_changes
from lookalike.cores import cores
from lookalike.settings import Settings
from lookalike.store import Location, open_indexes, open_models
from search_api import (
    docs,
    metrics,
    openapi,
    own_stderr,
    problems,
    storage_loop,
    surrounding,
    tracing,
    web,
)
from search_api.apart import run_beside
from search_api.at_hand import EXTENSION
from search_api.bodies import Bodies
from search_api.capacity import Capacity
from search_api.direct import direct
from search_api.keys import Keys
from search_api.native import name_apart, size_native_pool
from search_api.operating_paths import operating_paths
from search_api.paths import paths
from search_api.query import MemoryRequest
from search_api.replica import Replica
from search_api.service import Service
from search_api.shared import Shared
from search_api.web.paths import pages


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
    app.register_blueprint(operating_paths)
    app.register_blueprint(pages)
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
    own_stderr.start(parted=settings.log_format == "json")
    storage_loop.start()
    app = bare_app()
    tracing.start(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    keys = Keys.of(settings)
    size_native_pool(settings.threads or cores())
    name_apart()
    replica, capacity = Replica(settings), Capacity.of(settings)
    service = app.extensions[EXTENSION] = Service(
        capacity=capacity,
        seconds=settings.request_seconds,
        replica=replica,
        keys=keys,
        changes=open_changes(settings.store, settings.index),
        indexes=open_indexes(settings.store, settings.index),
        models=open_models(settings.store, settings.model),
        openapi=msgspec.json.encode(openapi.document(app, keys.open_to_all)),
        # On a thread that no search waits for.
        metrics=Shared(lambda: run_beside(metrics.rendered), metrics.RENDER_SECONDS),
    )
    docs.page(), web.assets()  # read now, not by the event loop
    # Flask's own way to wrap an application.
    inside = direct(app.wsgi_app, service, settings.max_body_bytes)
    around: Any = Bodies(settings.max_bodies_bytes).bounded(inside)
    app.wsgi_app = surrounding.surrounded(around)  # type: ignore[method-assign,assignment]
    surrounding.register(app)
    metrics.start(capacity.embeddings.limit)
    problems.register(app, (Location(settings.store).root, str(Path(settings.cache).absolute())))
    replica.start()
    keys.start()
    capacity.recall.start()
    return app
