"""The one command line of every benchmark: ``[--quick] [--json FILE] [--check]``."""

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import click

from bench.comparison import compare
from bench.facts import Fact
from bench.goals import FILE, Goals, misses, read_goals
from bench.harness import Candidate, measure
from bench.machine import this_machine
from bench.report import Report, lines, now, write_json
from lookalike.errors import LookalikeError

MISSED = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one benchmark compares.

    Args:
        item: what its candidates process, in the plural.
        rounds: how often each candidate runs.
        candidates: baselines included.
        facts: what is counted rather than timed.
    """

    item: str
    rounds: int
    candidates: list[Candidate]
    # What is established while the candidates run may be added before the set-up ends.
    facts: list[Fact] = field(default_factory=list)


# Told whether to be quick; keeps what the candidates need until they have all run.
Setup = Callable[[bool], AbstractContextManager[Plan]]


def command(name: str, setup: Setup, goals_file: Path = FILE) -> click.Command:
    """Make the program of a benchmark.

    Args:
        name: of its module, and of its section in goals.toml.
        setup: gives what to compare.
        goals_file: holds the goals of every benchmark.
    """

    @click.command(name, help=f"Measure {name}, its candidates interleaved (docs/benchmarks.md).")
    @click.option("--quick", is_flag=True, help="Few and short rounds, to see that it runs.")
    @click.option(
        "--json",
        "file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write everything that was measured.",
    )
    @click.option("--check", is_flag=True, help="Exit with 1 where a goal is missed.")
    def main(quick: bool, file: Path | None, check: bool) -> None:
        # So that who stops it stops the servers too that it started.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        try:
            goals = read_goals(name, goals_file)
            report = _measured(name, setup, quick)
            _publish(report, goals, file)
            missed = misses(report.rows, goals, report.facts) if check else []
        except LookalikeError as error:
            click.echo(f"bench.{name}: {error} [{error.type}]", err=True)
            sys.exit(error.exit_code)
        for sentence in missed:
            click.echo(f"goal missed: {sentence}", err=True)
        sys.exit(MISSED if missed else 0)

    return main


def _publish(report: Report, goals: Goals, file: Path | None) -> None:
    click.echo("\n".join(lines(report, goals)))
    if file:
        write_json(report, file)


def _measured(name: str, setup: Setup, quick: bool) -> Report:
    started, machine = now(), this_machine()
    with setup(quick) as plan:
        seconds = measure(plan.candidates, plan.rounds)
    return Report(
        benchmark=name,
        item=plan.item,
        quick=quick,
        rounds=plan.rounds,
        started=started,
        machine=machine,
        rows=compare(plan.candidates, seconds),
        facts=plan.facts,
    )
