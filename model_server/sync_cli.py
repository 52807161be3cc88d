"""``lookalike sync-models``; imports nothing heavy before it runs."""

import logging
import signal
import sys
from pathlib import Path

import click

from lookalike.settings import Settings


@click.command("sync-models")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--once", is_flag=True, help="Look once, and fail where a version was refused.")
@click.option(
    "--every",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="Seconds between looks.",
)
def sync_models(folder: Path, once: bool, seconds: float) -> None:
    """Bring model versions from the store into FOLDER, which a model server watches.

    Those that an index names, and newer ones. Each appears whole and verified; what was
    pruned from the store goes. For where the model server cannot read the store itself.
    """
    from lookalike.store import open_indexes, open_models
    from model_server.sync import ServingFolder, keep_synced, log_synced

    settings = Settings.from_environment()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # As a container's first process it would not hear it otherwise; nothing has to be finished.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serving = ServingFolder(
        folder,
        open_models(settings.store, settings.model),
        open_indexes(settings.store, settings.index),
        settings.model,
    )
    if not once:
        keep_synced(serving, seconds)
    synced = serving.sync()
    log_synced(synced)
    for error in synced.refused.values():
        raise error
