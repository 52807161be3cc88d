"""Fine-tuning from a folder to the output folder: the one place that knows all the steps."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lookalike.errors import LookalikeError
from lookalike.index.models import served_model
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import Comparison, ModelCard, TrainingData, write_model_card
from lookalike.settings import Settings
from lookalike.store.manifest import sha256_of
from training.against import compare_with_version
from training.checkpoint import Checkpoints
from training.division import SKIPPED_FILE, divide
from training.evaluation import Report
from training.features import FeatureExtractor
from training.finished import SETTING, request_sha256
from training.framework import versions
from training.head import TrainedHead, train_head
from training.held_out import FILE_NAME as HITS_FILE
from training.held_out import write_held_out_hits
from training.judging import Trained, class_numbers, held_out_neighbours, judge
from training.labelled import Labelled
from training.model import (
    EMBEDDING_DIMENSIONS,
    build_base,
    build_model,
    embedder_of,
    fast_base,
    save_model,
)
from training.output import FOLDER, HISTORY_FILE, MODEL_NAME, check_replaceable, replace_folder
from training.precision import Precision, fastest_precision
from training.request import TrainingRequest
from training.retrieval import Neighbours
from training.split import FILE_NAME as SPLIT_FILE
from training.split import Split, write_split
from training.watching import Watching
from training.weights import imagenet_weights
from training.wheels import Layers

Say = Callable[[str], None]


class _Made(NamedTuple):
    """A model, and all that is written of it."""

    model: Any
    base_weights: str
    head: TrainedHead
    split: Split
    report: Report
    compared: Comparison | None
    found: Neighbours


def fine_tune(request: TrainingRequest, settings: Settings, say: Say) -> Report:
    """Train, evaluate and save a model; tell ``say`` what happens.

    Raises:
        ConfigurationError: the output folder is not replaceable, or the weights' file is wrong.
        DataError: too few categories or pictures.
        SourceUnavailable: no ImageNet weights can be had.
    """
    check_replaceable(request.output)
    # Before the pictures are read: what is added from now on was not trained on.
    digest = request_sha256(request)
    cache = Path(settings.cache)
    weights = imagenet_weights(cache, request.weights, request.backbone)
    say(f"base weights: {weights.source}")
    base = build_base(request.contract.size, weights.layers, backbone=request.backbone)
    extractor = FeatureExtractor(
        base,
        request.contract,
        cache,
        request.workers,
        settings.max_decoded_bytes,
        _fast_base(request, weights.layers, say),
    )
    split = divide(request, extractor, cache / FOLDER / SKIPPED_FILE, say)
    checkpoints = Checkpoints(cache / FOLDER / "checkpoints", digest, versions(), say)
    head = _train(split, request, extractor, checkpoints, digest)
    say(str(head))
    trained = Trained(split, extractor, embedder_of(head.model))
    made = _Made(
        model=build_model(base, head.model),
        base_weights=weights.source,
        head=head,
        split=split,
        report=judge(*trained),
        compared=_compared(trained, request, settings, say),
        found=held_out_neighbours(*trained),
    )
    replace_folder(request.output, lambda folder: _write(folder, made, request, digest))
    checkpoints.remove()
    return made.report


def _train(
    split: Split,
    request: TrainingRequest,
    extractor: FeatureExtractor,
    checkpoints: Checkpoints,
    digest: str,
) -> TrainedHead:
    extractor.embed(split.train, Path(split.root), request.views)
    categories = split.categories
    train, validation = (
        Labelled(extractor.vectors(side, views), class_numbers(side, categories))
        for side, views in ((split.train, request.views), (split.validation, 0))
    )
    told = _flags(request, digest) | msgspec.to_builtins(request.contract)
    with Watching(
        request.head.epochs, _events(request, digest), {"pictures": request.pictures, **told}
    ) as watching:
        return train_head(
            train, validation, len(categories), request.head, checkpoints, watching.of
        )


def _events(request: TrainingRequest, digest: str) -> Path | None:
    """Name the run's folder for TensorBoard: where a run that goes on finds its files again."""
    if request.tensorboard is None:
        return None
    return request.tensorboard / f"{request.pictures.resolve().name}-{digest[:8]}"


def _flags(request: TrainingRequest, digest: str) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(request.head),
        "views": request.views,
        "view_precision": request.view_precision,
        SETTING: digest,
    }


def _fast_base(request: TrainingRequest, layers: Layers, say: Say) -> tuple[Precision, Any] | None:
    if not request.views or request.view_precision == "float32":
        return None
    fast = fast_base(request.contract.size, layers, fastest_precision(), request.backbone)
    if fast is not None:
        say(f"augmented views go through the base in {fast[0]} (--view-precision float32: not)")
    return fast


def _compared(
    trained: Trained, request: TrainingRequest, settings: Settings, say: Say
) -> Comparison | None:
    """Compare with the model that is served; one that cannot be had is no reason to lose this."""
    try:
        version = served_model(settings)
        if version is None:
            return None
        compared = compare_with_version(trained, version, settings, request.workers)
    except LookalikeError as error:
        say(f"not compared with the served model: {error}")
        return None
    say(str(compared))
    return compared


def _write(folder: Path, made: _Made, request: TrainingRequest, digest: str) -> None:
    path = folder / f"{MODEL_NAME}.{request.file_format}"
    save_model(made.model, path)
    (folder / HISTORY_FILE).write_bytes(msgspec.json.encode(made.head.history))
    write_split(made.split, folder / SPLIT_FILE)
    card = ModelCard(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backbone=request.backbone,
        base_weights=made.base_weights,
        weights_sha256=sha256_of(path),
        picture=request.contract,
        dimensions=EMBEDDING_DIMENSIONS,
        categories=made.split.categories,
        training_data=TrainingData(
            fingerprint=made.split.fingerprint,
            pictures=len(made.split.train),
            validation_pictures=len(made.split.validation),
        ),
        settings=_flags(request, digest),
        quality=made.report.quality(),
        compared=made.compared,
    )
    write_model_card(card, folder / CARD_FILE)
    write_held_out_hits(made.found, card.weights_sha256, folder / HITS_FILE)
