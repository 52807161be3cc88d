"""What tuning the base gains, and what more pictures would: the sample stamps, held out.

Seven pictures in ten of each category are the gallery, the others are queries; the figures are
retrieval mAP by cosine, means over seeds, which draw them. ``share_50`` trains on half of the
gallery, and looks in all of it, with ``--interpolation 1``. ``head`` is the first stage alone by
the default recipe, ``tuned`` is what both stages leave, from VGG16's last block on. What
``left_out`` tells is found among pictures of a third of the categories, by training on the others.

When training stops is decided by pictures that are no queries of that figure, as in
``bench.embeddings``.

``cached`` is a step of the second stage, from what is kept of the frozen layers' output;
``whole`` is the same step through the whole network, from pixels in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.calibration_sets import in_two
from bench.command import Plan, command
from bench.embeddings import HELD_OUT, T_OF_SEEDS, without_a_third
from bench.facts import Fact
from bench.harness import Candidate
from demo.samples import stamps
from lookalike.catalogue import Folder
from lookalike.picture import PictureContract
from lookalike.picture.contract import Pixels
from lookalike.progress import track
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from training.backbones import BACKBONES
from training.features import FeatureExtractor
from training.framework import keras
from training.head import train_head
from training.labelled import ORIGINAL, Labelled, Rows
from training.losses import SupervisedContrastive
from training.model import Cut, build_base, cut_before, embedder_of
from training.request import DEFAULT_BACKBONE, HeadSettings, TuningSettings
from training.retrieval import leave_one_out, query_gallery
from training.split import Example, class_numbers
from training.tuning import LabelledExamples, Tunable, tune
from training.weights import imagenet_weights

SIZE, QUICK_SIZE = 224, 32
SEEDS, QUICK_SEEDS = 5, 2
SHARES = (0.25, 0.5, 0.75, 1.0)
WORKERS = 2
BATCH, ROUNDS = 32, 5
FIRST = BACKBONES[DEFAULT_BACKBONE].last_stage
TUNING, QUICK_TUNING = TuningSettings(), TuningSettings(tuning_epochs=1)


def all_the_way(seed: int) -> HeadSettings:
    """Ask for what finds best what it was trained on."""
    return HeadSettings(interpolation=1.0, seed=seed)


class Pictures:
    """The stamps, with what the base gives of each and what its frozen part does."""

    def __init__(self, size: int) -> None:
        settings = Settings.from_environment()
        self._cache, self._size = Path(settings.cache), size
        self._layers = imagenet_weights(self._cache).layers
        self._contract = PictureContract(size=size)

        def extractor(base: Any, within: str, *, large: bool) -> FeatureExtractor:
            cache, limit = self._cache / within, settings.max_decoded_bytes
            return FeatureExtractor(base, self._contract, cache, WORKERS, limit, large=large)

        base = extractor(build_base(size, self._layers), "", large=False)
        self.trunk = extractor(self._cut().trunk, f"before/{FIRST}", large=True)
        folder = Folder(stamps(self._cache))
        self._root = folder.root
        self.examples, _ = base.examine(list(folder))
        self.trunk.embed(self.examples, folder.root)
        categories = sorted({example.label for example in self.examples})
        self.labels = class_numbers(self.examples, categories)
        self.features = base.vectors(self.examples)

    def tail(self) -> Any:
        """Build what is tuned, as it is before."""
        return self._cut().tail

    def whole(self) -> Any:
        """Build all of the base, of which only the tail can be tuned."""
        trunk, tail = self._cut()
        trunk.trainable = False
        return keras.Model(trunk.input, tail(trunk.output))

    def pixels(self, rows: Rows) -> Pixels:
        """Read some of the pictures."""
        placed = [(self.examples[row], self._root) for row in rows]
        return np.stack(list(self.trunk.reader.pixels(placed, self._contract)))

    def of(self, rows: Rows) -> Sequence[Example]:
        """Give some of the pictures."""
        return [self.examples[row] for row in rows]

    def _cut(self) -> Cut:
        return cut_before(build_base(self._size, self._layers), FIRST)


class Steps:
    """A step of tuning on one batch, by both ways, with the default recipe's loss."""

    def __init__(self, pictures: Pictures) -> None:
        self._rows = np.random.default_rng(0).permutation(len(pictures.labels))[:BATCH]
        self._pictures, self._labels = pictures, pictures.labels[self._rows]
        self._pixels = pictures.pixels(self._rows)
        self._tail, self._whole = _compiled(pictures.tail()), _compiled(pictures.whole())

    def cached(self) -> None:
        """Read what the trunk gave, and train what comes after it."""
        some = self._pictures.of(self._rows)
        features = self._pictures.trunk.drawn((one, ORIGINAL) for one in some)
        self._tail.train_on_batch(features, self._labels)

    def whole(self) -> None:
        """Train the same layers, with the pictures through all of the network."""
        self._whole.train_on_batch(self._pixels, self._labels)


def _compiled(model: Any) -> Any:
    optimizer = keras.optimizers.RMSprop(TUNING.tuning_rate)
    model.compile(optimizer, SupervisedContrastive(HeadSettings().temperature), jit_compile=False)
    return model


