"""Training: the frozen base run once, beside the recipe that runs the whole network each epoch.

``usual`` is what a Keras tutorial shows: pictures decoded once and kept, augmented anew in each
epoch, through VGG16 and the head, 20 epochs. ``cached`` is what ``lookalike train`` does from an
empty cache, 20 epochs too: every picture and its augmented views go through the base once.
``float32`` is the same without the faster precision of the views; ``again`` is the same with what
a run before it left in its cache. All divide the pictures alike, and start from the same weights
of the base. What they reach is the accuracy on the held-out pictures, the best of the epochs.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from demo.samples import stamps
from lookalike.catalogue import Folder
from lookalike.picture import PictureContract
from lookalike.settings import Settings
from training.features import FeatureExtractor
from training.head import train_head
from training.model import (
    EMBEDDING_DIMENSIONS,
    EMBEDDING_LAYER,
    PREDICTIONS,
    build_base,
    fast_base,
)
from training.precision import Precision, fastest_precision
from training.request import HeadSettings, TrainingRequest
from training.split import Split, stratified
from training.stages import labelled_sides

SIZE, QUICK_SIZE = 128, 32
EPOCHS, QUICK_EPOCHS = 20, 2
HELD_OUT = 0.3
BATCH = 32
WORKERS = 2
DEFAULTS = TrainingRequest(pictures=Path(), output=Path())


class Task:
    """The pictures, divided, and how many epochs; what each way of training reached.

    Args:
        folder: for copies of the pictures as Keras' loader wants them, and for caches.
        quick: little of all.
    """

    def __init__(self, folder: Path, quick: bool) -> None:
        from training.weights import imagenet_weights

        self.settings = Settings.from_environment()
        cache = Path(self.settings.cache)
        self.folder, self.size = folder, QUICK_SIZE if quick else SIZE
        self.epochs = QUICK_EPOCHS if quick else EPOCHS
        self.layers = imagenet_weights(cache).layers
        pictures = Folder(stamps(cache))
        extractor = self.extractor(folder / "looked_at", "float32")
        examples, _ = extractor.examine(list(pictures))
        train, validation = stratified(examples, HELD_OUT, 0)
        root = str(pictures.root)
        self.split = Split(root=root, validation_root=root, train=train, validation=validation)
        for name, side in (("train", train), ("validation", validation)):
            for example in side:
                copy = folder / name / example.label / Path(example.path).name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(pictures.root / example.path, copy)
        self.accuracy: dict[str, float] = {}

    def extractor(self, cache: Path, precision: Precision) -> FeatureExtractor:
        """Give what training reads and embeds pictures with."""
        base = build_base(self.size, self.layers)
        fast = fast_base(self.size, self.layers, precision)
        contract, limit = PictureContract(size=self.size), self.settings.max_decoded_bytes
        return FeatureExtractor(base, contract, cache, WORKERS, limit, fast)


def cached(task: Task, name: str, precision: Precision) -> None:
    """Train as ``lookalike train`` does, with a cache of this name."""
    extractor = task.extractor(task.folder / name, precision)
    split, views = task.split, DEFAULTS.views
    root = Path(split.root)
    examples, _ = extractor.examine(list(Folder(root)))
    assert len(examples) == len(split.train) + len(split.validation)
    extractor.embed(split.train, root, views)
    train, validation = labelled_sides(extractor, split, views)
    settings = HeadSettings(epochs=task.epochs, patience=task.epochs)
    history = train_head(train, validation, len(split.categories), settings).history
    task.accuracy[name] = max(history["val_accuracy"])


def usual(task: Task) -> None:
    """Train as a tutorial does."""
    from training.framework import keras

    keras.utils.set_random_seed(0)
    train, validation = (_loaded(task, name) for name in ("train", "validation"))
    model = _whole_network(task)
    history = model.fit(train, validation_data=validation, epochs=task.epochs, verbose=0).history
    task.accuracy["usual"] = max(history["val_accuracy"])


def _loaded(task: Task, name: str) -> Any:
    from training.framework import keras

    load = keras.utils.image_dataset_from_directory
    folder, size = task.folder / name, (task.size, task.size)
    data = load(folder, label_mode="categorical", image_size=size, batch_size=BATCH, verbose=False)
    kept = data.cache()  # decoded once; in a new order each epoch, as the loader had them
    return kept.shuffle(len(task.split.train)).prefetch(1) if name == "train" else kept


def _whole_network(task: Task) -> Any:
    from training.framework import keras

    base = build_base(task.size, task.layers)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((task.size, task.size, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(30 / 360),
            layers.RandomTranslation(0.2, 0.2),
            layers.RandomZoom(0.2, 0.2),
            base,
            layers.Dense(EMBEDDING_DIMENSIONS, activation="relu", name=EMBEDDING_LAYER),
            layers.Dropout(HeadSettings().dropout),
            layers.Dense(len(task.split.categories), activation="softmax", name=PREDICTIONS),
        ]
    )
    optimizer = keras.optimizers.RMSprop(HeadSettings().learning_rate)
    model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


@contextmanager
def training(quick: bool) -> Iterator[Plan]:
    """Divide the pictures, and train in each way."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        task, precision = Task(folder, quick), fastest_precision()
        ways: dict[str, Callable[[], None]] = {
            "usual": partial(usual, task),
            "float32": partial(cached, task, "float32", "float32"),
            "cached": partial(cached, task, "cached", precision),
            "again": partial(cached, task, "again", precision),
        }
        facts: list[Fact] = []
        yield Plan(
            item="pictures and epochs",
            rounds=1,
            candidates=[
                Candidate(
                    name=name,
                    items=len(task.split.train) * task.epochs,
                    run=run,
                    baseline=None if name == "usual" else "usual",
                    prepare=partial(_forget, folder / name, name),
                )
                for name, run in ways.items()
            ],
            facts=facts,
        )
        unit = "of the held-out pictures told right"
        facts += [Fact(name=f"{n}.accuracy", value=a, unit=unit) for n, a in task.accuracy.items()]
        gain = task.accuracy["cached"] - task.accuracy["usual"]
        facts.append(Fact(name="cached.gain", value=gain, unit="accuracy beside usual"))


def _forget(cache: Path, name: str) -> None:
    """Take the cache of the run before away, but for the one that is to have it."""
    if name in ("float32", "cached"):
        shutil.rmtree(cache, ignore_errors=True)


main = command("training", training)

if __name__ == "__main__":
    main()
