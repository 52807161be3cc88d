"""The Python client of a running search service.

client = Client("http://127.0.0.1:8080")
for hit in client.search(Path("photo.jpg").read_bytes(), k=5).results:
print(hit.distance, hit.id)
"""

from typing import Any

import msgspec
import requests

from lookalike.errors import LookalikeError

RAW = "application/octet-stream"


class Hit(msgspec.Struct, frozen=True):
    """A picture that looks like the query's; ``distance`` 0 is the same picture."""

    id: str
    distance: float
    score: float | None
    label: str | None
    uri: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``POST /search``; ``raw`` is it as it came, JSON."""

    results: list[Hit]
    index_version: str
    model_version: int
    took_ms: dict[str, float]
    raw: str = ""


class ServiceError(LookalikeError):
    """The service answered with a problem document, or did not answer.

    ``problem`` is the document (RFC 9457), empty where there was none.
    """

    type = "service-error"
    title = "The search service did not answer the search"
    exit_code = 8

    def __init__(self, message: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {}


class Client:
    """Sends searches over one kept connection.

    Args:
        url: the service, such as ``http://127.0.0.1:8080``.
        timeout: seconds that one search may take.
    """

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self._url, self._timeout = url.rstrip("/"), timeout
        self._session = requests.Session()

    def search(self, picture: bytes, *, k: int = 10) -> Answer:
        """Find the ``k`` indexed pictures that look most like ``picture`` (an encoded file).

        Raises:
            ServiceError: with the service's own words.
        """
        try:
            response = self._session.post(
                f"{self._url}/search",
                params={"k": k},
                data=picture,
                headers={"Content-Type": RAW},
                timeout=self._timeout,
            )
        except requests.RequestException as error:
            raise ServiceError(
                f"the service at {self._url} does not answer; is it running (lookalike serve)?"
            ) from error
        if not response.ok:
            raise _refused(response)
        answer = msgspec.json.decode(response.content, type=Answer)
        return msgspec.structs.replace(answer, raw=response.text)


def _refused(response: requests.Response) -> ServiceError:
    try:
        problem = response.json()
        return ServiceError(f"{problem['title']}: {problem['detail']}", problem)
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"the service answered {response.status_code} {response.reason}")
