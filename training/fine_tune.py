"""Fine-tuning from a folder to the output folder: the one place that knows all the steps."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lookalike.errors import LookalikeError
from lookalike.index.models import served_model
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import Comparison, ModelCard, TrainingData, write_model_card
from lookalike.progress import Say
from lookalike.settings import Settings
from lookalike.store.manifest import sha256_of
from training.against import compare_with_version
from training.checkpoint import Checkpoints
from training.division import SKIPPED_FILE, divide
from training.evaluation import Report
from training.finished import request_sha256
from training.folder_checks import check_roots
from training.framework import versions
from training.held_out import FILE_NAME as HITS_FILE
from training.held_out import write_held_out_hits
from training.judging import Trained, held_out_neighbours, judge
from training.model import (
    EMBEDDING_DIMENSIONS,
    build_model,
    embedder_of,
    save_model,
)
from training.output import FOLDER, HISTORY_FILE, MODEL_NAME, check_replaceable, replace_folder
from training.request import TrainingRequest
from training.retrieval import Neighbours
from training.run import Run
from training.split import FILE_NAME as SPLIT_FILE
from training.split import Split, write_split
from training.stages import Stage, check_room, first_stage, second_stage, trunk_of
from training.untuned import write_untuned
from training.weights import imagenet_weights


class _Made(NamedTuple):
    """A model, and all that is written of it."""

    model: Any
    untuned: Any
    base_weights: str
    stage: Stage
    split: Split
    report: Report
    compared: Comparison | None
    found: Neighbours


def fine_tune(request: TrainingRequest, settings: Settings, say: Say) -> Report:
    """Train, evaluate and save a model; tell ``say`` what happens.

    Raises:
        ConfigurationError: the output folder is not replaceable, the weights' file is wrong,
            or the base cannot be tuned from where it is asked to be.
        DataError: too few categories or pictures, or a folder's path is no UTF-8.
        SourceUnavailable: no ImageNet weights can be had.
    """
    check_replaceable(request.output)
    check_roots(folder for folder in (request.pictures, request.validation) if folder)
    # Before the pictures are read: what is added from now on was not trained on.
    digest = request_sha256(request, settings)
    cache = Path(settings.cache)
    weights = imagenet_weights(cache, request.weights, request.backbone)
    say(f"base weights: {weights.source}")
    checkpoints = Checkpoints(cache / FOLDER / "checkpoints", digest, versions(), say)
    run = Run(request, settings, weights.layers, digest, checkpoints, say)
    layer = request.tuning.unfreeze_from
    trunk = None if layer is None else trunk_of(run, layer)
    base, fast = run.build_base(), run.fast_base()
    if fast is not None:
        say(f"augmented views go through the base in {fast[0]} (--view-precision float32: not)")
    extractor = run.extractor(base, fast)
    split = divide(request, extractor, cache / FOLDER / SKIPPED_FILE, say)
    if trunk is not None:
        check_room(run, trunk, split)
    stage = first_stage(run, base, extractor, split)
    if trunk is not None:
        stage = second_stage(run, stage, trunk, split)
    trained = Trained(split, extractor, stage.extractor, embedder_of(stage.head.model))
    made = _Made(
        model=build_model(stage.base, stage.head.model),
        untuned=base,
        base_weights=weights.source,
        stage=stage,
        split=split,
        report=judge(trained, say),
        compared=_compared(trained, request, settings, say),
        found=held_out_neighbours(trained),
    )
    replace_folder(request.output, lambda folder: _write(folder, made, run))
    checkpoints.remove()
    return made.report


def _compared(
    trained: Trained, request: TrainingRequest, settings: Settings, say: Say
) -> Comparison | None:
    """Compare with the model that is served; one that cannot be had is no reason to lose this."""
    try:
        version = served_model(settings)
        if version is None:
            return None
        compared = compare_with_version(trained, version, settings, request.workers, say)
    except Exception as error:  # noqa: BLE001  a network's failures have no common name
        reason = error if isinstance(error, LookalikeError) else f"{type(error).__name__}: {error}"
        say(f"not compared with the served model: {reason}")
        return None
    say(str(compared))
    return compared


def _write(folder: Path, made: _Made, run: Run) -> None:
    request = run.request
    path = folder / f"{MODEL_NAME}.{request.file_format}"
    save_model(made.model, path)
    (folder / HISTORY_FILE).write_bytes(msgspec.json.encode(made.stage.head.history))
    if made.stage.tuned_from is not None:
        write_untuned(made.untuned, made.stage.base, folder)
    write_split(made.split, folder / SPLIT_FILE)
    card = ModelCard(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backbone=request.backbone,
        base_weights=made.base_weights,
        tuned_from=made.stage.tuned_from,
        weights_sha256=sha256_of(path),
        picture=request.contract,
        dimensions=EMBEDDING_DIMENSIONS,
        categories=made.split.categories,
        training_data=TrainingData(
            fingerprint=made.split.fingerprint,
            pictures=len(made.split.train),
            validation_pictures=len(made.split.validation),
        ),
        settings=run.flags(),
        quality=made.report.quality(),
        compared=made.compared,
    )
    write_model_card(card, folder / CARD_FILE)
    write_held_out_hits(made.found, card.weights_sha256, folder / HITS_FILE)
