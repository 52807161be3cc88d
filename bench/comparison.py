"""What measured times say: rates, and ratios paired round by round. Pure arithmetic.

A ratio is taken between two runs of the same round and only then summarised: what slowed
both of them cancels out, which it would not between two medians.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from bench.harness import Candidate


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Median, quartiles and extremes of one number a round."""

    median: float
    lower_quartile: float
    upper_quartile: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise one value or more; quartiles interpolate linearly."""
        lowest, lower, median, upper, highest = np.percentile(values, [0, 25, 50, 75, 100]).tolist()
        return cls(
            median=median,
            lower_quartile=lower,
            upper_quartile=upper,
            lowest=lowest,
            highest=highest,
        )


class AgainstBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate held against its baseline."""

    baseline: Annotated[str, Meta(description="Name of the other candidate.")]
    ratio: Annotated[Spread, Meta(description="Candidate's rate by the baseline's; above 1: wins.")]
    extra_ms: Annotated[
        Spread, Meta(description="Milliseconds an item that the candidate takes longer.")
    ]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Everything measured about one candidate."""

    name: str
    seconds_per_item: Annotated[list[float], Meta(description="One number a round, in order.")]
    items_per_second: Spread
    against: AgainstBaseline | None


def compare(candidates: Sequence[Candidate], seconds: Mapping[str, Sequence[float]]) -> list[Row]:
    """Make a row of every candidate.

    Args:
        candidates: their baselines are among them.
        seconds: seconds an item by candidate, as ``harness.measure`` gives them.
    """
    return [_row(candidate, seconds) for candidate in candidates]


def _row(candidate: Candidate, seconds: Mapping[str, Sequence[float]]) -> Row:
    own, baseline = seconds[candidate.name], candidate.baseline
    return Row(
        name=candidate.name,
        seconds_per_item=list(own),
        items_per_second=Spread.of([1 / spent for spent in own]),
        against=None if baseline is None else _against(baseline, own, seconds[baseline]),
    )


def _against(baseline: str, own: Sequence[float], other: Sequence[float]) -> AgainstBaseline:
    pairs = list(zip(own, other, strict=True))
    return AgainstBaseline(
        baseline=baseline,
        ratio=Spread.of([theirs / ours for ours, theirs in pairs]),
        extra_ms=Spread.of([(ours - theirs) * 1000 for ours, theirs in pairs]),
    )
