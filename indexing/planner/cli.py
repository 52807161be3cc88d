"""``lookalike plan``; imports nothing heavy before it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexing.defaults import TARGET_RECALL
from lookalike.flags import Number, json_flag
from lookalike.settings import Settings

if TYPE_CHECKING:
    from indexing.planner.calibration import Calibration


class Quantity(click.ParamType[int]):
    """A number with a suffix, as in 50M or 32Gi."""

    name = "quantity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; a wrong one is a usage error."""
        from indexing.planner.quantities import quantity
        from lookalike.errors import ConfigurationError

        try:
            return value if isinstance(value, int) else quantity(value)
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--pictures", type=Quantity(), help="How many, such as 200k or 50M.")
@click.option(
    "--recall",
    type=Number(0, 1, min_open=True),
    default=TARGET_RECALL,
    show_default=True,
    help="Share of the 10 nearest that a search is to find.",
)
@click.option(
    "--p95-ms",
    type=Number(0, min_open=True),
    default=50.0,
    show_default=True,
    help="Milliseconds within which 95 of 100 answers are to come.",
)
@click.option(
    "--queries-per-second",
    type=Number(0, min_open=True),
    help="Of all replicas together; without it, what one can answer.",
)
@click.option("--memory-per-replica", type=Quantity(), help="Such as 32G or 32Gi.")
@click.option("--cores", type=click.IntRange(1), default=4, show_default=True, help="Of a replica.")
@click.option(
    "--dimensions", type=click.IntRange(1), default=128, show_default=True, help="Of a vector."
)
@click.option(
    "--numbers",
    type=click.IntRange(0),
    default=0,
    help="Attributes that are numbers, such as a price.",
)
@click.option(
    "--categories",
    type=click.IntRange(0),
    default=0,
    help="Attributes with up to 65,533 different texts, such as a brand.",
)
@click.option(
    "--texts",
    type=click.IntRange(0),
    default=0,
    help="Attributes with another text for each picture, such as a title.",
)
@click.option("--calibrate", is_flag=True, help="Measure this machine first, for all later plans.")
@click.option(
    "--vectors", type=Quantity(), help="With --calibrate: how many; 200k by default, 100k at least."
)
@json_flag("the plan")
def plan(
    pictures: int | None,
    recall: float,
    p95_ms: float,
    queries_per_second: float | None,
    memory_per_replica: int | None,
    cores: int,
    dimensions: int,
    numbers: int,
    categories: int,
    texts: int,
    calibrate: bool,
    vectors: int | None,
    as_json: bool,
) -> None:
    """Say what a catalogue takes: index type, shards, memory, disk, hours and replicas.

    Every number that went into it is named, measured on this machine or assumed. --calibrate
    measures what can be, in about a minute; a model server is measured too where one answers.
    """
    if pictures is None and not calibrate:
        raise click.UsageError("say how many --pictures, or --calibrate")
    import msgspec

    from indexing.planner.attributes import Columns
    from indexing.planner.calibration import figures
    from indexing.planner.plan import Request
    from indexing.planner.plan import plan as made
    from indexing.planner.report import lines

    settings = Settings.from_environment()
    known = figures(_calibration(settings, vectors) if calibrate else _saved(settings))
    if pictures is None:
        return
    request = Request(
        pictures=pictures,
        recall=recall,
        p95_ms=p95_ms,
        queries_per_second=queries_per_second,
        memory_bytes=memory_per_replica,
        cores=cores,
        dimensions=dimensions,
        attributes=Columns(numbers=numbers, categories=categories, texts=texts),
    )
    result = made(request, known)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    else:
        click.echo("\n".join(lines(result)))


def _calibration(settings: Settings, vectors: int | None) -> "Calibration":
    from indexing.planner import calibration
    from indexing.planner.figures import DEFAULTS

    count = calibration.VECTORS if vectors is None else vectors
    if count < calibration.LEAST_VECTORS:
        raise click.UsageError(
            f"--vectors {count:,} are too few to measure by: {calibration.LEAST_VECTORS:,} at least"
        )
    made = calibration.calibrate(settings, count)
    path = calibration.save(made, Path(settings.cache))
    for name, value in made.values.items():
        figure = DEFAULTS[name]
        click.echo(f"{figure.what}: {value:,.4g} {figure.unit}", err=True)
    click.echo(f"kept in {path}", err=True)
    return made


def _saved(settings: Settings) -> "Calibration | None":
    from indexing.planner import calibration

    return calibration.load(Path(settings.cache))
