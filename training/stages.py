"""The two stages of training: a head on a frozen base, then the base's last layers with it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from tqdm import tqdm

from lookalike.errors import ConfigurationError
from training.checkpoint import Checkpoint
from training.features import FeatureExtractor
from training.head import SOFTMAX, TrainedHead, train_head, with_softmax
from training.labelled import Labelled
from training.model import cut_before
from training.precision import fastest_precision, gpu_capabilities
from training.run import Run
from training.split import Split, class_numbers
from training.tuning import TUNING, LabelledExamples, Tunable, Tuned, tune

TRUNK_FOLDER = "before"  # of the cache


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


class Trunk(NamedTuple):
    """What stays frozen in the second stage: the base before a layer, and what it gives."""

    layer: str
    extractor: FeatureExtractor


def first_stage(run: Run, base: Any, extractor: FeatureExtractor, split: Split) -> Stage:
    """Train a head on the features of pictures, and of their augmented views."""
    request = run.request
    train, _ = split.sides
    extractor.embed(*train, request.views)
    sides = labelled_sides(extractor, split, request.views)
    with run.watching("training the head, {stage}", request.head.epochs) as watching:
        head = train_head(*sides, len(split.categories), request.head, run.checkpoints, watching.of)
    run.say(str(head))
    return Stage(base, extractor, head)


def trunk_of(run: Run, layer: str) -> Trunk:
    """Give what is before a layer.

    Raises:
        ConfigurationError: the base cannot be cut there.
    """
    trunk, fast = cut_before(run.build_base(), layer).trunk, run.fast_base()
    if fast is not None:
        fast = fast[0], cut_before(fast[1], layer).trunk
    # A trunk without weights is told from another by its name alone.
    within = f"{TRUNK_FOLDER}/{run.request.backbone}/{layer}"
    return Trunk(layer, run.extractor(trunk, fast, within, large=True))


def check_room(run: Run, trunk: Trunk, split: Split) -> None:
    """Find out before the long part that what tuning keeps has room.

    Raises:
        ConfigurationError: it has none; it says what to change.
    """
    lacks, cache = trunk.extractor.lacks, Path(run.settings.cache)
    views = lacks(split.train, run.request.views) + lacks(split.validation)
    needed, free = views * trunk.extractor.vector_bytes, shutil.disk_usage(cache).free
    sizes = [tqdm.format_sizeof(size, "B") for size in (needed, free)]
    where = cache / TRUNK_FOLDER
    run.say(f"tuning will keep {sizes[0]} more of what the frozen layers give, in {where}")
    if free < needed:
        raise ConfigurationError(
            f"tuning needs {sizes[0]} more in {cache}, where {sizes[1]} are free: ask for fewer "
            "--views, a smaller --size or a later layer, or set LOOKALIKE_CACHE to a larger disk"
        )


def second_stage(run: Run, first: Stage, trunk: Trunk, split: Split) -> Stage:
    """Tune the base from where the trunk ends; give the better of the two by what is found."""
    request = run.request
    tuned_base = run.build_base(fastest_precision() if gpu_capabilities() else "float32")
    tail = cut_before(tuned_base, trunk.layer).tail
    train, validation = split.sides
    trunk.extractor.embed(*train, request.views)
    trunk.extractor.embed(*validation)
    with run.watching("tuning the base", request.tuning.tuning_epochs) as watching:
        tuned = tune(
            tail,
            first.head,
            _pictures(trunk, split, request.views),
            request.head,
            request.tuning,
            _checkpoint(run, split, TUNING, first.head.model.get_weights()),
            watching.of(TUNING),
        )
    run.say(str(tuned))
    if not tuned.is_better:
        return first
    return _with_softmax(run, tuned_base, tuned, first, split)._replace(tuned_from=trunk.layer)


def _pictures(trunk: Trunk, split: Split, views: int) -> Tunable:
    train, validation = (
        LabelledExamples(side, class_numbers(side, split.categories))
        for side in (split.train, split.validation)
    )
    return Tunable(trunk.extractor, train, validation, views)


def _checkpoint(run: Run, split: Split, stage: str, begins_with: Sequence[Any]) -> Checkpoint:
    asked = [run.request.tuning, run.request.head, split.fingerprint]
    return run.checkpoints.of(stage, msgspec.json.encode(asked), *begins_with)


def _with_softmax(run: Run, tuned_base: Any, tuned: Tuned, first: Stage, split: Split) -> Stage:
    """Put the tuned weights into a base that computes in float32, and train a softmax for it."""
    base = run.build_base()
    base.set_weights(tuned_base.get_weights())
    extractor, request, scaling = run.extractor(base), run.request, first.head.scaling
    for side in split.sides:
        extractor.embed(*side)
    train, validation = (side.scaled(scaling) for side in labelled_sides(extractor, split))
    with run.watching("training the softmax", request.head.epochs) as watching:
        head = with_softmax(
            tuned.dense,
            scaling,
            train,
            validation,
            len(split.categories),
            request.head,
            _checkpoint(run, split, SOFTMAX, [*base.get_weights(), *tuned.dense]),
            watching.of,
        )
    history = first.head.history | tuned.history | head.history
    return Stage(base, extractor, TrainedHead(head.model, history, scaling))


def labelled_sides(
    extractor: FeatureExtractor, split: Split, views: int = 0
) -> tuple[Labelled, Labelled]:
    """Gather the features of a split's pictures, once they are embedded.

    Args:
        extractor: has them.
        split: whose pictures.
        views: augmented ones of each picture to train on; a validation picture is as it is.
    """
    train, validation = (
        Labelled(extractor.vectors(side, number), class_numbers(side, split.categories))
        for side, number in ((split.train, views), (split.validation, 0))
    )
    return train, validation
