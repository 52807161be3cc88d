"""The backbones: how fast and how large each is as it is served, and how well it finds.

A candidate embeds one batch, as large as extraction's, by its exported SavedModel on the
processor; its ratio is to VGG16. Quality is retrieval mAP on the sample stamps, by cosine, of the
held-out pictures against the others, before and after the head is trained on no augmented views:
means over seeds, of the split too. Where ImageNet weights cannot be had, it is not measured:
random weights are no measure.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import mean

import numpy as np

from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.local_models import Bare, production_model, write_version
from demo.samples import stamps
from indexing.extraction.settings import ExtractionSettings
from lookalike.catalogue import Folder
from lookalike.errors import SourceUnavailable
from lookalike.picture import PictureContract
from lookalike.picture.contract import CHANNELS
from lookalike.progress import track
from lookalike.serving import ModelAddress
from lookalike.settings import Settings
from training.features import FeatureExtractor
from training.head import train_head
from training.judging import Trained, judge
from training.model import EMBEDDING_DIMENSIONS, build_base, embedder_of
from training.request import BACKBONE_NAMES, DEFAULT_BACKBONE, BackboneName, HeadSettings
from training.split import Split, stratified
from training.stages import labelled_sides
from training.weights import imagenet_weights

SIZE, QUICK_SIZE = 224, 64
BATCH = ExtractionSettings().batch
ROUNDS, SEEDS = 5, 5
HELD_OUT = 0.3
WORKERS = 2
MEGABYTE = 1e6
KINDS = ("pretrained", "tuned")


class Served:
    """A backbone up to dense_1, exported with random weights.

    Args:
        name: of the backbone.
        folder: of the model's versions.
        size: side of the pictures.
    """

    def __init__(self, name: BackboneName, folder: Path, size: int) -> None:
        picture = PictureContract(size=size)
        address = ModelAddress(
            name=name, version=1, picture=picture, dimensions=EMBEDDING_DIMENSIONS
        )
        folder.mkdir()
        write_version(production_model(size, name), folder, address)
        version = folder / "1"
        files = [version / "saved_model.pb", *(version / "variables").iterdir()]
        self.megabytes = sum(file.stat().st_size for file in files) / MEGABYTE
        self.model = Bare(version)


def quality(name: BackboneName, size: int, seeds: int) -> list[Fact]:
    """Train a head for each seed, and measure; nothing where there are no weights."""
    settings = Settings.from_environment()
    try:
        weights = imagenet_weights(Path(settings.cache), backbone=name)
    except SourceUnavailable:
        return []
    base = build_base(size, weights.layers, backbone=name)
    cache, limit = Path(settings.cache), settings.max_decoded_bytes
    extractor = FeatureExtractor(base, PictureContract(size=size), cache, WORKERS, limit)
    reached = [_reached(extractor, seed) for seed in range(seeds)]
    unit = f"mAP at {size} pixels, {seeds} seeds"
    maps = {kind: mean(r[f"{kind}_cosine_map"] for r in reached) for kind in KINDS}
    return [Fact(name=f"{name}.{kind}.map", value=maps[kind], unit=unit) for kind in KINDS]


def _reached(extractor: FeatureExtractor, seed: int) -> dict[str, float]:
    pictures = Folder(stamps(Path(Settings.from_environment().cache)))
    examples, _ = extractor.examine(list(pictures))
    train, validation = stratified(examples, HELD_OUT, seed)
    root = str(pictures.root)
    split = Split(root=root, validation_root=root, train=train, validation=validation)
    gallery, queries = labelled_sides(extractor, split)
    head = train_head(gallery, queries, len(split.categories), HeadSettings(seed=seed)).model
    return judge(Trained(split, extractor, extractor, embedder_of(head)), print).quality()


@contextmanager
def backbones(quick: bool) -> Iterator[Plan]:
    """Export each, and measure what it reaches."""
    size = QUICK_SIZE if quick else SIZE
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, CHANNELS), np.uint8)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        served = {
            name: Served(name, Path(folder) / name, size)
            for name in track(BACKBONE_NAMES, "exporting")
        }
        facts = [
            Fact(name=f"{name}.megabytes", value=one.megabytes, unit="MB, the SavedModel")
            for name, one in served.items()
        ]
        for name in BACKBONE_NAMES:
            facts += quality(name, size, 1 if quick else SEEDS)
        yield Plan(
            item="pictures",
            rounds=1 if quick else ROUNDS,
            candidates=[
                Candidate(
                    name=name,
                    items=BATCH,
                    run=partial(one.model.embed, pixels),
                    baseline=None if name == DEFAULT_BACKBONE else DEFAULT_BACKBONE,
                )
                for name, one in served.items()
            ],
            facts=facts,
        )


main = command("backbones", backbones)

if __name__ == "__main__":
    main()
