"""``lookalike extract`` and ``lookalike quarantine``; imports nothing heavy before they run."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from indexing.cli_options import model_flags, shrink_option, source_options
from indexing.extraction.settings import ExtractionSettings
from lookalike.flags import Number, json_flag, together
from lookalike.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexing.extraction.ledgers import RejectedPicture
    from indexing.extraction.parts import Part
    from indexing.extraction.tally import Tally

DEFAULTS = ExtractionSettings()
SHEET = 60


# Of every command that extracts; ``extraction_settings`` reads them.
extraction_options = together(
    click.option(
        "--processes", type=click.IntRange(1), help="Reading processes; default: one a core."
    ),
    click.option(
        "--batch",
        type=click.IntRange(1),
        default=DEFAULTS.batch,
        show_default=True,
        help="Most pictures in a request; fewer where the server takes fewer.",
    ),
    click.option(
        "--in-flight",
        type=click.IntRange(1),
        default=DEFAULTS.in_flight,
        show_default=True,
        help="Most requests at a time; fewer while the server's queue is full.",
    ),
    click.option(
        "--patience",
        "patience_seconds",
        type=Number(0),
        default=DEFAULTS.patience_seconds,
        show_default=True,
        help="Seconds to wait for a model server that stops giving vectors.",
    ),
    click.option(
        "--max-rejected",
        type=Number(0, 1),
        default=DEFAULTS.max_rejected,
        show_default=True,
        help="Stop where more than this share of the pictures gives no vector.",
    ),
    click.option(
        "--retry-quarantined",
        is_flag=True,
        help="Read quarantined pictures again, though their files have not changed.",
    ),
)


def extraction_settings(options: dict[str, Any], settings: Settings) -> ExtractionSettings:
    """Take the options of ``extraction_options`` out of a command's, as settings.

    That of ``shrink_option`` stays there: a build asks for it too.
    """
    given = {
        name: options.pop(name)
        for name in (
            "processes",
            "batch",
            "in_flight",
            "patience_seconds",
            "max_rejected",
            "retry_quarantined",
        )
    }
    given["allow_shrink"] = options["allow_shrink"]
    given["processes"] = given["processes"] or DEFAULTS.processes
    return msgspec.convert(
        {**given, "max_decoded_bytes": settings.max_decoded_bytes}, ExtractionSettings
    )


@click.command()
@source_options
@click.option(
    "--part",
    "number",
    type=click.IntRange(0),
    envvar="JOB_COMPLETION_INDEX",
    show_envvar=True,
    help="Extract only this part of the pictures, numbered from 0.",
)
@click.option(
    "--of",
    type=click.IntRange(1),
    envvar="JOB_COMPLETIONS",
    show_envvar=True,
    help="How many parts the pictures are divided into.",
)
@model_flags
@shrink_option
@extraction_options
@json_flag("the result")
def extract(
    source: str,
    query: str | None,
    number: int | None,
    of: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Embed the pictures of SOURCE that are new or changed, and remember the outcome of each.

    SOURCE is as for 'lookalike reindex'. Nothing is built or published. With --part and --of,
    many machines share the work; every part can be run again, and goes on where it was broken
    off.
    """
    settings = Settings.from_environment()
    part = _part(number, of)
    tally = _extract(source, query, part, settings, options)
    if as_json:
        click.echo(msgspec.json.encode(tally).decode())
        return
    click.echo(
        f"{part}: {tally.pictures} pictures: {tally.embedded} embedded ({tally.made} by the "
        f"model, the others known), {tally.unchanged} unchanged, {tally.quarantined} quarantined, "
        f"{tally.missing} missing; {tally.removed} no longer in the catalogue"
    )


@click.command()
@click.option("--published", is_flag=True, help="Of the version that CURRENT names.")
@click.option("--model-version", type=int, help="Of the extraction with this model version.")
@click.option(
    "--of",
    "division",
    type=click.IntRange(1),
    help="Of the parts of this division, where there are several.",
)
@click.option(
    "--contact-sheet",
    "sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Draw the first {SHEET} into this JPEG or PNG, each with its reason.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line a picture.")
def quarantine(
    published: bool,
    model_version: int | None,
    division: int | None,
    sheet: Path | None,
    as_json: bool,
) -> None:
    """List the pictures that have no vector, with the reason of each.

    Of the last extraction with the newest model, finished or not, unless another is asked for.
    """
    settings = Settings.from_environment()
    drawn: list[RejectedPicture] = []
    items = _published(settings) if published else _extracted(settings, model_version, division)
    for item in items:
        line = f"{item.type}\t{item.id}\t{item.detail}"
        click.echo(msgspec.json.encode(item).decode() if as_json else line)
        if len(drawn) < SHEET:
            drawn.append(item)
    if sheet is not None and drawn:
        from indexing.extraction.quarantine import draw

        draw(drawn, sheet, DEFAULTS.max_file_bytes)


def _part(number: int | None, of: int | None) -> "Part":
    from indexing.extraction.parts import Part

    if (number is None) != (of is None):
        raise click.UsageError("--part and --of go together")
    return Part() if number is None or of is None else Part(number, of)


def _extract(
    source: str, query: str | None, part: "Part", settings: Settings, options: dict[str, Any]
) -> "Tally":
    from indexing.cli_options import model_options
    from indexing.reindex import extract_part, live_model
    from lookalike.catalogue import open_catalogue

    catalogue = open_catalogue(source, query)
    with live_model(settings, model_options(options)) as live:
        return extract_part(catalogue, part, live, settings, extraction_settings(options, settings))


def _extracted(
    settings: Settings, model_version: int | None, division: int | None
) -> "Iterator[RejectedPicture]":
    import heapq

    from indexing.extraction.ledgers import Ledgers
    from indexing.model import model_reference
    from lookalike.store import open_models

    models = open_models(settings.store, settings.model)
    model = model_reference(models, settings.model, model_version)
    opened = Ledgers.of(
        settings.store,
        settings.index,
        model,
        division=division,
        unfinished=True,
        scratch=settings.scratch,
    )
    with opened as ledgers:
        yield from heapq.merge(
            ledgers.quarantined(), ledgers.missing(), key=lambda picture: picture.id
        )


def _published(settings: Settings) -> "Iterator[RejectedPicture]":
    from indexing.extraction.ledgers import RejectedPicture
    from lookalike.index import QuarantineTable
    from lookalike.index.version import read_details
    from lookalike.store import VerifiedCache, open_indexes

    indexes = open_indexes(settings.store, settings.index)
    folder = VerifiedCache(Path(settings.cache), indexes).fetch(indexes.current())
    name = read_details(folder).quarantine
    with closing(QuarantineTable(None if name is None else folder / name)) as quarantine:
        for item in quarantine:
            yield RejectedPicture(item.id, item.uri, None, item.type, item.detail)
