"""The two stages of training: a head on a frozen base, then the base's last layers with it."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lookalike.errors import ConfigurationError
from training.features import FeatureExtractor
from training.head import SOFTMAX, TrainedHead, train_head, with_softmax
from training.judging import class_numbers
from training.labelled import Labelled
from training.model import cut_before, fast_base
from training.precision import fastest_precision, gpu_capabilities
from training.run import Fast, Run
from training.split import Split
from training.tuning import TUNING, Side, Tuned, tune

HALF_BYTES = 2


class Stage(NamedTuple):
    """What a stage came to.

    Attributes:
        base: pixels to features.
        extractor: has the features of the split's pictures.
        head: for them.
        tuned_from: the first layer of the base that was tuned; None: all of it was frozen.
    """

    base: Any
    extractor: FeatureExtractor
    head: TrainedHead
    tuned_from: str | None = None


def first_stage(run: Run, base: Any, extractor: FeatureExtractor, split: Split) -> Stage:
    """Train a head on the features of pictures, and of their augmented views."""
    request = run.request
    extractor.embed(split.train, Path(split.root), request.views)
    sides = _labelled(extractor, split, request.views)
    with run.watching("training the head, {stage}", request.head.epochs) as watching:
        head = train_head(*sides, len(split.categories), request.head, run.checkpoints, watching.of)
    run.say(str(head))
    return Stage(base, extractor, head)


def second_stage(run: Run, first: Stage, split: Split, layer: str) -> Stage:
    """Tune the base from a layer on; give the better of the two by what is found.

    Raises:
        ConfigurationError: the base cannot be cut there, or the disk is too small.
    """
    on_gpu = bool(gpu_capabilities())
    tuned_base = run.build_base(fastest_precision() if on_gpu else "float32")
    cut = cut_before(tuned_base, layer)
    trunk = _trunk(run, layer)
    _check_room(run, split, cut.tail.input_shape[-1])
    trunk.embed(split.train, Path(split.root), run.request.views)
    trunk.embed(split.validation, Path(split.validation_root))
    tuned = _tune(run, first.head, cut.tail, trunk, split)
    run.say(str(tuned))
    return _tuned_stage(run, tuned_base, tuned, first, split, layer) if tuned.is_better else first


def fast_of(run: Run, layer: str | None = None) -> Fast:
    """Give the base, or what of it is before a layer, in a faster precision for views."""
    request = run.request
    fast = fast_base(request.contract.size, run.layers, run.view_precision(), request.backbone)
    if fast is None or layer is None:
        return fast
    precision, base = fast
    return precision, cut_before(base, layer).trunk


def _trunk(run: Run, layer: str) -> FeatureExtractor:
    trunk = cut_before(run.build_base(), layer).trunk
    return run.extractor(trunk, fast_of(run, layer), f"before/{layer}", half=True)


def _check_room(run: Run, split: Split, numbers: int) -> None:
    """Find out before the long part that what it keeps has room."""
    views = len(split.train) * (1 + run.request.views) + len(split.validation)
    needed, cache = views * numbers * HALF_BYTES, Path(run.settings.cache)
    run.say(f"tuning keeps what the frozen layers give in {cache}/before: {needed / 1e9:.2f} GB")
    free = shutil.disk_usage(cache).free
    if free < needed:
        raise ConfigurationError(
            f"tuning would need {needed / 1e9:.1f} GB in {cache}, where {free / 1e9:.1f} GB are "
            "free: ask for fewer --views, a smaller --size, a later layer, or set "
            "LOOKALIKE_CACHE to a larger disk"
        )


def _tune(run: Run, head: TrainedHead, tail: Any, trunk: FeatureExtractor, split: Split) -> Tuned:
    request, categories = run.request, split.categories
    asked = msgspec.json.encode([request.tuning, request.head, split.fingerprint])
    checkpoint = run.checkpoints.of(TUNING, asked, *head.model.get_weights())
    train, validation = (
        Side(side, class_numbers(side, categories)) for side in (split.train, split.validation)
    )
    with run.watching("tuning the base", request.tuning.tuning_epochs) as watching:
        return tune(
            tail,
            head,
            trunk,
            (train, validation),
            request.views,
            request.head,
            request.tuning,
            checkpoint,
            watching.of(TUNING),
        )


def _tuned_stage(
    run: Run, tuned_base: Any, tuned: Tuned, first: Stage, split: Split, layer: str
) -> Stage:
    """Put the tuned weights into a base that computes in float32, and train a softmax for it."""
    base = run.build_base()
    base.set_weights(tuned_base.get_weights())
    extractor = run.extractor(base)
    for side, root in ((split.train, split.root), (split.validation, split.validation_root)):
        extractor.embed(side, Path(root))
    sides, request = _labelled(extractor, split, 0), run.request
    asked = msgspec.json.encode([request.tuning, request.head, split.fingerprint])
    checkpoint = run.checkpoints.of(SOFTMAX, asked, *tuned.dense)
    with run.watching("training the softmax", request.head.epochs) as watching:
        head = with_softmax(
            tuned.dense,
            first.head.scaling,
            *sides,
            len(split.categories),
            request.head,
            checkpoint,
            watching.of,
        )
    history = first.head.history | tuned.history | head.history
    return Stage(base, extractor, TrainedHead(head.model, history, head.scaling), layer)


def _labelled(extractor: FeatureExtractor, split: Split, views: int) -> tuple[Labelled, Labelled]:
    train, validation = (
        Labelled(extractor.vectors(side, number), class_numbers(side, split.categories))
        for side, number in ((split.train, views), (split.validation, 0))
    )
    return train, validation
