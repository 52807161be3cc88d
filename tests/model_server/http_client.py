"""A plain HTTP client that sends exactly what a test says."""

import http.client
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

STARTUP_SECONDS = 60


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return self.json["error"]


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Address":
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or 8501)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        connection = self.connect()
        try:
            return exchange(connection, method, path, body, headers)
        finally:
            connection.close()

    def predict(self, document: object, where: str = "") -> Reply:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.exchange("POST", f"/v1/models/toy{where}:predict", body)


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    connection.request(method, path, body, dict(headers or {}))
    response = connection.getresponse()
    return Reply(response.status, dict(response.headers.items()), response.read())


def wait_until_available(address: Address, model: str) -> Address:
    """Wait for a server that may yet have to load the models that a fixture just wrote."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            if address.exchange("GET", f"/v1/models/{model}").status == 200:
                return address
        except ConnectionRefusedError:
            pass
        assert time.monotonic() < deadline, f"no {model} at {address} after {STARTUP_SECONDS} s"
        time.sleep(0.5)
