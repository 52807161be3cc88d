"""From sample pictures to a published index, where a store has none: a cluster's first hour."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from demo.processes import run_stage
from demo.samples import sample_pictures
from lookalike.catalogue.folder import NO_PICTURES
from lookalike.errors import ConfigurationError
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.settings import Settings
from lookalike.store import open_indexes, open_models
from training.kept import newest_folder

PICTURES, WEIGHTS = "pictures", "vgg16.weights.h5"
# Beside the categories while they are copied.
UNFINISHED = ".samples"


def bootstrap(
    samples: Path, catalogue: Path | None, train: Sequence[str], reindex: Sequence[str]
) -> None:
    """Train on the samples, export and index them, unless the store has an index already.

    What was done before it was broken off is not done again, and a model that the store has
    is taken as it is, whoever trained it: where its index was lost, only that is made anew.

    Args:
        samples: as :func:`collect` makes it.
        catalogue: where the pictures are to be; the samples are copied there if it is empty,
            and otherwise what is there takes their place. None: they stay where they are.
        train: further flags of ``lookalike train``.
        reindex: of ``lookalike reindex``.

    Raises:
        ConfigurationError: that folder holds no samples.
        StageFailed: a stage failed; its own message stands above.
    """
    settings = Settings.from_environment()
    current = open_indexes(settings.store, settings.index).current_or_none()
    if current is not None:
        click.echo(f"nothing to do: the store has an index already, {current}")
        return
    pictures, weights = samples / PICTURES, samples / WEIGHTS
    if not (pictures.is_dir() and weights.is_file()):
        raise ConfigurationError(f"{samples} has no samples: 'lookalike samples' makes them")
    if catalogue is not None:
        lay_in(pictures, catalogue)
        pictures = catalogue
    stages = [
        ["train", str(pictures), "--weights", str(weights), *train],
        ["export-model"],
        ["reindex", str(pictures), *reindex],
    ]
    for stage in stages[_done(settings) :]:
        click.echo(f"=== lookalike {' '.join(stage)}")
        run_stage(stage, {})


def _done(settings: Settings) -> int:
    """Count the stages whose outcome the store has."""
    models = open_models(settings.store, settings.model).versions()
    if models:
        click.echo(f"the store has model {models[-1]} already: it is indexed with that")
        return 2
    trained = newest_folder(settings)
    if (trained / CARD_FILE).is_file():
        click.echo(f"{trained} holds a trained model already: that is exported")
        return 1
    return 0


def lay_in(pictures: Path, catalogue: Path) -> None:
    """Copy folders of pictures into an empty folder, or go on where that was broken off.

    Raises:
        ConfigurationError: there is no such folder to copy them to.
    """
    if not catalogue.is_dir():
        raise ConfigurationError(f"there is no folder {catalogue} for the pictures")
    unfinished = catalogue / UNFINISHED
    there = {path.name for path in catalogue.iterdir()} - NO_PICTURES
    if there and UNFINISHED not in there:
        return
    unfinished.mkdir(exist_ok=True)
    for category in sorted(pictures.iterdir()):
        if category.name not in there:
            copied = unfinished / category.name
            shutil.rmtree(copied, ignore_errors=True)
            shutil.copytree(category, copied).rename(catalogue / category.name)
    unfinished.rmdir()


def collect(folder: Path) -> None:
    """Lay out the sample pictures and VGG16's weights in a folder, whole or not at all.

    Raises:
        SourceUnavailable: one of them cannot be had.
        ConfigurationError: something is at that place already.
    """
    from training.weights import imagenet_weights, save_weights  # imports TensorFlow

    if folder.exists():
        raise ConfigurationError(f"{folder} exists: name a folder that does not")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made, cache = Path(scratch) / "samples", Path(scratch) / "cache"
        shutil.copytree(sample_pictures(cache), made / PICTURES)
        weights = imagenet_weights(cache)
        save_weights(weights, made / WEIGHTS)
        made.rename(folder)
    click.echo(f"{folder}: sample pictures, and VGG16's weights from {weights.source}")
