"""The pages quote what each benchmark printed, with the goals that it has."""

import re
from pathlib import Path

import pytest

from bench import BENCHMARKS
from bench.goals import Goal, read_goals

DOCS = Path(__file__).parents[2] / "docs"
# Where the block of a benchmark is another page's.
PAGES = {"picture_contract": DOCS / "picture_contract.md"}


def printed(name: str) -> list[str]:
    """Give the lines that a page quotes of a benchmark."""
    page = PAGES.get(name, DOCS / "benchmarks.md").read_text()
    blocks = re.findall(rf"```\n({name}, \d{{4}}-.*?)```", page, re.DOTALL)
    assert len(blocks) == 1, f"{len(blocks)} blocks of bench.{name}"
    return str(blocks[0]).splitlines()


def shows(line: str, goal: Goal) -> bool:
    """Tell whether a line shows a goal; a floor was once printed as the number alone."""
    return str(goal) in line or f"  {goal.min_ratio or 0:.2f} " in line


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_goal_is_of_something_printed_and_is_shown_beside_it(name: str) -> None:
    lines = printed(name)
    for what, goal in read_goals(name).items():
        quoted = [line for line in lines if line.startswith(f"{what}  ")]
        assert len(quoted) == 1, f"bench.{name} printed no {what}"
        assert shows(quoted[0], goal), f"{quoted[0]!r} is quoted without its goal, {goal}"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_no_goal_is_shown_that_is_none_any_more(name: str) -> None:
    goals = read_goals(name)
    shown = [line.split()[0] for line in printed(name) if re.search(r"\S.*goal: ", line)]
    assert set(shown) - {"ratio:"} <= goals.keys()
