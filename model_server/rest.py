"""TensorFlow Serving's REST API as a function of method, path and body.

Which paths mean what, and what each answers. Sockets and headers are ``http_server``'s.
"""

import logging
import re
import time
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np

from model_server.describe import metadata_json, status_json
from model_server.json_reader import read_object, refuse_overflow
from model_server.json_request import signature_name, tensors_from_json
from model_server.json_response import error_json, predict_json
from model_server.manager import ModelManager
from model_server.metrics import PATH as METRICS_PATH
from model_server.metrics import Metrics
from model_server.signature import Array
from model_server.status import Code, Refusal, invalid
from model_server.versions import LARGEST_VERSION

log = logging.getLogger(__name__)

JSON, TEXT = "application/json", "text/plain"

# The whole of each path, in any case; only the verb's case is looked at afterwards.
_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:?]+))?"
_ACTION = re.compile(
    rf"/v1/models/(?P<name>[^/:?]+){_VERSION}:(?P<verb>classify|regress|predict)", re.IGNORECASE
)
_RESOURCE = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:?]+))?{_VERSION}(?:/(?P<resource>metadata))?", re.IGNORECASE
)
_PATTERNS = {"POST": _ACTION, "GET": _RESOURCE}


@dataclass(frozen=True)
class Response:
    """An answer before it is put on the wire."""

    status: int
    body: bytes
    content_type: str = JSON


@dataclass(frozen=True)
class _Target:
    """What a path is about."""

    name: str
    version: int | None
    label: str | None
    verb: str


class _VersionTooLarge(Exception):
    """A version past int64, the one refusal whose body is empty."""


class RestApi:
    """Answers requests under ``/v1`` and the metrics page.

    Args:
        manager: the model's versions.
        metrics: counts and times requests.
        timeout: seconds that a predict request may take.
    """

    def __init__(self, manager: ModelManager, metrics: Metrics, timeout: float) -> None:
        self._manager, self._metrics, self._timeout = manager, metrics, timeout

    def serves(self, path: str) -> bool:
        """Whether the path is answered here at all; the rest is the HTTP server's 404."""
        return path[:4].lower() == "/v1/" or path.partition("?")[0] == METRICS_PATH

    def answer(self, method: str, path: str, body: bytes) -> Response:
        """Answer one request.

        Args:
            method: GET, POST or another.
            path: with its query, still percent-escaped.
            body: decompressed.
        """
        if path.partition("?")[0] == METRICS_PATH:
            return self._metrics_page(path)
        try:
            return Response(200, self._dispatch(method, path, body))
        except Refusal as refusal:
            return Response(refusal.code.http_status, error_json(refusal.message))
        except _VersionTooLarge:
            return Response(Code.INVALID_ARGUMENT.http_status, b"")
        except Exception as error:  # a client is told, whatever it is
            log.exception("%s %s failed", method, path)
            return Response(
                Code.INTERNAL.http_status, error_json(f"{type(error).__name__}: {error}")
            )

    def _metrics_page(self, path: str) -> Response:
        if path != METRICS_PATH:
            message = f"Unexpected path: {path}. Should be {METRICS_PATH}"
            return Response(Code.INVALID_ARGUMENT.http_status, message.encode(), TEXT)
        return Response(200, self._metrics.page().encode(), TEXT)

    def _dispatch(self, method: str, path: str, body: bytes) -> bytes:
        target = _parse(method, path)
        if target.verb == "predict":
            return self._measured_predict(target, body)
        if target.verb in ("classify", "regress"):
            return self._infer(target, body)
        if not target.name:
            raise invalid("Missing model name in request.")
        if target.verb == "metadata":
            with self._manager.lease(target.name, target.version, target.label) as served:
                return metadata_json(served)
        return status_json(self._manager, target.name, target.version)

    def _measured_predict(self, target: _Target, body: bytes) -> bytes:
        started = time.perf_counter()
        try:
            reply = self._predict(target, body)
        except Refusal as refusal:
            self._metrics.count_request(target.name, refusal.code.name)
            raise
        elapsed = (time.perf_counter() - started) * 1e6
        self._metrics.count_request(target.name, Code.OK.name)
        self._metrics.observe_latency(target.name, "predict", "REST", elapsed)
        return reply

    def _predict(self, target: _Target, body: bytes) -> bytes:
        document = read_object(body)
        wanted = signature_name(document)
        with self._manager.lease(target.name, target.version, target.label) as served:
            signature = served.servable.signatures.get(wanted)
            if signature is None:
                raise invalid(f'Serving signature name: "{wanted}" not found in signature def')
            inputs, form = tensors_from_json(document, signature)
            _refuse_overflow(inputs, body)
            outputs = served.predict(signature, inputs, timeout=self._timeout)
        return predict_json(outputs, form)

    def _infer(self, target: _Target, body: bytes) -> bytes:
        """Refuse classify and regress: no signature of an embedder answers them."""
        wanted = signature_name(read_object(body))
        kind = {"classify": "classification", "regress": "regression"}[target.verb]
        with self._manager.lease(target.name, target.version, target.label) as served:
            if wanted not in served.servable.signatures:
                raise invalid(f"No signature was found with the name: {wanted}")
            definition = served.servable.signature_defs[wanted]
        raise invalid(f"No {kind} inputs found in SignatureDef: {definition}")


def _parse(method: str, path: str) -> _Target:
    pattern = _PATTERNS.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise invalid(f"Malformed request: {method} {path}")
    groups = match.groupdict()
    version = _version(groups["version"])
    verb = groups.get("verb") or groups.get("resource") or ""
    if method == "POST" and verb != verb.lower():
        raise invalid(f"Malformed request: {method} {path}")
    return _Target(
        name=unquote(groups["name"] or ""),
        version=version,
        label=unquote(groups["label"]) if groups["label"] else None,
        verb=verb,
    )


def _version(digits: str | None) -> int | None:
    if digits is None:
        return None
    digits = digits.lstrip("0") or "0"  # Python reads a few thousand digits at most
    if len(digits) > len(str(LARGEST_VERSION)) or int(digits) > LARGEST_VERSION:
        raise _VersionTooLarge
    return int(digits)


def _refuse_overflow(inputs: dict[str, Array], body: bytes) -> None:
    floats = (array for array in inputs.values() if array.dtype.kind == "f")
    if any(np.isinf(array).any() for array in floats):
        refuse_overflow(body)
