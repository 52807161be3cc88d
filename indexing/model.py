"""Which model a rebuild embeds with, and waiting until the model server has it."""

import time

from lookalike.errors import ModelServerUnavailable, ModelVersionUnavailable
from lookalike.index import ModelReference
from lookalike.model_card import read_stored_card
from lookalike.progress import working
from lookalike.serving import Embedder
from lookalike.store import Collection

POLL_SECONDS = 0.5


def model_reference(models: Collection, name: str, version: int | None) -> ModelReference:
    """Name a model version of the store, by default the newest, from its card.

    Raises:
        VersionNotFound: the store has no model, or not that version.
    """
    number = str(version) if version is not None else models.latest()
    card = read_stored_card(models, number)
    return ModelReference(
        name=name,
        version=int(number),
        weights_sha256=card.weights_sha256,
        picture=card.picture,
        dimensions=card.dimensions,
        calibration=card.calibration,
        explains=card.explains,
    )


def wait_until_served(embedder: Embedder, model: ModelReference, seconds: float) -> None:
    """Wait until the model server answers for the version.

    Raises:
        ModelVersionUnavailable: it runs, and does not have the version in that time.
        ModelServerUnavailable: it does not answer in that time.
    """
    deadline = time.monotonic() + seconds
    if _is_served(embedder, model, deadline):
        return
    what = f"{model.name} version {model.version}"
    with working(f"waiting for {what} (does 'lookalike model-server' run?)"):
        while not _is_served(embedder, model, deadline):
            time.sleep(POLL_SECONDS)


def _is_served(embedder: Embedder, model: ModelReference, deadline: float) -> bool:
    """Ask once; past the deadline a bad answer is an error."""
    late = time.monotonic() > deadline
    try:
        available = embedder.available_versions()
    except ModelServerUnavailable:
        if late:
            raise
        return False
    if model.version not in available and late:
        raise ModelVersionUnavailable(
            f"the model server serves {model.name} versions {sorted(available)}, not "
            f"{model.version}: does it watch the store's models/{model.name}?"
        )
    return model.version in available
