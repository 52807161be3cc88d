"""``lookalike reindex``; imports nothing heavy before it runs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from lookalike.settings import Settings

if TYPE_CHECKING:
    from indexing.factory import Recipe


@click.command()
@click.argument("pictures", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--model-version", type=int, help="Embed with this version, not the newest.")
@click.option(
    "--recipe",
    type=click.Choice(["auto", "seed"]),
    default="auto",
    show_default=True,
    help="auto: index type by size; seed: IVF100,Flat at nprobe 8, flat up to 100 pictures.",
)
@click.option("--factory", help="Any faiss factory string, instead of --recipe.")
@click.option("--nprobe", type=click.IntRange(1), help="With --factory: inverted lists a query.")
@click.option("--k-factor", type=click.FloatRange(1), help="With --factory: candidates refined.")
@click.option("--ef-search", type=click.IntRange(1), help="With --factory: HNSW's candidates.")
@click.option(
    "--metric",
    type=click.Choice(["cosine", "l2"]),
    default="cosine",
    show_default=True,
    help="cosine: unit vectors, better on every set measured; l2: raw, as the seed recipe has it.",
)
@click.option(
    "--max-rejected",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Publish nothing where more than this share of the files gives no vector.",
)
@click.option("--processes", type=click.IntRange(1), help="Reading processes; default: one a core.")
@click.option("--batch", type=click.IntRange(1), default=16, show_default=True)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    help="Seconds to wait for a model server that does not have the model yet.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def reindex(
    pictures: Path,
    model_version: int | None,
    recipe: str,
    factory: str | None,
    nprobe: int | None,
    k_factor: float | None,
    ef_search: int | None,
    metric: str,
    max_rejected: float,
    processes: int | None,
    batch: int,
    wait_seconds: float,
    as_json: bool,
) -> None:
    """Embed the PICTURES below a folder, build an index of them and publish it.

    Labels are the names of the folders. Vectors of pictures that were embedded before
    are used again. The index being served changes in one step at the very end, and only
    once the new one has passed its checks.
    """
    from indexing.extract import ExtractionSettings
    from indexing.reindex import Options
    from indexing.reindex import reindex as run
    from lookalike.catalogue import Folder

    settings = Settings.from_environment()
    options = msgspec.convert(
        {
            "model_version": model_version,
            "metric": metric,
            "recipe": recipe,
            "factory": _factory(factory, nprobe, k_factor, ef_search),
            "max_rejected": max_rejected,
            "wait_seconds": wait_seconds,
            "extraction": ExtractionSettings(
                processes=processes or os.cpu_count() or 1,
                batch=batch,
                max_decoded_bytes=settings.max_decoded_bytes,
            ),
        },
        Options,
    )
    published = run(Folder(pictures), settings, options)
    if as_json:
        click.echo(msgspec.json.encode(published).decode())
        return
    click.echo(
        f"index {settings.index} version {published.version}: {published.pictures} pictures "
        f"({published.reused} embedded before, {published.quarantined} quarantined), "
        f"{published.factory}, model version {published.model_version}, "
        f"recall@10 {published.recall_at_10:.3f}"
    )


def _factory(
    factory: str | None, nprobe: int | None, k_factor: float | None, ef_search: int | None
) -> "Recipe | None":
    from indexing.factory import Recipe
    from lookalike.index import SearchParameters

    search = SearchParameters(nprobe=nprobe, k_factor=k_factor, ef_search=ef_search)
    if factory is None:
        if search != SearchParameters():
            raise click.UsageError("--nprobe, --k-factor and --ef-search go with --factory")
        return None
    return Recipe(factory, search)
