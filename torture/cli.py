"""``lookalike torture``; imports nothing heavy before it runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.flags import Number, json_flag, service_flags
from lookalike.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torture.case import Case
    from torture.run import Limits

# As of lookalike doctor.
DID_NOT_HOLD = 9


@click.command()
@service_flags
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
    type=Number(0, min_open=True),
    default=5.0,
    show_default=True,
    help="That an answer may take.",
)
@click.option(
    "--timeout",
    type=Number(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds after which an answer counts as none.",
)
@json_flag("what came of each case")
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
    as_json: bool,
    folder: Path | None,
) -> None:
    """Send hostile pictures and requests to a running service, and see that it holds.

    Bombs, cut-off files, broken containers, files that are two things at once, random
    damage, and HTTP that lies: each case says what may be answered to it. Nothing may be
    answered with a 5xx, take over 5 s, end a worker or grow its memory by over 1 GB (as
    /metrics tells, where it can be reached). The exit code is 9 where anything did.
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
    address = url or Settings.from_environment().service_url
    if not _held(address, key, cases, limits, as_json=as_json):
        raise click.exceptions.Exit(DID_NOT_HOLD)


def _chosen(cases: "Sequence[Case]", kinds: str | None) -> "list[Case]":
    from torture.case import kind_of

    known = list(dict.fromkeys(map(kind_of, cases)))
    wanted = known if kinds is None else kinds.split(",")
    unknown = set(wanted) - set(known)
    if unknown:
        raise click.UsageError(f"--kinds are of {', '.join(known)}; not {min(unknown)!r}")
    return [case for case in cases if kind_of(case) in wanted]


def _held(
    address: str, key: str | None, cases: "list[Case]", limits: "Limits", *, as_json: bool
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
    click.echo(table(told), err=as_json)
    if as_json:
        click.echo(json.dumps(document(told), indent=1))
    return told.passed
