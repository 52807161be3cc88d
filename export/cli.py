"""``lookalike export-model``; imports nothing heavy before it runs."""

from pathlib import Path

import click

from lookalike.settings import Settings


@click.command("export-model")
@click.option(
    "--model",
    "model_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Trained Keras file (.keras or .h5), its model card beside it. "
    "Default: the one in <store>/training.",
)
@click.option("--force", is_flag=True, help="Export even what the newest version already holds.")
def export_model(model_file: Path | None, force: bool) -> None:
    """Cut the trained model at dense_1 into the next version in the store.

    The SavedModel takes raw RGB bytes and gives the vector; TensorFlow Serving finds it
    under <store>/models/<name>/<N>/, with a model card and warm-up records beside it.
    """
    from export.export import export
    from lookalike.store import open_models
    from training.output import default_folder
    from training.output import model_file as trained_file

    settings = Settings.from_environment()
    found = model_file or trained_file(default_folder(settings.store))
    models = open_models(settings.store, settings.model)
    version = export(found, models, settings.model, force=force)
    click.echo(f"model {settings.model} version {version}: {models.root}/{version}")
