"""gunicorn's configuration, all of it, from the project's settings.

Start with ``lookalike serve``, or ``gunicorn -c search_api/gunicorn_conf.py``.
"""

from gevent import monkey

if __name__ == "__config__":  # gunicorn reads it, and nobody who only wants its values
    monkey.patch_all()

import gc
import importlib
import math
import os
import signal
from pathlib import Path
from typing import Any

from lookalike.settings import Settings
from search_api import stopping
from search_api.metrics_folder import make_metrics_folder

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  the kernel's shared memory, not a guessable file
# For clients that are slow to send what they began, or to take their answer.
SLOW_SECONDS = 20
_settings = Settings.from_environment()


def shutdown_seconds(settings: Settings) -> int:
    """Give the most that the service takes from SIGTERM to its end."""
    return math.ceil(settings.drain_seconds + settings.request_seconds) + SLOW_SECONDS


wsgi_app = "search_api.app:create_app()"
bind = _settings.bind
workers = _settings.workers
worker_class = "search_api.worker.DrainingWorker"
# The application is made after the fork: threads do not survive one.
preload_app = False
# Connections that a worker holds at once; each is a greenlet.
worker_connections = 1000
keepalive = 75
# Nothing is made of what a proxy says of its clients, so that nobody has to be found worthy of
# saying it, at each request.
forwarded_allow_ips = "*"
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# The most that it takes; the longest ids need it.
limit_request_line = 8190
# A worker whose event loop stands still for so long is replaced.
timeout = 60
graceful_timeout = shutdown_seconds(_settings)
# Heartbeat files belong on memory, so that a slow disk does not look like a dead worker.
worker_tmp_dir = str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None
# It wants a writable home, which a container with a read-only root has not.
control_socket_disable = True
errorlog = "-"
logger_class = "search_api.access.ServiceLogger"
loglevel = "info"

# Names the folder of all workers' metrics, where they go on counting when gunicorn is told to
# reload, and reads this file again.
METRICS = "PROMETHEUS_MULTIPROC_DIR"

# Imported before the fork, so that all workers share its pages. With one thread a BLAS, which
# is what a query wants anyway, importing it starts none.
APPLICATION = wsgi_app.partition(":")[0]
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def on_starting(server: object) -> None:  # noqa: ARG001  gunicorn's signature
    """Import the application, of which nothing runs before the fork; lay out the metrics."""
    os.environ[METRICS] = make_metrics_folder(worker_tmp_dir)
    for name in SINGLE_THREADED:
        os.environ[name] = "1"
    importlib.import_module(APPLICATION)
    importlib.import_module("search_api.tracing").check(_settings)
    # It is no worker: what it would tell of itself is left out.
    _forget(os.getpid())
    # What is there now stays: a collection that looked at it in a worker would copy its pages.
    gc.freeze()


def when_ready(server: Any) -> None:
    """Let the workers know at once that the master is to stop, and when it is told so again.

    gunicorn's signals get to them one by one, and it forgets one that comes right after another.
    """

    def stop(number: int, frame: object) -> None:
        if os.getpid() == server.pid:  # a worker has this too until it sets its own
            stopping.tell(at_once=number != signal.SIGTERM)
        server.signal(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, stop)


def child_exit(server: object, worker: Any) -> None:  # noqa: ARG001  gunicorn's signature
    """Leave what a worker that ended counted, and forget what it was doing."""
    _forget(worker.pid)


def _forget(pid: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, os.environ[METRICS])  # type: ignore[no-untyped-call]


def post_fork(server: object, worker: Any) -> None:  # noqa: ARG001  gunicorn's signature
    """Pass the settings on."""
    worker.drain_seconds = _settings.drain_seconds


def worker_exit(server: object, worker: object) -> None:  # noqa: ARG001  gunicorn's signature
    """Send the last spans."""
    importlib.import_module("search_api.tracing").stop()
