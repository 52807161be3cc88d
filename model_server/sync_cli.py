"""``lookalike sync-models``; imports nothing heavy before it runs."""

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.flags import Number
from lookalike.settings import Settings, check_model_server_rest

if TYPE_CHECKING:
    from model_server.sync import ServingFolder


@click.command("sync-models")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--once",
    is_flag=True,
    help="Look until nothing is missing; fail where a version was refused or there is none.",
)
@click.option(
    "--every",
    "seconds",
    type=Number(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option(
    "--server",
    metavar="URL",
    help="The model server's REST address, to ask whether it serves what was brought.",
)
@click.option(
    "--mark",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that is there once it does, for a readiness probe.",
)
def sync_models(
    folder: Path, once: bool, seconds: float, server: str | None, mark: Path | None
) -> None:
    """Bring model versions from the store into FOLDER, which a model server watches.

    Those that an index names, and newer ones. Each appears whole and verified; what was
    pruned from the store goes. For where the model server cannot read the store itself.
    """
    from lookalike.store import open_indexes, open_models
    from model_server.sync import ServingFolder, keep_synced, sync_once

    if (server is None) != (mark is None):
        raise click.UsageError("--server and --mark go together")
    if server is not None:
        check_model_server_rest(server, "--server")
    settings = Settings.from_environment()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # As a container's first process it would not hear it otherwise; nothing has to be finished.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    models = open_models(settings.store, settings.model)
    indexes = open_indexes(settings.store, settings.index)
    serving = ServingFolder(folder, models, indexes, settings.model)
    marking = _marking(serving, server, mark, settings.model)
    if once:
        sync_once(serving, models, seconds, marking)
    else:
        keep_synced(serving, seconds, marking)


def _marking(
    serving: "ServingFolder", server: str | None, mark: Path | None, model: str
) -> Callable[[], None]:
    """Give what is to be done after each look."""
    from model_server.served import mark_served

    if server is None or mark is None:
        return lambda: None
    url = f"{server.rstrip('/')}/v1/models/{model}"
    return lambda: mark_served(mark, url, serving.versions())
