"""``lookalike reindex`` and ``lookalike build``; imports nothing heavy before they run."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from indexing.cli_options import build_options, source_options
from indexing.defaults import TARGET_RECALL
from indexing.extraction.cli import extraction_options, extraction_settings
from lookalike.flags import json_flag
from lookalike.settings import Settings

if TYPE_CHECKING:
    from indexing.extraction.tally import Tally
    from indexing.factory import Recipe
    from indexing.publishing import GateSettings, Plan, Published
    from lookalike.index import ModelReference


@click.command()
@source_options
@extraction_options
@build_options
@json_flag("the result")
def reindex(as_json: bool, **options: Any) -> None:
    """Embed the pictures of SOURCE, build an index of them and publish it.

    SOURCE is a folder, whose folders' names are the labels; a bucket prefix such as
    s3://bucket/folder; a Parquet or CSV file with the columns id and uri; or a database's URL
    with --query. What was embedded before is not embedded again, files that did not change
    are not read again, and where little changed only that is written. The index being served
    changes in one step at the very end, and only once the new one has passed its checks.
    """
    from indexing.cli_options import model_options
    from indexing.extraction.parts import Part
    from indexing.reindex import build_index, check_not_empty, extract_part, live_model
    from lookalike.catalogue import open_catalogue

    settings = Settings.from_environment()
    catalogue = open_catalogue(options["source"], options["query"])
    check_build(options)
    check_not_empty(catalogue, options["source"], settings)  # before a model server is waited for
    with live_model(settings, model_options(options)) as live:
        extraction = extraction_settings(options, settings)
        tally = extract_part(catalogue, Part(), live, settings, extraction)
        plan, gate = _plan(options, settings, live.model), _gate(options)
        published = build_index(live, plan, gate, settings, Part().of)
    if as_json:
        click.echo(msgspec.json.encode(_summary(published) | {"extraction": tally}))
        return
    click.echo(told(tally))
    _tell(published)


def told(tally: "Tally") -> str:
    """Say what became of all pictures, in a line whose numbers sum up to them."""
    known = tally.embedded - tally.made
    return (
        f"{tally.pictures} pictures: {tally.made} embedded now, {tally.unchanged} unchanged, "
        + (f"{known} read and known already, " if known else "")
        + f"{tally.rejected} without a vector (lookalike quarantine)"
    )


@click.command()
@click.option(
    "--of",
    "division",
    type=click.IntRange(1),
    help="Of the parts of this division, where there are several.",
)
@build_options
@json_flag("the result")
def build(division: int | None, as_json: bool, **options: Any) -> None:
    """Build an index of what 'lookalike extract' found, check it and publish it.

    For a catalogue that several 'lookalike extract --part I --of N' have gone through;
    'lookalike reindex' does both.
    """
    from indexing.cli_options import model_options
    from indexing.reindex import build_index, live_model

    settings = Settings.from_environment()
    check_build(options)
    with live_model(settings, model_options(options)) as live:
        plan, gate = _plan(options, settings, live.model), _gate(options)
        published = build_index(live, plan, gate, settings, division)
    if as_json:
        click.echo(msgspec.json.encode(_summary(published)))
    else:
        _tell(published)


def check_build(options: dict[str, Any]) -> None:
    """Refuse a wrong index type, or parameters that it lacks, before hours of extraction."""
    from indexing.build import check_recipe

    recipe = _recipe(options)
    if recipe is not None:
        check_recipe(recipe)


def _plan(options: dict[str, Any], settings: Settings, model: "ModelReference") -> "Plan":
    from indexing.build import BuildSettings
    from indexing.publishing import Plan

    build = BuildSettings(
        recipe=_recipe(options),
        target_recall=options["recall"] or TARGET_RECALL,
        shard_limit=options["shard_limit"],
        memory_bytes=options["memory"],
    )
    return Plan(
        name=settings.index,
        model=model,
        metric=options["metric"],
        build=build,
        seed=options["recipe"] == "seed",
        anew=options["rebuild"],
    )


def _gate(options: dict[str, Any]) -> "GateSettings":
    """A recall that was asked for must be reached; a type that was asked for is as it is."""
    from indexing.publishing import GateSettings

    chosen = options["recipe"] == "auto" and options["factory"] is None
    least = options["recall"] or (TARGET_RECALL if chosen else None)
    return GateSettings(min_recall=least, allow_shrink=options["allow_shrink"])


def _recipe(options: dict[str, Any]) -> "Recipe | None":
    from indexing.factory import Recipe
    from lookalike.index import SearchParameters

    search = SearchParameters(
        nprobe=options["nprobe"], k_factor=options["k_factor"], ef_search=options["ef_search"]
    )
    if options["factory"] is None:
        if search != SearchParameters():
            raise click.UsageError("--nprobe, --k-factor and --ef-search go with --factory")
        return None
    return Recipe(options["factory"], search)


def _summary(published: "Published") -> dict[str, Any]:
    details = published.details
    return {
        "version": published.version,
        "changed": published.changed,
        "model_version": details.model.version,
        "factory": details.factory,
        "pictures": details.pictures,
        "quarantined": details.quarantined,
        "delta": published.delta,
        "recall_at_10": details.recall_at_10,
    }


def _tell(published: "Published") -> None:
    details, recall = published.details, published.details.recall_at_10
    if not published.changed:
        click.echo(f"nothing changed; version {published.version} goes on being served")
        return
    delta = f", {published.delta} of them in a delta" if published.delta else ""
    measured = f", recall@10 {recall:.3f}" if recall is not None else ""
    click.echo(
        f"index {details.name} version {published.version}: {details.pictures} pictures{delta}, "
        f"{details.factory}, model version {details.model.version}{measured}"
    )
