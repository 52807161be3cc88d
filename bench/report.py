"""The result of one benchmark, as a table for people and as JSON for programs."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from bench.comparison import Row
from bench.facts import Fact
from bench.goals import Goals
from bench.machine import Machine

WHOLE = 1000
HEADINGS = ("", "per second", "compared with", "ratio", "goal", "ms more")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a benchmark has to say; the fields of its JSON."""

    benchmark: str
    item: Annotated[str, Meta(description="What is counted, in the plural: pictures.")]
    quick: Annotated[bool, Meta(description="Few and short rounds: not for quoting.")]
    rounds: int
    started: Annotated[datetime, Meta(description="When it began, in UTC.")]
    machine: Machine
    rows: list[Row]
    facts: list[Fact]


def now() -> datetime:
    """The time to the second, in UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def write_json(report: Report, path: Path) -> None:
    """Write a report as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def lines(report: Report, goals: Goals) -> Iterator[str]:
    """Give the report line by line, with the goals beside the ratios that they are for."""
    machine = report.machine
    yield f"{report.benchmark}, {report.started:%Y-%m-%d %H:%M} UTC, {report.rounds} rounds"
    yield f"{machine.cpu}, {machine.cores} cores, load {machine.load:g}, Python {machine.python}"
    if report.rows:
        yield ""
        yield from table([HEADINGS, *(_cells(row, goals) for row in report.rows)])
        yield ""
        yield f"per second: {report.item}, median (lowest to highest)"
        yield "ratio: of the rates, a round each, median [quartiles]; above 1 is faster"
        yield "goal: the least or the most that the median ratio may be"
        yield f"ms more: milliseconds per one of the {report.item}, median"
    if report.facts:
        yield ""
        yield from table([_told(fact, goals) for fact in report.facts])


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align cells into columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if position else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(row: Row, goals: Goals) -> tuple[str, ...]:
    rate = row.items_per_second
    speed = " ".join([_number(rate.median), f"({_number(rate.lowest)} to {_number(rate.highest)})"])
    if row.against is None:
        return (row.name, speed, "", "", "", "")
    ratio = row.against.ratio
    return (
        row.name,
        speed,
        row.against.baseline,
        f"{ratio.median:.2f} [{ratio.lower_quartile:.2f} to {ratio.upper_quartile:.2f}]",
        _goal(row.name, goals),
        f"{row.against.extra_ms.median:+.2f}",
    )


def _told(fact: Fact, goals: Goals) -> tuple[str, ...]:
    # A recall or a factor in four digits, a number of bytes in whole ones.
    digits = (
        f"{fact.value:,.0f}" if abs(fact.value) >= WHOLE or not fact.value else f"{fact.value:.4g}"
    )
    goal = _goal(fact.name, goals)
    return (fact.name, digits, fact.unit, f"goal: {goal}" if goal else "")


def _goal(name: str, goals: Goals) -> str:
    return str(goals[name]) if name in goals else ""


def _number(rate: float) -> str:
    """Give a rate with one decimal, or, of what takes seconds, three digits that count."""
    return f"{rate:.1f}" if rate >= 1 else f"{rate:.3g}"
