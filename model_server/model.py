"""A version that is being served: its SavedModel, its queue and who is using it.

Everything that a request needs once its version has been found.
"""

import threading
import time
from concurrent.futures import Future

from model_server.batcher import Batcher
from model_server.batching import row_count
from model_server.metrics import Metrics
from model_server.options import BatchingParameters
from model_server.servable import Servable
from model_server.signature import Array, Signature, Tensors
from model_server.status import DEADLINE_MESSAGE, Code, Refusal


class ServedVersion:
    """Answers predict requests for one version.

    Args:
        name: the model's, for metrics.
        version: its number.
        servable: the loaded SavedModel; closed with this.
        batching: how requests share a run; None runs each by itself.
        metrics: told how long things took.
    """

    def __init__(
        self,
        name: str,
        version: int,
        servable: Servable,
        batching: BatchingParameters | None,
        metrics: Metrics,
    ) -> None:
        self.name, self.version, self.servable = name, version, servable
        self._metrics = metrics
        self._batcher = (
            Batcher(batching, self._run_batch, metrics.observe_queuing) if batching else None
        )
        self._users = 0
        self._released = threading.Condition()

    def predict(
        self,
        signature: Signature,
        inputs: Tensors,
        wanted: list[str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Array]:
        """Run a request, in a batch where its rows can share one.

        Args:
            signature: one of the servable's.
            inputs: an array an input.
            wanted: outputs to give; all where there are none.
            timeout: seconds; none waits for ever.

        Raises:
            Refusal: in the real server's words.
        """
        signature.check(inputs)
        outputs = signature.select(wanted or [])
        rows = row_count(inputs)
        if self._batcher is None or not signature.batchable or not rows or wanted:
            return self._run(signature, inputs, outputs, timeout)
        return _await(self._batcher.submit(signature.name, inputs, rows), timeout)

    def acquire(self) -> None:
        """Keep the version in memory until ``release``."""
        with self._released:
            self._users += 1

    def release(self) -> None:
        """End one ``acquire``."""
        with self._released:
            self._users -= 1
            self._released.notify_all()

    def close(self) -> None:
        """Wait for the requests in flight, then free the memory; no new ones may come."""
        with self._released:
            self._released.wait_for(lambda: self._users == 0)
        if self._batcher:
            self._batcher.close()
        self.servable.close()

    def _run_batch(self, signature: str, inputs: Tensors) -> dict[str, Array]:
        definition = self.servable.signatures[signature]
        return self._run(definition, inputs, tuple(definition.outputs), None)

    def _run(
        self,
        signature: Signature,
        inputs: Tensors,
        outputs: tuple[str, ...],
        timeout: float | None,
    ) -> dict[str, Array]:
        started = time.perf_counter()
        results = self.servable.run(signature, inputs, outputs, timeout)
        self._metrics.observe_runtime(self.name, (time.perf_counter() - started) * 1e6)
        return results


def _await(outcome: Future[dict[str, Array]], timeout: float | None) -> dict[str, Array]:
    try:
        return outcome.result(timeout)
    except TimeoutError as error:
        outcome.cancel()
        raise Refusal(Code.DEADLINE_EXCEEDED, DEADLINE_MESSAGE) from error
