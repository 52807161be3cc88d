"""Flags that the commands of indexing share; imports nothing heavy."""

from typing import TYPE_CHECKING, Any

import click

from indexing.defaults import SHARD_LIMIT, TARGET_RECALL
from lookalike.flags import Number, together

if TYPE_CHECKING:
    from indexing.reindex import ModelOptions


model_flags = together(
    click.option("--model-version", type=int, help="Embed with this version, not the newest."),
    click.option(
        "--wait",
        "wait_seconds",
        type=Number(0),
        default=300.0,
        show_default=True,
        help="Seconds to wait for a model server that does not have the model yet.",
    ),
)

source_options = together(
    click.argument("source"),
    click.option("--query", help="With a database's URL: the SELECT that gives id, uri, …"),
)

shrink_option = click.option(
    "--allow-shrink",
    is_flag=True,
    help="Go on although more than a tenth of the pictures is gone.",
)

build_options = together(
    model_flags,
    click.option(
        "--recipe",
        type=click.Choice(["auto", "seed"]),
        default="auto",
        show_default=True,
        help="auto: index type by size; seed: IVF100,Flat at nprobe 8, flat up to 100 pictures.",
    ),
    click.option("--factory", help="Any faiss factory string, instead of --recipe."),
    click.option("--nprobe", type=click.IntRange(1), help="With --factory: lists a query."),
    click.option("--k-factor", type=Number(1), help="With --factory: refining."),
    click.option("--ef-search", type=click.IntRange(1), help="With --factory: HNSW."),
    click.option(
        "--recall",
        type=Number(0, 1, min_open=True),
        help="recall@10 to tune the search to and to insist on; "
        f"{TARGET_RECALL:g} where the type is chosen.",
    ),
    click.option(
        "--metric",
        type=click.Choice(["cosine", "l2"]),
        default="cosine",
        show_default=True,
        help="cosine: unit vectors, better on every set measured; l2: raw, as the seed recipe.",
    ),
    click.option(
        "--shard-limit",
        type=click.IntRange(1),
        default=SHARD_LIMIT,
        show_default=True,
        help="Most vectors of a shard.",
    ),
    click.option(
        "--memory", type=click.IntRange(1), help="Bytes that the build may take; default: any."
    ),
    click.option("--rebuild", is_flag=True, help="Build anew, however little changed."),
    shrink_option,
)


def model_options(options: dict[str, Any]) -> "ModelOptions":
    """Make the options of :mod:`indexing.reindex` from flags."""
    from indexing.reindex import ModelOptions

    return ModelOptions(version=options["model_version"], wait_seconds=options["wait_seconds"])
