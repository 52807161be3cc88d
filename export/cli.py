"""``lookalike export-model``; imports nothing heavy before it runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from lookalike.errors import ConfigurationError
from lookalike.flags import json_flag
from lookalike.settings import Settings

if TYPE_CHECKING:
    from lookalike.model_card import ModelCard


@click.command("export-model")
@click.option(
    "--model",
    "model_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Trained Keras file (.keras or .h5), its model card beside it. "
    "Default: the one in <store>/training.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Export even what the newest version already holds, or what is worse than the served one.",
)
@json_flag("the version's card")
def export_model(model_file: Path | None, force: bool, as_json: bool) -> None:
    """Cut the trained model at dense_1 into the next version in the store.

    The SavedModel takes raw RGB bytes and gives the vector; TensorFlow Serving finds it
    under <store>/models/<name>/<N>/, with a model card and warm-up records beside it.
    Scores are calibrated on what the held-out pictures of the training found. A model that
    finds less than the one that is served, and not by chance, is refused.
    """
    from export.export import export
    from lookalike.index.models import served_model
    from lookalike.model_card import read_stored_card
    from lookalike.store import open_models
    from training.kept import newest_folder
    from training.output import model_file as trained_file

    settings = Settings.from_environment()
    found = model_file or trained_file(newest_folder(settings))
    if not found.is_file():
        raise ConfigurationError(f"{found} does not exist: train a model first")
    models = open_models(settings.store, settings.model)
    version = export(
        found,
        models,
        settings.model,
        force=force,
        served=served_model(settings),
        scratch=settings.scratch,
        say=lambda line: click.echo(line, err=True),
    )
    card = read_stored_card(models, version)
    if as_json:
        click.echo(msgspec.json.encode(card))
    else:
        click.echo(f"model {settings.model} version {version}: {models.root}/{version}")
    _tell_of_scores(card)


def _tell_of_scores(card: "ModelCard") -> None:
    from training.calibration import GOOD_ECE

    made = card.calibration
    if made is None:
        reason = card.uncalibrated or "it was exported before there were any; --force does it anew"
        click.echo(f"searches by it give no scores: {reason}", err=True)
        return
    click.echo(
        f"scores: calibrated on {made.pairs} hits of {made.queries} held-out pictures, "
        f"expected calibration error {made.ece:.3f}",
        err=True,
    )
    if made.ece > GOOD_ECE:
        click.echo(
            f"warning: that is over {GOOD_ECE:g}; more held-out pictures, or training that keeps "
            "categories further apart, make scores more reliable",
            err=True,
        )
