"""What runs: the model server, and the search service."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from doctor import stored
from doctor.finding import Finding, ok, warning, wrong
from lookalike.connections import Connections, NoAnswer
from lookalike.errors import (
    ModelServerError,
    ModelServerUnavailable,
    ModelVersionUnavailable,
    ProbeMismatch,
    StoreError,
)
from lookalike.index import ProbeCheck
from lookalike.index.probes import FILE_NAME as PROBES
from lookalike.serving import RestEmbedder
from lookalike.settings import Settings
from lookalike.store import open_indexes

SECONDS = 5.0
# For the probes, which are several pictures, on a processor that may have other work.
PROBE_SECONDS = 60.0


def model_server(settings: Settings) -> Iterator[Finding]:
    """Ask the model server for the index's model, and for its probes' vectors."""
    try:
        now = stored.served(settings)
    except StoreError:
        return  # told of the index; without one nobody knows which model is wanted
    model, url = now.details.model, settings.model_server_rest
    embedder = RestEmbedder(url, model.address, timeout=PROBE_SECONDS)
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
    connections = Connections(url, keep=1)
    try:
        status, ready = _get(connections, "/readyz")
    except NoAnswer as error:
        said = f"none answers at {url}: {error}"
        advice = "start one ('lookalike serve'), or say where it is with --url"
        yield (wrong if asked else warning)("service", said, advice)
        return
    finally:
        connections.close()
    if status != 200:
        said = f"{url} is not ready: {_detail(ready) or f'status {status}'}"
        yield wrong("service", said, "its own log says more")
        return
    if "index_version" not in ready:
        yield wrong("service", f"what answers at {url} is no search service", "is the URL right?")
        return
    yield ok("service", f"{url} serves {ready['index_version']}")
    if ready.get("problem"):
        yield warning("service", f"{url} goes on, but: {_detail(ready['problem'])}", "see its log")
    current = open_indexes(settings.store, settings.index).current_or_none()
    if current is not None and current != ready["index_version"]:
        said = f"{url} serves {ready['index_version']}, and CURRENT is {current}"
        advice = "it takes seconds to notice; does it read this store?"
        yield warning("service", said, advice)


def _get(connections: Connections, path: str) -> tuple[int, dict[str, Any]]:
    reply = connections.exchange("GET", path, None, None, timeout=SECONDS)
    try:
        document = msgspec.json.decode(reply.data)
    except msgspec.DecodeError:
        document = {}
    return reply.status, document if isinstance(document, dict) else {}


def _detail(problem: dict[str, Any]) -> str:
    return str(problem.get("detail", ""))
