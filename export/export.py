"""From a trained Keras file and its card to the next version in the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from export.gate import check_gate
from lookalike import model_card
from lookalike.errors import ConfigurationError
from lookalike.model_card import ModelCard
from lookalike.progress import Say, working
from lookalike.store import Collection, sha256_of
from training.calibration import calibrate
from training.held_out import FILE_NAME as HITS_FILE
from training.held_out import read_held_out_hits
from training.split import FILE_NAME as SPLIT_FILE
from training.split import read_split
from training.trained_on import FILE_NAME as TRAINED_ON_FILE
from training.trained_on import write_trained_on


class ModelDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The ``details`` of a model version's manifest; the facts are in its card."""

    name: str
    weights_sha256: str


def export(
    model_file: Path,
    models: Collection,
    model_name: str,
    *,
    force: bool = False,
    served: int | None = None,
    scratch: Path | None = None,
    say: Say = lambda _: None,
) -> str:
    """Export a trained model, unless the store's newest version already is that model.

    Args:
        model_file: ``lookalike.keras``, or a whole model in ``.h5``; its card beside it.
        models: where versions go.
        model_name: the name that the model server will know it by.
        force: export the same model once more, or one that is worse than the served one.
        served: the version that is served; None: there is none.
        scratch: where the draft is, where the store is remote (:meth:`Collection.draft`).
        say: tells people how it compares with that one.

    Returns:
        The version, as the store names it.

    Raises:
        ConfigurationError: the file or its card is missing, is not a model as training makes
            them, or is not the one that its card speaks of; or the held-out hits beside it are
            damaged.
        ModelWorse: it is surely worse than the served one.
    """
    # Another training puts a new folder behind the link that it lies below.
    model_file = model_file.parent.resolve() / model_file.name
    card = model_card.read_model_card(model_file.with_name(model_card.FILE_NAME))
    _check_card(model_file, card)
    known = None if force else _exported(models, card)
    if known is not None:
        return known
    card = check_gate(card, served, say, force=force)
    return _export(model_file, card, models, model_name, scratch)


def _export(
    model_file: Path, card: ModelCard, models: Collection, model_name: str, scratch: Path | None
) -> str:
    # Here, so that finding that there is nothing to do costs no import of TensorFlow.
    from export.saved_model import check_agreement, cut, write_saved_model
    from training.model import check_definition, load_model

    with working("exporting the model"), models.draft(scratch) as folder:
        with _of_one_training(model_file, card):
            model = load_model(model_file)
            card = _calibrated(model_file, card)
            _write_trained_on(model_file, folder)
        check_definition(model, card.picture.size, card.dimensions)
        embedder = cut(model)
        write_saved_model(embedder, card.picture, folder, model_name)
        check_agreement(embedder, card.picture, folder)

        def name_version(folder: Path, version: str) -> None:
            named = msgspec.structs.replace(card, version=int(version), explains=True)
            model_card.write_model_card(named, folder / model_card.FILE_NAME)

        details = ModelDetails(name=model_name, weights_sha256=card.weights_sha256)
        return models.publish(folder, details, name_version)


def _write_trained_on(model_file: Path, folder: Path) -> None:
    split_file = model_file.with_name(SPLIT_FILE)
    if split_file.is_file():
        digests = (example.sha256 for example in read_split(split_file).train)
        write_trained_on(digests, folder / TRAINED_ON_FILE)


def _calibrated(model_file: Path, card: ModelCard) -> ModelCard:
    """Complete a card by the calibration of its model's scores, or by why there is none."""
    hits = read_held_out_hits(model_file.with_name(HITS_FILE))
    if hits is None:
        return _uncalibrated(card, f"the model has no {HITS_FILE} beside it: train it again")
    if hits.weights_sha256 != card.weights_sha256:
        return _uncalibrated(card, f"{HITS_FILE} beside the model is another model's")
    made = calibrate(np.array(hits.distances), np.array(hits.same, np.bool_))
    if isinstance(made, str):
        return _uncalibrated(card, made)
    return msgspec.structs.replace(card, calibration=made, uncalibrated=None)


def _uncalibrated(card: ModelCard, reason: str) -> ModelCard:
    return msgspec.structs.replace(card, calibration=None, uncalibrated=reason)


def _check_card(model_file: Path, card: ModelCard) -> None:
    if not model_file.is_file():
        raise ConfigurationError(f"{model_file} does not exist: train a model first")
    if not _is_of(model_file, card):
        raise ConfigurationError(
            f"{model_file} is not the model that {model_card.FILE_NAME} beside it speaks of; "
            "train again, or put the two that belong together side by side"
        )


@contextmanager
def _of_one_training(model_file: Path, card: ModelCard) -> Iterator[None]:
    """See that what was read meanwhile is what the card speaks of, still."""
    try:
        yield
    except (ConfigurationError, OSError):
        if _is_of(model_file, card):
            raise
    else:
        if _is_of(model_file, card):
            return
    raise ConfigurationError(
        f"{model_file} was replaced meanwhile, by another training: run the same command again"
    )


def _is_of(model_file: Path, card: ModelCard) -> bool:
    return model_file.is_file() and sha256_of(model_file) == card.weights_sha256


def _exported(models: Collection, card: ModelCard) -> str | None:
    versions = models.versions()
    if not versions:
        return None
    details = msgspec.json.decode(models.manifest(versions[-1]).details, type=ModelDetails)
    return versions[-1] if details.weights_sha256 == card.weights_sha256 else None