class Embedded(NamedTuple):
    """Vectors ``float32[n, 128]`` of all pictures, after the first stage and after both."""

    head: Vectors
    tuned: Vectors


def embedded(
    pictures: Pictures,
    train: Rows,
    stopping: Rows,
    settings: HeadSettings,
    tuning: TuningSettings | None,
) -> Embedded:
    """Train on some of the pictures, and embed all of them; the second stage is optional."""
    names, numbers = np.unique(pictures.labels[train], return_inverse=True)
    asked = np.searchsorted(names, pictures.labels[stopping])
    sides = (
        Labelled(pictures.features[train], numbers),
        Labelled(pictures.features[stopping], asked),
    )
    head = train_head(*sides, len(names), settings)
    features = pictures.features[:, ORIGINAL]
    alone = np.asarray(embedder_of(head.model).predict(features, verbose=0))
    if tuning is None:
        return Embedded(alone, alone)
    both = (
        LabelledExamples(pictures.of(train), numbers),
        LabelledExamples(pictures.of(stopping), asked),
    )
    tuned = tune(pictures.tail(), head, Tunable(pictures.trunk, *both, views=0), settings, tuning)
    if not tuned.is_better:
        return Embedded(alone, alone)
    whole = pictures.trunk.drawn((one, ORIGINAL) for one in pictures.examples)
    return Embedded(alone, np.asarray(tuned.embedder.predict(whole, verbose=0)))


def held_out(
    pictures: Pictures,
    seed: int,
    settings: HeadSettings,
    tuning: TuningSettings | None,
    share: float = 1.0,
) -> tuple[float, float]:
    """Give the mAP of held-out pictures after the first stage, and after both."""
    labels = pictures.labels
    gallery, queries = in_two(labels, HELD_OUT, seed)
    train = gallery if share == 1 else gallery[in_two(labels[gallery], share, seed)[1]]
    found = []
    for asked, stopping in ((queries[::2], queries[1::2]), (queries[1::2], queries[::2])):
        made = embedded(pictures, train, stopping, settings, tuning)
        found.append(
            [
                query_gallery(
                    vectors[asked], labels[asked], vectors[gallery], labels[gallery], "cosine"
                ).average_precision
                for vectors in made
            ]
        )
    head, tuned = (np.concatenate(halves).mean() for halves in zip(*found, strict=True))
    return float(head), float(tuned)


def left_out(
    pictures: Pictures, seed: int, settings: HeadSettings, tuning: TuningSettings
) -> tuple[float, float]:
    """Give the mAP among pictures of categories that training never saw, likewise."""
    known, unknown = without_a_third(pictures.labels, seed)
    train, stopping = (known[rows] for rows in in_two(pictures.labels[known], HELD_OUT, seed))
    made = embedded(pictures, train, stopping, settings, tuning)
    head, tuned = (
        leave_one_out(vectors[unknown], pictures.labels[unknown], "cosine").average_precision.mean()
        for vectors in made
    )
    return float(head), float(tuned)


def facts(name: str, pairs: list[tuple[float, float]]) -> Iterator[Fact]:
    """Tell both stages' means, and the interval of 95 % of what the second gains."""
    head, tuned = np.array(pairs).T
    unit = f"mAP, {len(pairs)} seeds"
    yield Fact(name=f"{name}.head", value=float(head.mean()), unit=unit)
    yield Fact(name=f"{name}.tuned", value=float(tuned.mean()), unit=unit)
    gains = tuned - head
    error = T_OF_SEEDS[len(gains)] * gains.std(ddof=1) / np.sqrt(len(gains))
    for end, value in (("low", gains.mean() - error), ("high", gains.mean() + error)):
        yield Fact(name=f"{name}.{end}", value=float(value), unit="gained, interval of 95 %")


@contextmanager
def tuning(quick: bool) -> Iterator[Plan]:
    """Measure with parts of the gallery, then with the second stage."""
    pictures = Pictures(QUICK_SIZE if quick else SIZE)
    seeds = range(QUICK_SEEDS if quick else SEEDS)
    steps = Steps(pictures)
    plan = Plan(
        item="pictures",
        rounds=1 if quick else ROUNDS,
        candidates=[
            Candidate(name="whole", items=BATCH, run=steps.whole),
            Candidate(name="cached", items=BATCH, run=steps.cached, baseline="whole"),
        ],
    )

    for share in SHARES:
        found = [
            held_out(pictures, seed, all_the_way(seed), None, share)[0]
            for seed in track(seeds, f"training on {share:.0%} of the gallery")
        ]
        name, unit = f"share_{share:.0%}".rstrip("%"), f"mAP, {len(seeds)} seeds"
        plan.facts.append(Fact(name=name, value=float(np.mean(found)), unit=unit))
    second = QUICK_TUNING if quick else TUNING
    for name, measure in (("held_out", held_out), ("left_out", left_out)):
        told = track(seeds, f"tuning, {name}")
        pairs = [measure(pictures, seed, HeadSettings(seed=seed), second) for seed in told]
        plan.facts.extend(facts(name, pairs))
    yield plan


main = command("tuning", tuning)

if __name__ == "__main__":
    main()
