"""gunicorn's configuration, all of it, from the project's settings.

Start with ``lookalike serve``, or ``gunicorn -c search_api/gunicorn_conf.py``.
"""

import logging
from pathlib import Path

from lookalike.settings import Settings

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  the kernel's shared memory, not a guessable file
_settings = Settings.from_environment()

wsgi_app = "search_api.app:create_app()"
bind = _settings.bind
workers = _settings.workers
worker_class = "gevent"
# The application is made after the fork: faiss' and OpenCV's threads do not survive one.
preload_app = False
# Connections that a worker holds at once; each is a greenlet.
worker_connections = 1000
keepalive = 75
# A worker whose event loop stands still for so long is replaced.
timeout = 60
graceful_timeout = 30
# Heartbeat files belong on memory, so that a slow disk does not look like a dead worker.
worker_tmp_dir = str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None
# It wants a writable home, which a container with a read-only root has not.
control_socket_disable = True
errorlog = "-"
loglevel = "info"


def post_fork(server: object, worker: object) -> None:  # noqa: ARG001  gunicorn's signature
    """Let the application's own log lines out beside gunicorn's."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s [%(process)d] [%(levelname)s] %(name)s: %(message)s"
    )
    # It tells at each start which instruction sets it looked for.
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)
