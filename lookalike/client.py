"""The Python client of a running search service.

Such as:

    client = Client("http://127.0.0.1:8080")
    for hit in client.search(Path("photo.jpg").read_bytes(), k=5).results:
        print(hit.distance, hit.id)
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec
from numpy.typing import ArrayLike
from urllib3 import encode_multipart_formdata

from lookalike.answers import (
    Answer,
    Area,
    Duplicate,
    Duplicates,
    Explained,
    Explanation,
    Hit,
    Models,
    PictureDetails,
    Quarantine,
    QuarantinedPicture,
    QueryVector,
    RolledBack,
    StoredModel,
    StoredVersion,
    Versions,
    score_of,
)
from lookalike.connections import Connections, Distrusted, NoAnswer, Reply, TooSlow
from lookalike.errors import LookalikeError
from lookalike.questions import (
    IMAGE,
    body_of,
    encoded,
    path_of,
    picture_bytes,
    search_body,
    url_parameters,
)

__all__ = [
    "Answer",
    "Area",
    "Client",
    "Duplicate",
    "Duplicates",
    "Explained",
    "Explanation",
    "Hit",
    "Models",
    "PictureDetails",
    "Quarantine",
    "QuarantinedPicture",
    "QueryVector",
    "RolledBack",
    "ServiceError",
    "StoredModel",
    "StoredVersion",
    "Versions",
    "score_of",
]

# Answers that mean "not now", which the service gives with a Retry-After.
NOT_NOW = frozenset({429, 503})
JSON = {"Content-Type": "application/json"}
# Connections that are kept, for threads that share a client.
CONNECTIONS = 32
SUCCESS = range(200, 300)
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0


Decoded = TypeVar("Decoded")


class ServiceError(LookalikeError):
    """The service answered with a problem document, or did not answer.

    Attributes:
        problem: the document (RFC 9457), empty where there was none.
        kind: of which problem it is, as docs/errors.md lists them, such as
            ``picture-not-found``; empty where there was no document.
        status: of HTTP, that was answered with, by whoever did; 0 where nobody answered.
    """

    type = "service-error"
    title = "The search service did not answer the search"
    # Other errors have the one of their class; this one says what came.
    status: int  # type: ignore[misc]
    exit_code = 8

    def __init__(
        self, message: str, problem: dict[str, Any] | None = None, *, status: int = 0
    ) -> None:
        super().__init__(message)
        self.problem = problem or {}
        self.kind = str(self.problem.get("type", "")).rpartition(":")[2]
        self.status = status


class _Outcome(msgspec.Struct):
    """Of one query; ``data`` is its answer, not decoded, empty where there is a problem."""

    status: int
    data: msgspec.Raw = msgspec.field(name="answer", default=msgspec.Raw())
    problem: dict[str, Any] | None = None


class _Outcomes(msgspec.Struct):
    outcomes: list[_Outcome]


class Client:
    """Talks to a service over kept connections, and tries again what it puts off.

    Threads may share one. In a ``with`` statement its connections are closed at the end.

    Args:
        url: the service, such as ``http://127.0.0.1:8080``.
        key: an API key of it, where it has some.
        timeout: seconds that one call may take, all its tries together.
        tries: how often a call is made at most: again after a 429 or a 503, when the
            service says so and where ``timeout`` allows it, and after a connection that broke.

    Raises:
        ValueError: the URL is none of http or https, the key has a line break, or there would be
            no try.

    Every call raises :class:`ServiceError` where the service refuses it or does not answer, and
    TypeError for an argument that is no JSON, or no picture's bytes, and ValueError for a number
    that JSON cannot tell: NaN, or an infinite one.
    """

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 30.0, tries: int = 4
    ) -> None:
        if tries < 1:
            raise ValueError(f"a call is tried once at least, not {tries} times")
        self._url, self._timeout, self._tries = url.rstrip("/"), timeout, tries
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._connections = Connections(self._url, keep=CONNECTIONS, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def search(
        self,
        picture: bytes | None = None,
        *,
        id: str | None = None,  # noqa: A002  the service's own name for it
        vector: ArrayLike | QueryVector | None = None,
        url: str | None = None,
        **parameters: Any,
    ) -> Answer:
        """Find the indexed pictures that look most alike.

        Args:
            picture: an encoded file to look for, its bytes; or
            id: a picture of the index; or
            vector: numbers as the model gives them, ``[d]``, which travel as float32, or the
                ``vector`` of an answer; or
            url: of a file that the service fetches, where its settings allow.
            parameters: ``k``, ``offset``, ``min_score``, ``box``, ``fields``, ``exclude_self``,
                ``group_by``, ``with_vector`` and all others that ``POST /search`` takes.

        Raises:
            ServiceError: with the service's own words.
            TypeError: ``picture`` is something other than bytes.
        """
        return _answer(self._ask("/search", search_body(picture, id, vector, url, parameters)))

    def search_batch(self, queries: Sequence[Mapping[str, Any]]) -> list[Answer | ServiceError]:
        """Make several searches at once.

        Args:
            queries: keyword arguments of :meth:`search` (``picture``, ``id``, ``vector`` or
                ``url``, and parameters), up to 64.

        Returns:
            For each of them, in order, its answer, or the error that it alone met.
        """
        body = {"queries": [body_of(query) for query in queries]}
        outcomes = _decoded(self._ask("/search/batch", body), _Outcomes).outcomes
        return [_told(one.problem, one.status) if one.problem else _answer(one) for one in outcomes]

    def explain(
        self,
        picture: bytes | None = None,
        *,
        hits: Sequence[str],
        id: str | None = None,  # noqa: A002  the service's own name for it
        box: Mapping[str, Any] | None = None,
    ) -> Explanation:
        """Tell which parts of a picture make it look like pictures of the index.

        Args:
            picture: an encoded file; or
            id: a picture of the index, whose file the service can read.
            hits: ids of the pictures that it is compared with, up to 24.
            box: the part of it that is meant.
        """
        if isinstance(hits, str):
            raise TypeError("hits are ids of several pictures: a list of them, not one string")
        asked = {"hits": list(hits), **({} if box is None else {"box": box})}
        return _decoded(
            self._ask("/explain", search_body(picture, id, None, None, asked)), Explanation
        )

    def picture(self, name: str) -> PictureDetails:
        """Tell what the index knows of a picture."""
        return _decoded(self._call("GET", path_of(name)), PictureDetails)

    def picture_image(self, name: str, size: int = 256) -> bytes:
        """Give a picture of the index as a JPEG, its longer side ``size`` pixels."""
        return self._call("GET", f"{path_of(name)}{IMAGE}?size={size}").data

    def versions(self) -> Versions:
        """List the published versions of the index; for a key of administrators."""
        return _decoded(self._call("GET", "/index/versions"), Versions)

    def models(self) -> Models:
        """List the model versions of the store, with what their cards say; likewise."""
        return _decoded(self._call("GET", "/models"), Models)

    def roll_back(self, version: str | None = None) -> RolledBack:
        """Have another version served, by default the one before; likewise.

        A call whose connection breaks is made again, and "the one before" would then be another:
        so it is looked up first, and named.
        """
        wanted = self._before() if version is None else version
        asked = {} if wanted is None else {"version": wanted}
        return _decoded(self._ask("/index/rollback", asked), RolledBack)

    def _before(self) -> str | None:
        """Name the version before the current one; None: the service says why there is none."""
        listed = self.versions().versions
        names = {one.version for one in listed}
        before = next((one.predecessor for one in listed if one.current), None)
        return before if before in names else None

    def quarantine(self, **parameters: Any) -> Quarantine:
        """List pictures without a vector: ``type``, ``k``, ``offset``; likewise."""
        return _decoded(self._call("GET", f"/quarantine?{url_parameters(parameters)}"), Quarantine)

    def quarantined_image(self, name: str, size: int = 256) -> bytes:
        """Give a picture without a vector as a JPEG, where it can be decoded; likewise."""
        return self._call("GET", f"/quarantine/{quote(name)}{IMAGE}?size={size}").data

    def delete(self, name: str) -> dict[str, Any]:
        """Delete a picture; give the durable record of it.

        Its member ``found`` says whether there was such a picture: an id may be misspelt. Where
        an answer is lost, the picture is deleted again, and ``found`` is of that second time.
        """
        return self._document("DELETE", path_of(name))

    def put(
        self,
        name: str,
        picture: bytes,
        *,
        label: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Add a picture, or replace the one of this id; give the durable record of it.

        Its member ``replaced`` says whether there was one. Where an answer is lost, the picture
        is sent again, and ``replaced`` is of that second time.

        Args:
            name: its id.
            picture: an encoded file, its bytes.
            label: its category, where it has one.
            attributes: texts, numbers, truth values and None by name.
        """
        told = {"attributes": encoded(attributes or {}).decode()}
        if label is not None:
            told["label"] = label
        file = ("picture", picture_bytes(picture), "application/octet-stream")
        form: dict[str, Any] = {"image": file, **told}
        body, media_type = encode_multipart_formdata(form)
        made = self._call("PUT", path_of(name), body, {"Content-Type": media_type})
        return _decoded(made, dict[str, Any])

    def duplicates(self, name: str, **parameters: Any) -> Duplicates:
        """Find the copies of a picture: its id, and perhaps ``distance`` and ``k``."""
        asked = url_parameters({"id": name, **parameters})
        return _decoded(self._call("GET", f"/duplicates?{asked}"), Duplicates)

    def index(self) -> dict[str, Any]:
        """Tell what is being served."""
        return self._document("GET", "/index")

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _document(self, method: str, path: str) -> dict[str, Any]:
        return _decoded(self._call(method, path), dict[str, Any])

    def _ask(self, path: str, document: Any) -> Reply:
        return self._call("POST", path, encoded(document), JSON)

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        deadline = time.monotonic() + self._timeout
        pause = FIRST_PAUSE_SECONDS
        for tried in range(1, self._tries + 1):
            left = deadline - time.monotonic()
            reply = self._sent(method, path, body, headers, timeout=left)
            if _is_final(reply):
                break
            wait = max(pause, _retry_after(reply)) if isinstance(reply, Reply) else pause
            if tried == self._tries or time.monotonic() + wait > deadline:
                break
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        if isinstance(reply, NoAnswer):
            raise ServiceError(self._silence(reply)) from reply
        if reply.status not in SUCCESS:
            raise _refused(reply)
        return reply

    def _silence(self, why: NoAnswer) -> str:
        if isinstance(why, TooSlow):
            return f"the service at {self._url} gave no answer within {self._timeout:g} seconds"
        if isinstance(why, Distrusted):
            return f"the certificate of the service at {self._url} is refused: {why}"
        return f"the service at {self._url} does not answer; is it running (lookalike serve)? {why}"

    def _sent(self, *request: Any, timeout: float) -> Reply | NoAnswer:
        try:
            return self._connections.exchange(*request, timeout=timeout)
        except NoAnswer as error:
            return error


