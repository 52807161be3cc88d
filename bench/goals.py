"""The goals of goals.toml, and which of them measured ratios miss.

A goal is a floor under a median ratio, which other machines share sooner than any rate.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from bench.comparison import Row
from lookalike.errors import ConfigurationError

FILE = Path(__file__).with_name("goals.toml")


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a candidate has to reach."""

    min_ratio: Annotated[float, Meta(gt=0, description="Least median ratio to its baseline.")]


Goals = Mapping[str, Goal]


def read_goals(benchmark: str, file: Path = FILE) -> Goals:
    """Read one benchmark's goals, by candidate; none where it has no section.

    Raises:
        ConfigurationError: the file is not TOML, or a goal in it is none.
    """
    try:
        sections = msgspec.convert(tomllib.loads(file.read_text()), dict[str, dict[str, Goal]])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{file} holds something that is no goal: {error}") from error
    return sections.get(benchmark, {})


def misses(rows: Sequence[Row], goals: Goals) -> list[str]:
    """Name the goals that the medians miss, a sentence each.

    Raises:
        ConfigurationError: a goal is about a candidate that was compared with nothing.
    """
    compared = {row.name: row.against for row in rows if row.against}
    stale = sorted(goals.keys() - compared.keys())
    if stale:
        raise ConfigurationError(f"goals for what is not compared: {', '.join(stale)}; remove them")
    return [
        f"{name} reaches {against.ratio.median:.2f} of {against.baseline}; "
        f"its goal is at least {goals[name].min_ratio:.2f}"
        for name, against in compared.items()
        if name in goals and against.ratio.median < goals[name].min_ratio
    ]
