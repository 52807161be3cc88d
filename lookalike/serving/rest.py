"""TensorFlow Serving over REST: one picture or a few, with few and light imports.

https://www.tensorflow.org/tfx/serving/api_rest; how a real server answers is listed
in docs/model_server.md.
"""

import json
import time
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from lookalike.connections import BrokeOff, Connections, NoAnswer, Reply, TooSlow
from lookalike.errors import (
    ModelServerBusy,
    ModelServerError,
    ModelServerRejected,
    ModelServerUnavailable,
    ModelVersionUnavailable,
)
from lookalike.picture.contract import Pixels
from lookalike.serving.base import (
    PARTS,
    SIGNATURE,
    ModelAddress,
    Parts,
    checked,
    checked_parts,
    raw_rows,
)
from lookalike.vectors import Vectors

OK, NOT_FOUND, FAILED = 200, 404, 500
# Statuses that mean "not now": too many requests, unavailable, deadline exceeded.
BUSY: Final = frozenset({429, 503, 504})
NO_VECTORS = "the model server answered no vectors"
# Kinds of arrays that vectors come as: neither texts, nor truth values, nor whatever does not fit.
NUMBERS: Final = frozenset("iuf")
# Behind a Kubernetes Service a pod that has just started may lack a version that the
# others serve; a new connection may reach another pod.
ELSEWHERE_PAUSE_SECONDS = 0.05
# A connection is given up after so long, so that new pods get their share of them.
CONNECTION_MAX_AGE_SECONDS = 60.0


