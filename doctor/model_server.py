"""The model server: whether it has the model that the index needs, as the service and jobs ask."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from doctor.finding import Finding, ok, warning, wrong
from doctor.index import Served, served
from doctor.waiting import waiting
from lookalike.errors import (
    ConfigurationError,
    ModelServerError,
    ModelServerRejected,
    ModelServerUnavailable,
    ModelVersionUnavailable,
    ProbeMismatch,
    StoreError,
)
from lookalike.index import ProbeCheck
from lookalike.index.probes import FILE_NAME as PROBES
from lookalike.model_card import read_stored_card
from lookalike.serving import ModelAddress, RestEmbedder
from lookalike.settings import Settings
from lookalike.store import open_indexes, open_models

CHECK = "model server"
REST, GRPC = "LOOKALIKE_MODEL_SERVER_REST", "LOOKALIKE_MODEL_SERVER_GRPC"
# For the list of versions, which costs a model server nothing.
SECONDS = 5.0
# For the probes, which are several pictures, on a processor that may have other work.
PROBE_SECONDS = 60.0


class Wanted(NamedTuple):
    """The model that has to be served, and the index that it is of; None: there is none yet."""

    model: ModelAddress
    served: Served | None


def model_server(settings: Settings) -> Iterator[Finding]:
    """Ask for the model over both ways in, and for the vectors of the index's probes."""
    try:
        wanted = _wanted(settings)
    except Exception as error:  # noqa: BLE001  the store has checks of its own
        said = f"not looked at, since the store does not say which model to ask for: {error}"
        yield warning(CHECK, said, "see to the store and its models first")
        return
    yield from _over_rest(settings, wanted)
    yield from _over_grpc(settings, wanted.model)


def _wanted(settings: Settings) -> Wanted:
    """Name the index's model; without an index the newest one, which a rebuild would take."""
    try:
        now = served(settings)
    except Exception:  # noqa: BLE001  told of the index
        return Wanted(_newest(settings), None)
    return Wanted(now.details.model.address, now)


def _newest(settings: Settings) -> ModelAddress:
    models = open_models(settings.store, settings.model)
    version = models.latest()
    card = read_stored_card(models, version)
    return ModelAddress(
        name=settings.model,
        version=int(version),
        picture=card.picture,
        dimensions=card.dimensions,
    )


def _over_rest(settings: Settings, wanted: Wanted) -> Iterator[Finding]:
    """Ask as the service does."""
    url = settings.model_server_rest
    try:
        embedder = RestEmbedder(url, wanted.model, timeout=PROBE_SECONDS)
    except ValueError as error:
        advice = f"name it in {REST}, as http://127.0.0.1:8501"
        yield wrong(CHECK, str(error), advice, ConfigurationError)
        return
    with closing(embedder):
        problem = _problem(lambda: embedder.available_versions(SECONDS), url, REST, wanted.model)
        yield problem or _compared(embedder, settings, wanted)


def _over_grpc(settings: Settings, model: ModelAddress) -> Iterator[Finding]:
    """Ask as jobs do, where they can run."""
    try:
        from lookalike.serving.grpc import GrpcEmbedder
    except ImportError:
        return  # told of the packages
    target = settings.model_server_grpc
    with closing(GrpcEmbedder(target, model, timeout=SECONDS)) as embedder:
        problem = _problem(embedder.available_versions, target, GRPC, model)
    yield problem or ok(CHECK, f"{target} has {model.name} {model.version} for jobs, over gRPC")


def _problem(
    ask: Callable[[], set[int]], where: str, setting: str, model: ModelAddress
) -> Finding | None:
    """Ask for the versions that are served, and say what is wrong; None where nothing is."""
    try:
        with waiting(f"asking {where}"):
            available = ask()
    except ModelServerError as error:
        return wrong(CHECK, str(error), _advice(error, setting), type(error))
    if model.version in available:
        return None
    others = ", ".join(map(str, sorted(available))) or "none"
    said = f"{where} has not version {model.version} of {model.name}; it has {others}"
    advice = "does it watch the store's models/ ('lookalike model-server')?"
    return wrong(CHECK, said, advice, ModelVersionUnavailable)


def _advice(error: ModelServerError, setting: str) -> str:
    if isinstance(error, ModelServerUnavailable):
        return f"start it ('lookalike model-server'), or name it in {setting}"
    if isinstance(error, ModelServerRejected):
        return f"name the model server in {setting}"
    return "its own log says why"


def _compared(embedder: RestEmbedder, settings: Settings, wanted: Wanted) -> Finding:
    """Hold the vectors that the probes get now against those that the index has of them."""
    has = f"{settings.model_server_rest} serves {wanted.model.name} {wanted.model.version}"
    if wanted.served is None:
        return ok(CHECK, f"{has}; there is no index to compare its vectors with")
    try:
        with waiting(f"asking {settings.model_server_rest} for vectors"):
            _probes(settings, wanted.served).run(embedder)
    except ProbeMismatch as error:
        advice = "restore that version's folder, and restart the model server"
        return wrong(CHECK, str(error), advice, ProbeMismatch)
    except ModelServerError as error:
        return wrong(CHECK, str(error), "its own log says why", type(error))
    except StoreError as error:
        return warning(CHECK, f"{has}; its vectors are not compared: {error}", "see the index")
    return ok(CHECK, f"{has}, and gives its vectors")


def _probes(settings: Settings, now: Served) -> ProbeCheck:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / PROBES
        indexes = open_indexes(settings.store, settings.index)
        indexes.download(now.version, now.manifest.file(PROBES), path)
        return ProbeCheck(path, now.details.model.picture)
