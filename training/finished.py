"""Whether a model has been trained already as a request asks; TensorFlow is not needed to know."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lookalike.catalogue import Folder
from lookalike.errors import ConfigurationError
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import read_model_card
from lookalike.progress import track
from lookalike.settings import Settings
from lookalike.store import sha256_of
from lookalike.store.files import replace_file
from training.output import MODEL_NAME
from training.request import TrainingRequest, TuningSettings
from training.split import FILE_NAME as SPLIT_FILE
from training.split import Split, encode_split, read_split

REQUEST_SHA256 = "request_sha256"  # among the settings of a model card


def request_sha256(request: TrainingRequest, settings: Settings) -> str:
    """Digest all that a model depends on: flags, every file of the folders, how large may be."""
    asked = {
        "backbone": request.backbone,
        "contract": request.contract,
        "file_format": request.file_format,
        "head": request.head,
        # Without a second stage its flags change nothing.
        "tuning": request.tuning if request.tuning.unfreeze_from else TuningSettings(),
        "validation_share": request.validation_share,
        "max_decoded_bytes": settings.max_decoded_bytes,
        "views": request.views,
        "view_precision": request.view_precision,
        "weights": request.weights and sha256_of(request.weights),
        "files": [
            folder and list(_files(folder)) for folder in (request.pictures, request.validation)
        ],
    }
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()


def is_finished(request: TrainingRequest, settings: Settings) -> bool:
    """Tell whether the output folder holds, whole, the very model that the request would make."""
    model = request.output / f"{MODEL_NAME}.{request.file_format}"
    if not (request.output / CARD_FILE).is_file() or not model.is_file():
        return False
    try:
        split = read_split(request.output / SPLIT_FILE)
        card = read_model_card(request.output / CARD_FILE)
    except (ConfigurationError, OSError):
        return False  # damaged: training makes them anew
    if request.strict and not _is_clean(request, split):
        return False
    whole = card.weights_sha256 == sha256_of(model)
    return whole and card.settings.get(REQUEST_SHA256) == request_sha256(request, settings)


def follow_pictures(request: TrainingRequest) -> None:
    """Have a finished model's split say where its pictures are, which may have moved since.

    They are the very files: :func:`is_finished` has compared them.
    """
    path = request.output / SPLIT_FILE
    split, root = read_split(path), Folder(request.pictures).root
    judged = Folder(request.validation).root if request.validation else root
    moved = msgspec.structs.replace(split, root=str(root), validation_root=str(judged))
    if moved != split:
        replace_file(path, encode_split(moved))


def _is_clean(request: TrainingRequest, split: Split) -> bool:
    if split.skipped or split.validation_skipped:
        return False
    folders = (folder for folder in (request.pictures, request.validation) if folder)
    return not any(any(Folder(folder).links()) for folder in folders)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for picture in track(list(Folder(folder)), "looking for changed pictures"):
        try:
            yield picture.id, sha256_of(picture.path)
        except OSError as error:
            yield picture.id, f"unreadable: {error.strerror}"