class RestEmbedder:
    """An :class:`~lookalike.serving.base.Embedder` over REST; safe to share between threads.

    Args:
        url: base URL of the REST API, such as ``http://127.0.0.1:8501``.
        address: which model, and what it takes and gives.
        timeout: seconds that one call may take, all its tries together.
        connections: how many connections are kept open.
    """

    def __init__(
        self, url: str, address: ModelAddress, *, timeout: float = 10.0, connections: int = 16
    ) -> None:
        self._address, self._timeout, self._keep = address, timeout, connections
        self._url = url.rstrip("/")
        self._model_path = f"/v1/models/{address.name}"
        self._predict_path = f"{self._model_path}/versions/{address.version}:predict"
        self._seen = False
        self._connections, self._opened = self._open(), time.monotonic()

    def embed(
        self,
        pixels: Pixels,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Vectors:
        """See :meth:`lookalike.serving.base.Embedder.embed`.

        Args:
            pixels: as there.
            timeout: seconds, where whoever waits for this waits less long.
            headers: to send along, such as ``traceparent``.
        """
        vectors = self._predict(SIGNATURE, pixels, timeout, headers)
        return checked(vectors, len(pixels), self._address)

    def parts(
        self,
        pixels: Pixels,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Parts:
        """Give what each place of ``uint8[n, S, S, 3]`` adds to its ``dense_1``.

        Args:
            pixels: as of :meth:`embed`.
            timeout: likewise.
            headers: likewise.

        Returns:
            ``float32[n, h, w, dimensions]``, for models that were exported with the
            signature ``parts``; errors as of :meth:`embed`.
        """
        parts = self._predict(PARTS, pixels, timeout, headers)
        return checked_parts(parts, len(pixels), self._address)

    def _predict(
        self,
        signature: str,
        pixels: Pixels,
        timeout: float | None,
        headers: Mapping[str, str] | None,
    ) -> Vectors:
        body = predict_body(raw_rows(pixels, self._address), signature)
        deadline = time.monotonic() + min(self._timeout, timeout or self._timeout)
        while True:
            response = self._request("POST", self._predict_path, body, deadline, headers)
            if response.status != NOT_FOUND or not self._may_be_elsewhere(deadline):
                break
            time.sleep(ELSEWHERE_PAUSE_SECONDS)
            self._renew()
        numbers = self._numbers(self._answer(response))
        self._seen = True
        return numbers

    def available_versions(self, timeout: float | None = None) -> set[int]:
        """See :meth:`lookalike.serving.base.Embedder.available_versions`.

        Args:
            timeout: seconds, where whoever waits for this waits less long.

        Raises:
            ModelServerRejected: also where it is no model server that answers.
        """
        deadline = time.monotonic() + min(self._timeout, timeout or self._timeout)
        response = self._request("GET", self._model_path, None, deadline)
        if response.status not in (OK, NOT_FOUND):
            raise self._failure(response)
        # Any server has such a status for what it does not know; a model server names the model.
        if response.status == NOT_FOUND and self._address.name in _error_text(response):
            return set()
        return self._available(response)

    def _available(self, response: Reply) -> set[int]:
        try:
            statuses = _parsed(response)["model_version_status"]
            return {int(item["version"]) for item in statuses if item["state"] == "AVAILABLE"}
        except (ValueError, KeyError, TypeError) as error:
            raise ModelServerRejected(
                f"what answers at {self._url} is no model server: {response.status} for "
                f"{self._model_path}"
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _may_be_elsewhere(self, deadline: float) -> bool:
        return self._seen and time.monotonic() + ELSEWHERE_PAUSE_SECONDS < deadline

    def _open(self) -> Connections:
        return Connections(self._url, keep=self._keep, harmless=True)

    def _renew(self) -> None:
        """Leave the kept connections for new ones; calls in flight finish on the old."""
        self._connections, self._opened = self._open(), time.monotonic()

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        deadline: float,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request, which must be one that changes nothing: it may come twice."""
        if time.monotonic() - self._opened > CONNECTION_MAX_AGE_SECONDS:
            self._renew()
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._too_slow(0)
        try:
            return self._connections.exchange(method, path, body, headers, timeout=left)
        except TooSlow as error:
            raise self._too_slow(left) from error
        except BrokeOff as error:
            raise ModelServerUnavailable(
                f"the model server at {self._url} broke off in the middle of an answer"
            ) from error
        except NoAnswer as error:
            raise ModelServerUnavailable(
                f"the model server at {self._url} cannot be reached; is it running "
                f"(lookalike model-server)? {error}"
            ) from error

    def _answer(self, response: Reply) -> dict[str, Any]:
        if response.status == OK:
            return _json(response)
        raise self._failure(response)

    def _failure(self, response: Reply) -> ModelServerError:
        """Say what a status other than 200 means."""
        message = f"{response.status}: {_error_text(response)}"
        if response.status == NOT_FOUND:
            return ModelVersionUnavailable(
                f"the model server does not serve {self._address.name} version "
                f"{self._address.version} ({message})"
            )
        if response.status in BUSY:
            return ModelServerBusy(f"the model server is overloaded ({message})")
        if response.status < FAILED:
            return ModelServerRejected(f"the model server refused the request ({message})")
        return ModelServerError(f"the model server failed ({message})")

    def _numbers(self, answer: dict[str, Any]) -> Vectors:
        try:
            numbers = np.asarray(answer["predictions"])
        except (KeyError, ValueError) as error:
            raise ModelServerRejected(NO_VECTORS) from error
        if numbers.dtype.kind not in NUMBERS:
            raise ModelServerRejected(NO_VECTORS)
        with np.errstate(over="ignore"):  # what does not fit is infinite, and refused as that
            return numbers.astype(np.float32)

    def _too_slow(self, seconds: float) -> ModelServerUnavailable:
        return ModelServerUnavailable(
            f"the model server at {self._url} did not answer within {seconds:.2g} s"
        )


def predict_body(rows: list[memoryview], signature: str = SIGNATURE) -> bytes:
    """Write a predict request by hand: base64 and a join cost 0.4 ms a picture at 224 px."""
    instances = b",".join(b'{"b64":"%b"}' % b2a_base64(row, newline=False) for row in rows)
    return b'{"signature_name":"%b","instances":[%b]}' % (signature.encode(), instances)


def _json(response: Reply) -> dict[str, Any]:
    try:
        answer = _parsed(response)
    except ValueError as error:
        raise ModelServerRejected("the model server answered something other than JSON") from error
    if not isinstance(answer, dict):
        raise ModelServerRejected("the model server answered JSON that is not an object")
    return answer


def _parsed(response: Reply) -> Any:
    """Parse an answer; raise ValueError where it is no JSON, or nested too deeply to be read."""
    # The standard library's parser takes NaN and Infinity, which TensorFlow Serving writes.
    try:
        return json.loads(response.data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _error_text(response: Reply) -> str:
    try:
        return str(_parsed(response)["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return response.reason
