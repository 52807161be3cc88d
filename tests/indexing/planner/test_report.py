"""The report in words: it names every number that it is based on, and the page shows one."""

import re
from pathlib import Path

import msgspec
import pytest

from indexing.planner.attributes import Columns
from indexing.planner.cli import plan as command
from indexing.planner.figures import CALIBRATED, DEFAULTS
from indexing.planner.plan import Request, plan
from indexing.planner.report import lines

PAGE = Path(__file__).parents[3] / "docs" / "planning.md"
SIZES = [1000, 50_000, 1_000_000, 50_000_000]


@pytest.mark.parametrize("pictures", SIZES)
def test_every_number_is_named_as_measured_or_as_assumed(pictures: int) -> None:
    known = {
        name: msgspec.structs.replace(figure, measured=number % 2 == 0)
        for number, (name, figure) in enumerate(DEFAULTS.items())
    }
    made = plan(Request(pictures=pictures), known)
    text = "\n".join(lines(made))
    measured, _, assumed = text.partition("\nassumed:\n")
    assert len(made.figures) > 10
    for figure in made.figures.values():
        part = measured.partition("measured on this machine:")[2] if figure.measured else assumed
        assert f"  {figure.what}: " in part
        assert figure.source in part
    assert all(note in text for note in made.notes)


def test_a_plan_that_fails_says_so_in_capitals() -> None:
    made = plan(Request(pictures=10**8, memory_bytes=10**9, p95_ms=5), DEFAULTS)
    text = "\n".join(lines(made))
    assert "DOES NOT FIT" in text
    assert "MISSED" in text


def test_attributes_are_told_with_what_they_take() -> None:
    columns = Columns(numbers=2, texts=1)
    text = "\n".join(lines(plan(Request(pictures=10**6, attributes=columns), DEFAULTS)))
    assert text.startswith("1,000,000 pictures with attributes (numbers 2, texts 1), recall@10")
    assert "attributes 58 MB, selections 268 MB, workers" in text
    assert "  a text of an attribute: 20 bytes (" in text
    without = "\n".join(lines(plan(Request(pictures=10**6), DEFAULTS)))
    assert "attributes 2 MB, workers" in without


def test_the_page_s_example_is_what_is_printed() -> None:
    request = Request(pictures=50_000_000, recall=0.98, p95_ms=50, queries_per_second=200)
    assert "\n".join(lines(plan(request, DEFAULTS))) in PAGE.read_text()


def test_the_defaults_are_what_the_page_shows_as_measured() -> None:
    page = PAGE.read_text().splitlines()
    for figure in DEFAULTS.values():
        if figure.source == CALIBRATED:
            assert f"{figure.what}: {figure.value:,.4g} {figure.unit}" in page


def test_the_page_lists_the_flags_of_the_command() -> None:
    listed = re.findall(r"^\| `(--[a-z0-9-]+)`", PAGE.read_text(), re.MULTILINE)
    assert listed == [option.opts[0] for option in command.params]
