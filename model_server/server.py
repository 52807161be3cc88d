"""The local look-alike, wired together: one model behind REST and gRPC.

Waits for a version before it opens its ports, as the real server does, so that an open
port means that requests are answered.
"""

import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from lookalike.errors import ModelServerError
from model_server.grpc_service import GrpcService, make_server
from model_server.http_server import HttpServer
from model_server.manager import ModelManager
from model_server.metrics import Metrics
from model_server.options import ServerOptions, ready_line
from model_server.ports import bound, port_refused
from model_server.rest import RestApi

if TYPE_CHECKING:
    import grpc

log = logging.getLogger(__name__)

SHUTDOWN_POLL_SECONDS = 0.05


class ModelServer:
    """Serves the versions of one model, from ``start`` to ``stop`` or as a context manager.

    Args:
        options: what to serve, and where.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.rest_port = self.grpc_port = 0
        self._problem = ""  # of the last look, told once
        self._metrics = Metrics()
        self._manager = ModelManager(
            options.model_name, options.base_path, options.policy, options.batching, self._metrics
        )
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._http: HttpServer | None = None
        self._grpc: grpc.Server | None = None

    @property
    def ready_line(self) -> str:
        """Where requests are answered, once ``start`` has returned."""
        what = f"look-alike, policy {self.options.policy}"
        return ready_line(self.options.host, self.rest_port, self.grpc_port, what)

    def start(self) -> None:
        """Wait for a version that can be served, then open the ports.

        Raises:
            ModelServerError: there are versions and none of them can be loaded.
            ConfigurationError: a port cannot be had.
        """
        self._wait_for_version()
        self._open_rest()
        self._open_grpc()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Close the ports, let batches that run finish, and free the models."""
        self._stopping.set()
        if self._watcher:
            self._watcher.join()
        if self._grpc:
            self._grpc.stop(grace=None).wait()
        if self._http:
            self._http.shutdown()
            self._http.server_close()
        self._manager.close()

    def __enter__(self) -> "ModelServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_for_version(self) -> None:
        self._look()
        if not self._manager.statuses():
            log.info("waiting for a version under %s", self.options.base_path)
        while not self._manager.has_version():
            self._refuse_broken()
            self._stopping.wait(self.options.poll_seconds)
            self._look()

    def _refuse_broken(self) -> None:
        broken = [
            f"version {version} ({status.error})"
            for version, status in self._manager.statuses().items()
            if status.error
        ]
        if broken:
            name = self.options.model_name
            raise ModelServerError(f"no version of {name} can be loaded: {', '.join(broken)}")

    def _open_rest(self) -> None:
        api = RestApi(self._manager, self._metrics, self.options.rest_timeout_ms / 1000)
        try:
            self._http = HttpServer(self.options.host, self.options.rest_port, api)
        except OSError as error:
            raise port_refused("REST", self.options.host, self.options.rest_port, error) from error
        self.rest_port = self._http.server_port
        serve = threading.Thread(
            target=self._http.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), daemon=True
        )
        serve.start()

    def _open_grpc(self) -> None:
        host, port = self.options.host, self.options.grpc_port
        with bound("gRPC", host, port):
            pass  # gRPC itself does not say why it cannot have a port
        try:
            self._grpc, self.grpc_port = make_server(
                f"{host}:{port}", GrpcService(self._manager, self._metrics)
            )
        except RuntimeError as error:
            raise port_refused("gRPC", host, port, error) from error
        self._grpc.start()

    def _watch(self) -> None:
        while not self._stopping.wait(self.options.poll_seconds):
            self._look()

    def _look(self) -> None:
        """Look at the folder; one that cannot be read, as on a disk that is away, may come back."""
        problem = ""
        try:
            self._manager.poll()
        except OSError as error:
            problem = str(error)
            if problem != self._problem:
                log.warning("versions cannot be looked for: %s", problem)
        self._problem = problem
