"""``lookalike index``: the published versions; imports nothing heavy before it runs."""

from typing import TYPE_CHECKING

import click
import msgspec

from lookalike.errors import StoreError
from lookalike.flags import json_flag
from lookalike.settings import Settings

if TYPE_CHECKING:
    from indexing.unneeded_features import Pruned
    from lookalike.index import IndexDetails
    from lookalike.store import Collection


def _complete(_context: object, _parameter: object, begun: str) -> list[str]:
    """Name the versions that begin so, the newest first, to a shell."""
    return [version for version in reversed(_indexes().versions()) if version.startswith(begun)]


version_argument = click.argument("version", required=False, shell_complete=_complete)


@click.group()
def index() -> None:
    """Look at the published versions of the index, verify them, go back to one, prune them."""


@index.command("list")
@json_flag("it")
def list_versions(as_json: bool) -> None:
    """List the complete versions, oldest first; the current one is marked."""
    indexes = _indexes()
    current = indexes.current_if_told()
    listed = [_listed(indexes, version, current) for version in indexes.versions()]
    if as_json:
        click.echo(msgspec.json.encode(listed))
        return
    if not listed:
        click.echo(
            f"{indexes.root} has no version yet: 'lookalike reindex' publishes one", err=True
        )
    for item in listed:
        click.echo(f"{'*' if item['current'] else ' '} {item['version']}  {_summary(item)}")


@index.command()
@version_argument
@json_flag("it on one line")
def show(version: str | None, as_json: bool) -> None:
    """Print what a version's manifest says (the current one's by default), as JSON."""
    indexes = _indexes()
    made = msgspec.json.encode(_details(indexes, _chosen(indexes, version)))
    click.echo(made if as_json else msgspec.json.format(made, indent=2).decode())


@index.command()
@version_argument
@json_flag("it")
def verify(version: str | None, as_json: bool) -> None:
    """Read every file of a version in the store and hold it against its digest."""
    from lookalike.store import verify_version

    indexes = _indexes()
    version = _chosen(indexes, version)
    scratch = Settings.from_environment().scratch
    count, size = verify_version(indexes, version, scratch=scratch)
    if as_json:
        click.echo(msgspec.json.encode({"version": version, "files": count, "bytes": size}))
    else:
        click.echo(f"{version}: {count} files, {size} bytes, all as their manifest says")


@index.command()
@version_argument
@json_flag("it")
def rollback(version: str | None, as_json: bool) -> None:
    """Point CURRENT at VERSION, or at the one before the current one.

    Pictures that were deleted since stay deleted.
    """
    from lookalike.index.rollback import roll_back_to
    from lookalike.store import open_models, verify_version

    settings = Settings.from_environment()
    indexes, models = _indexes(), open_models(settings.store, settings.model)
    version = roll_back_to(indexes, models, version, verify_version)
    before = indexes.set_current(version)
    if as_json:
        click.echo(msgspec.json.encode({"version": version, "before": before}))
    else:
        click.echo(f"CURRENT is {version}")


@index.command()
@click.option(
    "--keep",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How many of the newest versions stay, beside the current one.",
)
@click.option(
    "--models",
    is_flag=True,
    help="Remove model versions too that no index names any more; those that are newer than "
    "all that one names stay, since an index may be on its way.",
)
@click.option(
    "--pictures",
    is_flag=True,
    help="Remove the bytes of pictures too that were sent (add, PUT), and that no version which "
    "stays has and no addition asks for; those of the last day stay.",
)
@click.option(
    "--features",
    is_flag=True,
    help="Remove the vectors too, of every model, of pictures that no version which stays of any "
    "index has, no ledger of an extraction and no addition; not while an extraction runs.",
)
@json_flag("it")
def prune(keep: int, models: bool, pictures: bool, features: bool, as_json: bool) -> None:
    """Remove old versions; files that a version which stays still needs are kept.

    Copies of versions that are gone leave this machine's cache with them.
    A rollback can go to the versions that are kept, and to no other.
    """
    from lookalike.store import prune as prune_versions

    indexes = _indexes()
    if not models:
        indexes.latest()  # there has to be one; of models there may be some without
    removed = {
        "indexes": prune_versions(indexes, keep),
        "copies": _prune_copies(indexes),
        "models": _prune_models(indexes) if models else [],
        "pictures": _prune_pictures(indexes) if pictures else [],
    }
    pruned = _prune_features(indexes) if features else []
    if as_json:
        click.echo(msgspec.json.encode({**removed, "features": pruned}))
        return
    for kind, names in removed.items():
        for name in names:
            click.echo(f"removed {kind}/{name}")
    for one in pruned:
        click.echo(f"removed {one.vectors} vectors of features/{one.features}")
    click.echo(f"{len(removed['indexes']) + len(removed['models'])} versions removed")


def _prune_copies(indexes: "Collection") -> list[str]:
    from pathlib import Path

    from indexing.version_copies import prune_copies

    return prune_copies(Path(Settings.from_environment().cache), indexes)


def _prune_pictures(indexes: "Collection") -> list[str]:
    from indexing.sent_pictures import prune_pictures
    from lookalike.changes import open_changes

    settings = Settings.from_environment()
    return prune_pictures(indexes, open_changes(settings.store, settings.index), settings.scratch)


def _prune_features(indexes: "Collection") -> "list[Pruned]":
    from indexing.unneeded_features import prune_features

    settings = Settings.from_environment()
    return prune_features(settings.store, indexes, settings.scratch)


def _prune_models(indexes: "Collection") -> list[str]:
    """Remove what no version of this or another index of the store names.

    What is newer than all named stays: an index by it may be on its way, which names it only
    when it is published. So does everything where no index names any.
    """
    from lookalike.index.models import named_models
    from lookalike.store import open_models
    from lookalike.store import prune as prune_versions

    settings = Settings.from_environment()
    models = open_models(settings.store, settings.model)
    named = named_models(indexes, settings.model)
    newest = max(map(int, named), default=0)
    spare = [one for one in models.versions() if one in named or int(one) > newest]
    return prune_versions(models, keep=1, spare=spare)


def _summary(item: dict[str, object]) -> str:
    if "problem" in item:
        return f"cannot be served: {item['problem']}"
    return f"{item['pictures']} pictures  {item['factory']}  model {item['model_version']}"


def _listed(indexes: "Collection", version: str, current: str | None) -> dict[str, object]:
    named: dict[str, object] = {"version": version, "current": version == current}
    try:
        details = _details(indexes, version)
    except StoreError as error:  # one that is damaged hides no other
        return {**named, "problem": str(error)}
    return {
        **named,
        "pictures": details.pictures,
        "quarantined": details.quarantined,
        "factory": details.factory,
        "model_version": details.model.version,
        "recall_at_10": details.recall_at_10,
    }


def _indexes() -> "Collection":
    from lookalike.store import open_indexes

    settings = Settings.from_environment()
    return open_indexes(settings.store, settings.index)


def _chosen(indexes: "Collection", version: str | None) -> str:
    return version or indexes.current()


def _details(indexes: "Collection", version: str) -> "IndexDetails":
    from lookalike.index.version import decode_details

    return decode_details(indexes.manifest(version), version)
