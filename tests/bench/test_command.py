"""The one form of every benchmark: its flags, its table, its JSON and its exit status."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
import msgspec
import pytest
from click.testing import CliRunner

from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.report import Report, table
from lookalike.errors import DataError

# No median reaches the one or stays under the other, whatever the machine is doing.
UNREACHABLE, CERTAIN = 1e12, 1e-12


@contextmanager
def sums(quick: bool) -> Iterator[Plan]:
    numbers = list(range(1000))
    yield Plan(
        item="sums",
        rounds=2 if quick else 3,
        candidates=[
            Candidate(name="loop", items=1, run=lambda: [number + 1 for number in numbers]),
            Candidate(name="builtin", items=1, run=lambda: sum(numbers), baseline="loop"),
        ],
        facts=[Fact(name="numbers", value=1000, unit="integers")],
    )


def with_goal(tmp_path: Path, min_ratio: float, name: str = "builtin") -> click.Command:
    file = tmp_path / "goals.toml"
    file.write_text(f"[sums]\n{name} = {{min_ratio = {min_ratio}}}\n")
    return command("sums", sums, file)


def test_one_that_is_stopped_stops_what_it_started() -> None:
    stopped = []

    @contextmanager
    def serving(_: bool) -> Iterator[Plan]:
        try:
            signal.raise_signal(signal.SIGTERM)
            yield Plan(item="", rounds=0, candidates=[])
        finally:
            stopped.append("the servers")

    before = signal.getsignal(signal.SIGTERM)
    try:
        result = CliRunner().invoke(command("serving", serving), [])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (result.exit_code, stopped) == (128 + signal.SIGTERM, ["the servers"])


def test_a_missed_goal_exits_with_1_and_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(with_goal(tmp_path, UNREACHABLE), ["--check"])
    assert result.exit_code == 1
    assert result.stderr.startswith("goal missed: builtin reaches ")


def test_a_met_goal_exits_with_0(tmp_path: Path) -> None:
    result = CliRunner().invoke(with_goal(tmp_path, CERTAIN), ["--check"])
    assert result.exit_code == 0
    assert "goal missed" not in result.stderr


def test_without_check_a_missed_goal_is_only_shown(tmp_path: Path) -> None:
    result = CliRunner().invoke(with_goal(tmp_path, UNREACHABLE), [])
    assert result.exit_code == 0
    assert "at least 1e+12" in result.stdout


def test_a_goal_for_nothing_is_a_wrong_setting(tmp_path: Path) -> None:
    result = CliRunner().invoke(with_goal(tmp_path, CERTAIN, "renamed"), ["--check"])
    assert result.exit_code == 2
    assert "renamed" in result.stderr


def test_an_error_of_ours_is_one_line_and_its_exit_code(tmp_path: Path) -> None:
    def broken(quick: bool) -> NoReturn:
        raise DataError("no pictures")

    (tmp_path / "goals.toml").touch()
    result = CliRunner().invoke(command("broken", broken, tmp_path / "goals.toml"), [])
    assert result.exit_code == DataError.exit_code
    assert result.stderr == "bench.broken: no pictures [bad-data]\n"


@pytest.mark.parametrize(("flags", "rounds"), [([], 3), (["--quick"], 2)])
def test_the_json_holds_everything(tmp_path: Path, flags: list[str], rounds: int) -> None:
    file = tmp_path / "report.json"
    result = CliRunner().invoke(with_goal(tmp_path, CERTAIN), [*flags, "--json", str(file)])
    assert result.exit_code == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    assert (report.benchmark, report.item, report.rounds) == ("sums", "sums", rounds)
    assert report.quick == bool(flags)
    assert [len(row.seconds_per_item) for row in report.rows] == [rounds, rounds]
    assert report.facts == [Fact(name="numbers", value=1000, unit="integers")]
    assert report.machine.cpu
    assert report.machine.cores >= 1


def test_the_table_has_a_line_for_each_candidate(tmp_path: Path) -> None:
    output = CliRunner().invoke(with_goal(tmp_path, CERTAIN), []).stdout.splitlines()
    assert len([line for line in output if line.startswith("loop ")]) == 1
    (builtin,) = [line.split() for line in output if line.startswith("builtin ")]
    assert "loop" in builtin
    assert "numbers  1,000  integers" in output


def test_columns_are_aligned() -> None:
    assert table([("", "ratio"), ("a", "1.5"), ("long", "10")]) == [
        "      ratio",
        "a       1.5",
        "long     10",
    ]
