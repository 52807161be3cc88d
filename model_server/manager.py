"""Watches a model's folder, loads and unloads its versions, and finds one for a request.

One thread looks and loads; requests only read. REST and gRPC share what is loaded here.
"""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from lookalike.progress import working
from model_server.metrics import Metrics
from model_server.model import ServedVersion
from model_server.options import BatchingParameters
from model_server.servable import Servable
from model_server.status import Code, Refusal, invalid
from model_server.versions import Found, Policy, State, VersionStatus, plan, scan
from model_server.warmup import warm_up

log = logging.getLogger(__name__)


class ModelManager:
    """The versions of one model.

    Args:
        name: what clients call the model.
        base_path: folder whose numeric sub-directories are its versions.
        policy: which of them to serve.
        batching: how each version batches; None: not at all.
        metrics: told how long loading and running took.
    """

    def __init__(
        self,
        name: str,
        base_path: Path,
        policy: Policy,
        batching: BatchingParameters | None,
        metrics: Metrics,
    ) -> None:
        self.name, self.base_path, self._policy = name, base_path, policy
        self._batching, self._metrics = batching, metrics
        self._lock = threading.Lock()
        self._served: dict[int, ServedVersion] = {}
        self._statuses: dict[int, VersionStatus] = {}
        self._failed: dict[int, Found] = {}  # as they were when they failed
        self._loader = ThreadPoolExecutor(1, "load")

    def statuses(self) -> dict[int, VersionStatus]:
        """Every version ever seen, newest first."""
        with self._lock:
            return dict(sorted(self._statuses.items(), reverse=True))

    def has_version(self) -> bool:
        """Whether any version can answer."""
        with self._lock:
            return bool(self._served)

    @contextmanager
    def lease(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[ServedVersion]:
        """Find the version that a request asks for, and keep it loaded meanwhile.

        Args:
            name: the model's.
            version: a certain one; None for the newest that is served.
            label: refused, since none are configured.

        Raises:
            Refusal: NOT_FOUND, or INVALID_ARGUMENT for a label or a missing name.
        """
        if not name:
            raise invalid("ModelSpec has no name specified.")
        if label is not None:
            raise invalid(f"Unrecognized servable version label: {label}")
        with self._lock:
            served = self._find(name, version)
            served.acquire()
        try:
            yield served
        finally:
            served.release()

    def poll(self) -> None:
        """Look at the folder once, and load and unload what the policy says."""
        aspired = self._aspired()
        loads = plan(aspired.keys() - self._failed.keys(), self._states()).load
        for version in loads:
            self._set(version, VersionStatus(State.START))
        for version in loads:
            self._load(version, aspired[version])
        for version in plan(aspired, self._states()).unload:
            self._unload(version)

    def close(self) -> None:
        """Unload everything."""
        self._loader.shutdown()
        for version in list(self._served):
            self._unload(version)

    def _find(self, name: str, version: int | None) -> ServedVersion:
        if name == self.name and version is None and self._served:
            return self._served[max(self._served)]
        if name == self.name and version in self._served:
            return self._served[version]
        wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise Refusal(Code.NOT_FOUND, f"Servable not found for request: {wanted}")

    def _states(self) -> dict[int, State]:
        with self._lock:
            return {version: status.state for version, status in self._statuses.items()}

    def _aspired(self) -> dict[int, Found]:
        """Versions to serve, forgetting failures that changed."""
        found = scan(self.base_path)
        for version in [v for v, failed in self._failed.items() if found.get(v) != failed]:
            del self._failed[version]
        return {version: found[version] for version in self._policy.select(found)}

    def _load(self, version: int, found: Found) -> None:
        self._set(version, VersionStatus(State.LOADING))
        # A folder can hold anything. In a thread of its own, whatever goes wrong while it is
        # loaded ends that version, and not the watcher.
        loading = self._loader.submit(self._read, version, found.folder)
        with working(f"loading {self.name} version {version}"):
            error = loading.exception()
        if error is None:
            self._publish(version, loading.result())
            return
        refusal = error if isinstance(error, Refusal) else Refusal(Code.UNKNOWN, str(error))
        log.error("%s version %d cannot be loaded: %s", self.name, version, refusal)
        self._failed[version] = found
        self._set(version, VersionStatus(State.END, refusal))

    def _read(self, version: int, folder: Path) -> ServedVersion:
        started = time.perf_counter()
        servable = Servable(folder)
        self._metrics.count_load(str(folder), (time.perf_counter() - started) * 1e6)
        try:
            count = warm_up(servable, folder)
        except Refusal:
            servable.close()
            raise
        log.info("%s version %d is loaded, warmed up with %d requests", self.name, version, count)
        return ServedVersion(self.name, version, servable, self._batching, self._metrics)

    def _publish(self, version: int, served: ServedVersion) -> None:
        with self._lock:
            self._served[version] = served
            self._statuses[version] = VersionStatus(State.AVAILABLE)

    def _unload(self, version: int) -> None:
        with self._lock:
            served = self._served.pop(version)
            self._statuses[version] = VersionStatus(State.UNLOADING)
        served.close()
        log.info("%s version %d is unloaded", self.name, version)
        self._set(version, VersionStatus(State.END))

    def _set(self, version: int, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[version] = status