def _is_final(reply: Reply | NoAnswer) -> bool:
    """Tell whether another try would come to the same."""
    if isinstance(reply, Reply):
        return reply.status not in NOT_NOW
    return isinstance(reply, Distrusted)


def _answer(told: Reply | _Outcome) -> Answer:
    answer = _decoded(told, Answer)
    return msgspec.structs.replace(answer, raw=bytes(told.data).decode())


def _decoded(reply: Reply | _Outcome, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(reply.data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServiceError(
            f"something else than the service answers at this URL: {error}", status=reply.status
        ) from error


def _retry_after(reply: Reply) -> float:
    try:
        return float(reply.headers.get("Retry-After", 0))
    except ValueError:
        return 0.0


def _refused(reply: Reply) -> ServiceError:
    try:
        return _told(msgspec.json.decode(reply.data, type=dict[str, Any]), reply.status)
    except (ValueError, KeyError):
        elsewhere = reply.headers.get("Location")
        hint = f": it is at {elsewhere}" if elsewhere else ""
        said = f"the service answered {reply.status} {reply.reason}{hint}"
        return ServiceError(said, status=reply.status)


def _told(problem: dict[str, Any], status: int) -> ServiceError:
    return ServiceError(f"{problem['title']}: {problem['detail']}", problem, status=status)
