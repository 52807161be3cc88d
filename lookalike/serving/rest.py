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
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

from lookalike.errors import (
    ModelServerBusy,
    ModelServerError,
    ModelServerRejected,
    ModelServerUnavailable,
    ModelVersionUnavailable,
)
from lookalike.serving.base import SIGNATURE, ModelAddress, Pixels, checked, raw_rows
from lookalike.vectors import Vectors

# Statuses that mean "not now": too many requests, unavailable, deadline exceeded.
BUSY: Final = frozenset({429, 503, 504})
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
        self._address, self._timeout, self._connections = address, timeout, connections
        self._model_url = f"{url.rstrip('/')}/v1/models/{address.name}"
        self._predict_url = f"{self._model_url}/versions/{address.version}:predict"
        self._seen = False
        self._session, self._opened = self._open(), time.monotonic()

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
        rows = raw_rows(pixels, self._address)
        body = predict_body(rows)
        deadline = time.monotonic() + min(self._timeout, timeout or self._timeout)
        while True:
            response = self._request("POST", self._predict_url, body, deadline, headers)
            if response.status_code != requests.codes.not_found or not self._may_be_elsewhere(
                deadline
            ):
                break
            time.sleep(ELSEWHERE_PAUSE_SECONDS)
            self._renew()
        vectors = self._vectors(self._answer(response))
        self._seen = True
        return checked(vectors, len(rows), self._address)

    def available_versions(self) -> set[int]:
        """See :meth:`lookalike.serving.base.Embedder.available_versions`."""
        response = self._request("GET", self._model_url, None, time.monotonic() + self._timeout)
        if response.status_code == requests.codes.not_found:
            return set()
        statuses = self._answer(response).get("model_version_status", [])
        return {int(item["version"]) for item in statuses if item["state"] == "AVAILABLE"}

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _may_be_elsewhere(self, deadline: float) -> bool:
        return self._seen and time.monotonic() + ELSEWHERE_PAUSE_SECONDS < deadline

    def _open(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # the model server is never behind a user's proxy
        session.mount("http", HTTPAdapter(1, self._connections))
        return session

    def _renew(self) -> None:
        """Leave the pooled connections for new ones; calls in flight finish on the old."""
        self._session, self._opened = self._open(), time.monotonic()

    def _request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        deadline: float,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request; once more, where a kept connection died before an answer.

        A prediction changes nothing, so it can be sent twice.
        """
        if time.monotonic() - self._opened > CONNECTION_MAX_AGE_SECONDS:
            self._renew()
        try:
            return self._send(method, url, body, deadline, headers)
        except requests.ConnectionError as error:
            if not _died(error):
                raise self._unreachable(error) from error
        try:
            return self._send(method, url, body, deadline, headers)
        except requests.ConnectionError as error:
            raise self._unreachable(error) from error

    def _send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        deadline: float,
        headers: Mapping[str, str] | None,
    ) -> requests.Response:
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._too_slow()
        try:
            return self._session.request(method, url, data=body, headers=headers, timeout=left)
        except requests.Timeout as error:
            raise self._too_slow() from error
        except requests.exceptions.ChunkedEncodingError as error:
            raise ModelServerUnavailable(
                f"the model server at {self._model_url} broke off in the middle of an answer"
            ) from error

    def _answer(self, response: requests.Response) -> dict[str, Any]:
        if response.status_code == requests.codes.ok:
            return _json(response)
        message = f"{response.status_code}: {_error_text(response)}"
        if response.status_code == requests.codes.not_found:
            raise ModelVersionUnavailable(
                f"the model server does not serve {self._address.name} version "
                f"{self._address.version} ({message})"
            )
        if response.status_code in BUSY:
            raise ModelServerBusy(f"the model server is overloaded ({message})")
        if response.status_code < requests.codes.internal_server_error:
            raise ModelServerRejected(f"the model server refused the request ({message})")
        raise ModelServerError(f"the model server failed ({message})")

    def _vectors(self, answer: dict[str, Any]) -> Vectors:
        try:
            return np.asarray(answer["predictions"], dtype=np.float32)
        except (KeyError, ValueError, TypeError) as error:
            raise ModelServerRejected("the model server answered no vectors") from error

    def _too_slow(self) -> ModelServerUnavailable:
        return ModelServerUnavailable(
            f"the model server at {self._model_url} did not answer within {self._timeout:g} s"
        )

    def _unreachable(self, error: requests.ConnectionError) -> ModelServerUnavailable:
        return ModelServerUnavailable(
            f"the model server at {self._model_url} cannot be reached; is it running "
            f"(lookalike model-server)? {_reason(error)}"
        )


def predict_body(rows: list[memoryview]) -> bytes:
    """Write a predict request by hand: base64 and a join cost 0.4 ms a picture at 224 px."""
    instances = b",".join(b'{"b64":"%b"}' % b2a_base64(row, newline=False) for row in rows)
    return b'{"signature_name":"%b","instances":[%b]}' % (SIGNATURE.encode(), instances)


def _died(error: requests.ConnectionError) -> bool:
    """Tell a connection that broke from one that was never made."""
    return bool(error.args) and isinstance(error.args[0], ProtocolError)


def _reason(error: requests.ConnectionError) -> str:
    cause: Any = error.args[0] if error.args else error
    return str(getattr(cause, "reason", cause))


def _json(response: requests.Response) -> dict[str, Any]:
    # The standard library's parser takes NaN and Infinity, which TensorFlow Serving writes.
    try:
        answer = json.loads(response.content)
    except ValueError as error:
        raise ModelServerRejected("the model server answered something other than JSON") from error
    if not isinstance(answer, dict):
        raise ModelServerRejected("the model server answered JSON that is not an object")
    return answer


def _error_text(response: requests.Response) -> str:
    try:
        return str(json.loads(response.content)["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return response.reason
