"""``lookalike torture``; imports nothing heavy before it runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torture.case import Case
    from torture.run import Limits

STANDARD_OUTPUT = Path("-")


@click.command()
@click.option("--url", help="The service; http://LOOKALIKE_BIND by default.")
@click.option("--key", help="An API key of it.")
@click.option("--kinds", help="Only these, such as bombs,fuzz; all by default.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the fuzz.")
@click.option(
    "--fuzz",
    "count",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Pictures with random damage.",
)
@click.option("--at-once", type=click.IntRange(1), default=2, show_default=True, help="Requests.")
@click.option(
    "--most-seconds",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="That an answer may take.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds after which an answer counts as none.",
)
@click.option(
    "--json",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what came of each case there; - is standard output, which then has nothing else.",
)
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Send nothing: write the corpus there, with an index.",
)
def torture(
    url: str | None,
    key: str | None,
    kinds: str | None,
    seed: int,
    count: int,
    at_once: int,
    most_seconds: float,
    timeout: float,
    report: Path | None,
    folder: Path | None,
) -> None:
    """Send hostile pictures and requests to a running service, and see that it holds.

    Bombs, cut-off files, broken containers, files that are two things at once, random
    damage, and HTTP that lies: each case says what may be answered to it. Nothing may be
    answered with a 5xx, take over 5 s, end a worker or grow its memory by over 1 GB (as
    /metrics tells, where it can be reached). The exit code is 1 where anything did.
    Outcomes are those under default limits.
    """
    from torture.corpus import corpus
    from torture.run import Limits

    cases = _chosen(corpus(seed, count), kinds)
    if folder is not None:
        from torture.writing import write

        write(cases, folder)
        click.echo(f"{len(cases)} cases in {folder}")
        return
    limits = Limits(seconds=timeout, most_seconds=most_seconds, at_once=at_once)
    address = url or f"http://{Settings.from_environment().bind}"
    if not _held(address, key, cases, limits, report):
        raise click.exceptions.Exit(1)


def _chosen(cases: "Sequence[Case]", kinds: str | None) -> "list[Case]":
    from torture.case import kind_of

    known = list(dict.fromkeys(map(kind_of, cases)))
    wanted = known if kinds is None else kinds.split(",")
    unknown = set(wanted) - set(known)
    if unknown:
        raise click.UsageError(f"--kinds are of {', '.join(known)}; not {min(unknown)!r}")
    return [case for case in cases if kind_of(case) in wanted]


def _held(
    address: str, key: str | None, cases: "list[Case]", limits: "Limits", report: Path | None
) -> bool:
    """Send the cases and print the table; say whether the service held."""
    from lookalike.errors import SourceUnavailable
    from lookalike.progress import Meter
    from torture.run import torment
    from torture.table import document, table
    from torture.target import Target
    from torture.watching import is_alive

    target = Target(address, key)
    if not is_alive(target, limits.seconds):
        raise SourceUnavailable(f"no search service answers at {address}/healthz")
    meter = Meter("torture", len(cases))
    try:
        told = torment(target, cases, limits, meter.add)
    finally:
        meter.close()
    written = json.dumps(document(told), indent=1)
    if report is not None and report != STANDARD_OUTPUT:
        report.write_text(written)
    click.echo(written if report == STANDARD_OUTPUT else table(told))
    return told.passed
