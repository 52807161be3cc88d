"""What runs: the model server, and the search service."""

import tempfile
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from doctor import stored
from doctor.finding import Finding, ok, warning, wrong
from lookalike.connections import Connections, NoAnswer
from lookalike.errors import (
    ConfigurationError,
    ModelServerError,
    ModelServerUnavailable,
    ModelVersionUnavailable,
    ProbeMismatch,
)
from lookalike.index import ProbeCheck
from lookalike.index.probes import FILE_NAME as PROBES
from lookalike.serving import RestEmbedder
from lookalike.settings import Settings
from lookalike.store import open_indexes

SECONDS = 5.0
# For the probes, which are several pictures, on a processor that may have other work.
PROBE_SECONDS = 60.0
OK, NOT_FOUND = 200, 404
# Past that, it is not the seconds of an answer; Amazon's S3 refuses a quarter of an hour.
MOST_CLOCK_SECONDS = 60.0


def model_server(settings: Settings) -> Iterator[Finding]:
    """Ask the model server for the index's model, and for its probes' vectors."""
    try:
        now = stored.served(settings)
    except Exception:  # noqa: BLE001  told of the index, without which no model is wanted
        return
    model, url = now.details.model, settings.model_server_rest
    try:
        embedder = RestEmbedder(url, model.address, timeout=PROBE_SECONDS)
    except ValueError as error:
        advice = "name it in LOOKALIKE_MODEL_SERVER_REST, as http://127.0.0.1:8501"
        yield wrong("model server", str(error), advice, ConfigurationError)
        return
    try:
        available = embedder.available_versions()
        if model.version not in available:
            others = ", ".join(map(str, sorted(available))) or "none"
            said = f"{url} has not version {model.version} of {model.name}; it has {others}"
            advice = "does it watch the store's models/ ('lookalike model-server')?"
            yield wrong("model server", said, advice, ModelVersionUnavailable)
            return
        _probes(settings, now).run(embedder)
    except ProbeMismatch as error:
        advice = "restore that version's folder, and restart the model server"
        yield wrong("model server", str(error), advice, ProbeMismatch)
    except ModelServerUnavailable as error:
        advice = "start it ('lookalike model-server'), or name it in LOOKALIKE_MODEL_SERVER_REST"
        yield wrong("model server", str(error), advice, ModelServerUnavailable)
    except ModelServerError as error:
        yield wrong("model server", str(error), "its own log says why", type(error))
    else:
        yield ok(
            "model server", f"{url} serves {model.name} {model.version}, and gives its vectors"
        )
    finally:
        embedder.close()


def _probes(settings: Settings, now: stored.Served) -> ProbeCheck:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / PROBES
        indexes = open_indexes(settings.store, settings.index)
        indexes.download(now.version, now.manifest.file(PROBES), path)
        return ProbeCheck(path, now.details.model.picture)


def service(url: str, settings: Settings, *, asked: bool) -> Iterator[Finding]:
    """Ask a search service how it does, and which index it serves.

    Args:
        url: where it should be.
        settings: say which index it should serve.
        asked: whether somebody named it, so that it has to be there.
    """
    try:
        connections = Connections(url, keep=1)
    except ValueError as error:
        advice = "name it as in --url http://127.0.0.1:8080"
        yield wrong("service", str(error), advice, ConfigurationError)
        return
    try:
        alive = _get(connections, "/healthz")
        ready = _get(connections, "/readyz")
        about = _get(connections, "/openapi.json").document.get("info") or {}
    except NoAnswer as error:
        said = f"none answers at {url}: {error}"
        advice = "start one ('lookalike serve'), or say where it is with --url"
        yield (wrong if asked else warning)("service", said, advice)
        return
    finally:
        connections.close()
    yield from answered(url, settings, Answers(alive, ready, about))


class Got(NamedTuple):
    """An answer: status, the JSON object in it, and the clock of who gave it."""

    status: int
    document: dict[str, Any]
    date: str | None


class Answers(NamedTuple):
    """What something that may be a search service said of itself."""

    alive: Got
    ready: Got
    about: dict[str, Any]


def answered(url: str, settings: Settings, answers: Answers) -> Iterator[Finding]:
    """Say what follows from what something at a URL said of itself."""
    alive, ready, about = answers
    ours = about.get("title") == "Lookalike"
    if NOT_FOUND in (alive.status, ready.status) and ours:
        said = f"{url} leads to a service, and not to its /healthz and /readyz"
        advice = "an ingress hides them: ask from inside the cluster"
        yield warning("service", said, advice)
    elif alive.status != OK or not ours:
        yield wrong("service", f"what answers at {url} is no search service", "is the URL right?")
        return
    elif ready.status != OK:
        reason = _detail(ready.document) or f"status {ready.status}"
        advice = "what is wrong above is why, or else its log says it"
        yield wrong("service", f"{url} lives and is not ready: {reason}", advice)
    else:
        yield from _serves(url, settings, ready.document)
    yield from _differences(url, str(about.get("version")), alive.date)


def _serves(url: str, settings: Settings, ready: dict[str, Any]) -> Iterator[Finding]:
    """Hold the index that is served against the one that should be."""
    yield ok("service", f"{url} serves {ready['index_version']}")
    if ready.get("problem"):
        yield warning("service", f"{url} goes on, but: {_detail(ready['problem'])}", "see its log")
    try:
        current = open_indexes(settings.store, settings.index).current_or_none()
    except Exception as error:  # noqa: BLE001  the store has a check of its own
        said = f"whether that is CURRENT cannot be told: {error}"
        yield warning("service", said, "see to the store")
        return
    if current is not None and current != ready["index_version"]:
        said = f"{url} serves {ready['index_version']}, and CURRENT is {current}"
        advice = "it takes seconds to notice; does it read this store?"
        yield warning("service", said, advice)


def _differences(url: str, there: str, date: str | None) -> Iterator[Finding]:
    """Tell where a service is of another version, or lives in another time."""
    here = version("lookalike")
    if there != here:
        said = f"{url} is lookalike {there}, and this is {here}"
        yield warning("service", said, "bring both to one version")
    try:
        seconds = 0.0 if date is None else time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return  # a proxy's; nothing depends on it
    if abs(seconds) > MOST_CLOCK_SECONDS:
        said = f"the clock at {url} differs by {abs(seconds):.0f} s from the one here"
        yield warning(
            "service", said, "set both by NTP: buckets refuse what is signed by a wrong one"
        )


def _get(connections: Connections, path: str) -> Got:
    reply = connections.exchange("GET", path, None, None, timeout=SECONDS)
    try:
        document = msgspec.json.decode(reply.data)
    except msgspec.DecodeError:
        document = {}
    return Got(
        reply.status, document if isinstance(document, dict) else {}, reply.headers.get("Date")
    )


def _detail(problem: dict[str, Any]) -> str:
    return str(problem.get("detail", ""))
