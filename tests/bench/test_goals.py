"""Goals are floors under median ratios, and a goal for nothing is an error."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import BENCHMARKS
from bench.comparison import Row, compare
from bench.facts import Fact
from bench.goals import FILE, Goal, misses, read_goals
from bench.harness import Candidate
from lookalike.errors import ConfigurationError


@pytest.fixture
def rows() -> list[Row]:
    """`half` has ratios of .4, .5 and .9 to `whole`."""
    whole = Candidate(name="whole", items=1, run=lambda: None)
    half = Candidate(name="half", items=1, run=lambda: None, baseline="whole")
    return compare([whole, half], {"whole": [0.4, 0.5, 0.9], "half": [1.0, 1.0, 1.0]})


def test_a_median_at_its_goal_meets_it(rows: list[Row]) -> None:
    assert misses(rows, {"half": Goal(0.5)}) == []


def test_a_median_under_its_goal_misses_it_and_both_are_named(rows: list[Row]) -> None:
    (sentence,) = misses(rows, {"half": Goal(0.51)})
    assert sentence == "half reaches 0.50 of whole; its goal is at least 0.51"


def test_what_has_no_goal_misses_none(rows: list[Row]) -> None:
    assert misses(rows, {}) == []


@pytest.mark.parametrize("name", ["renamed", "whole"])
def test_a_goal_for_what_is_not_compared_is_an_error(rows: list[Row], name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        misses(rows, {name: Goal(0.5)})


def test_a_ratio_may_have_a_ceiling(rows: list[Row]) -> None:
    assert misses(rows, {"half": Goal(max_ratio=0.5)}) == []
    (sentence,) = misses(rows, {"half": Goal(min_ratio=0.1, max_ratio=0.4)})
    assert sentence == "half reaches 0.50 of whole; its goal is 0.1 to 0.4"


def test_facts_have_bounds_too(rows: list[Row]) -> None:
    facts = [Fact(name="recall", value=0.98, unit="recall@10"), Fact(name="x", value=1, unit="x")]
    assert misses(rows, {"recall": Goal(at_least=0.98, at_most=1)}, facts) == []
    (sentence,) = misses(rows, {"recall": Goal(at_least=0.985)}, facts)
    assert sentence == "recall is 0.98 recall@10; its goal is at least 0.985"
    with pytest.raises(ConfigurationError, match="bytes"):
        misses(rows, {"bytes": Goal(at_most=300)}, facts)


def test_a_fact_that_is_no_number_misses_its_goal(rows: list[Row]) -> None:
    facts = [Fact(name="recall", value=float("nan"), unit="recall@10")]
    assert misses(rows, {"recall": Goal(at_least=0.5)}, facts)


def test_each_benchmark_reads_its_own_section(tmp_path: Path) -> None:
    file = tmp_path / "goals.toml"
    file.write_text('[one]\n"a.b" = {min_ratio = 0.5}\n[two]\n"a.b" = {min_ratio = 2}\n')
    assert read_goals("one", file) == {"a.b": Goal(0.5)}
    assert read_goals("two", file) == {"a.b": Goal(2.0)}
    assert read_goals("three", file) == {}


@pytest.mark.parametrize(
    "text",
    [
        "[one",
        "one = 3\n",
        "[one]\na = 0.5\n",
        "[one]\na = {}\n",
        "[one]\na = {min_ratio = 0}\n",
        '[one]\na = {min_ratio = "fast"}\n',
        "[one]\na = {min_ratio = 0.5, min_rate = 3}\n",
    ],
)
def test_what_is_no_goal_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "goals.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"goals\.toml"):
        read_goals("one", file)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_listed_benchmark_is_a_program_and_has_goals(name: str) -> None:
    assert find_spec(f"bench.{name}")
    assert read_goals(name, FILE)
