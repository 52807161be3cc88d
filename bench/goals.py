"""The goals of goals.toml, and which of them measured ratios and facts miss.

A goal bounds a median ratio, which other machines share sooner than any rate, or a fact:
something counted, such as a recall or bytes a vector.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from bench.comparison import Row
from bench.facts import Fact
from lookalike.errors import ConfigurationError

FILE = Path(__file__).with_name("goals.toml")


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a candidate's ratio, or a fact, has to keep to: one kind of bound or both ends of it."""

    min_ratio: (
        Annotated[float, Meta(gt=0, description="Least median ratio to its baseline.")] | None
    ) = None
    max_ratio: (
        Annotated[float, Meta(gt=0, description="Largest median ratio to its baseline.")] | None
    ) = None
    at_least: Annotated[float | None, Meta(description="Least value of a fact.")] = None
    at_most: Annotated[float | None, Meta(description="Largest value of a fact.")] = None

    def __post_init__(self) -> None:
        of_ratio = self.min_ratio is not None or self.max_ratio is not None
        if of_ratio == self.of_fact:
            raise ValueError("a goal bounds a ratio or a fact")

    @property
    def of_fact(self) -> bool:
        """Whether it bounds a fact."""
        return self.at_least is not None or self.at_most is not None

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The least and the largest value that it allows."""
        if self.of_fact:
            return self.at_least, self.at_most
        return self.min_ratio, self.max_ratio

    def allows(self, value: float) -> bool:
        """Tell whether a value keeps to it; NaN never does."""
        least, most = self.bounds
        return (least is None or value >= least) and (most is None or value <= most)

    def __str__(self) -> str:
        least, most = self.bounds
        if least is None:
            return f"at most {most:g}"
        return f"at least {least:g}" if most is None else f"{least:g} to {most:g}"


Goals = Mapping[str, Goal]


def read_goals(benchmark: str, file: Path = FILE) -> Goals:
    """Read one benchmark's goals, by candidate or fact; none where it has no section.

    Raises:
        ConfigurationError: the file is not TOML, or a goal in it is none.
    """
    try:
        sections = msgspec.convert(tomllib.loads(file.read_text()), dict[str, dict[str, Goal]])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{file} holds something that is no goal: {error}") from error
    return sections.get(benchmark, {})


def misses(rows: Sequence[Row], goals: Goals, facts: Sequence[Fact] = ()) -> list[str]:
    """Name the goals that medians and facts miss, a sentence each.

    Raises:
        ConfigurationError: a goal is about a candidate that was compared with nothing, or
            about a fact that was not established.
    """
    compared = {row.name: row.against for row in rows if row.against}
    known = {fact.name: fact for fact in facts}
    stale = [
        name for name, goal in goals.items() if name not in (known if goal.of_fact else compared)
    ]
    if stale:
        names = ", ".join(sorted(stale))
        raise ConfigurationError(f"goals for what is not compared: {names}; remove them")
    return [
        f"{name} reaches {against.ratio.median:.2f} of {against.baseline}; "
        f"its goal is {goals[name]}"
        for name, against in compared.items()
        if name in goals and not goals[name].allows(against.ratio.median)
    ] + [
        f"{name} is {fact.value:g} {fact.unit}; its goal is {goals[name]}"
        for name, fact in known.items()
        if name in goals and not goals[name].allows(fact.value)
    ]
