"""Where the lines and marks of the page's charts lie. Pure arithmetic; page.html draws them."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from training.report.figures import Confusion, ScoreCalibration, Series

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 30
TICKS = 5
Scale = Callable[[float], float]
HELD_OUT = "val_"
# Of dense_1's own training and of tuning: their loss, and what judges their epochs by the
# highest (training/contrastive.py, training/tuning.py). All else is judged by the lowest loss.
VALIDATION_LOSS = "val_loss"
BY_PRECISION = {"contrastive_loss": "val_map", "tuning_loss": "val_tuning_map"}
TITLES = {
    "val_map": "mAP of dense_1's training",
    "val_tuning_map": "mAP of tuning",
    "loss": "loss of the softmax",
    "accuracy": "accuracy of the softmax",
}
SIDE = 320
# Of the largest circle of a reliability diagram, in its units.
MOST_RADIUS = 14
LARGEST_MATRIX = 30


class Tick(NamedTuple):
    """A place on an axis, and the number that is told there."""

    place: float
    text: str


class Line(NamedTuple):
    """One series: whose it is, and the path of it."""

    name: str
    path: str


class Curves(NamedTuple):
    """A chart of one or two lines over the epochs."""

    title: str
    lines: list[Line]
    across: list[Tick]
    up: list[Tick]
    best: float | None
    summary: str


class Circle(NamedTuple):
    """A bin of a reliability diagram."""

    x: float
    y: float
    radius: float
    text: str


class Cell(NamedTuple):
    """A pair of categories in the matrix: its column, row, and share of the first hits."""

    column: int
    row: int
    share: float
    text: str


class Matrix(NamedTuple):
    """The categories that are most confused, in one order for both sides."""

    categories: list[str]
    cells: list[Cell]


def curves(history: Mapping[str, Series]) -> list[Curves]:
    """Lay out a training history: a chart each name, with the held-out series of that name."""
    names = [name for name in history if not name.startswith(HELD_OUT)]
    names += [
        name for name in history if name.startswith(HELD_OUT) and name[len(HELD_OUT) :] not in names
    ]
    charts = (_curves(name, history, _best(name, history)) for name in names)
    return [chart for chart in charts if chart is not None]


def _best(name: str, history: Mapping[str, Series]) -> int | None:
    """Tell which epoch the stage that a figure is of has kept, the first being 0."""
    highest = BY_PRECISION.get(name, name)
    judge, sign = (highest, -1) if highest in BY_PRECISION.values() else (VALIDATION_LOSS, 1)
    figures = enumerate(history.get(judge, []))
    known = [(sign * value, epoch) for epoch, value in figures if value is not None]
    return min(known)[1] if known else None


def _curves(name: str, history: Mapping[str, Series], best: int | None) -> Curves | None:
    alone = name.startswith(HELD_OUT)  # it has no twin of training pictures
    both = {
        "training": [] if alone else history[name],
        "held out": history[name] if alone else history.get(HELD_OUT + name, []),
    }
    values = [value for series in both.values() for value in series if value is not None]
    if not values:
        return None
    epochs = max(map(len, both.values()))
    title = TITLES.get(name, name.replace("_", " "))
    up = ticks(min(0.0, *values), max(values))
    low, high = up[0], up[-1]

    def x(epoch: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (epoch / max(epochs - 1, 1)), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low), 1)

    lines = [Line(whose, _path(series, x, y)) for whose, series in both.items() if any_of(series)]
    last = ", ".join(
        f"{whose} {[v for v in series if v is not None][-1]:.3f}"
        for whose, series in both.items()
        if any_of(series)
    )
    return Curves(
        title=title,
        lines=lines,
        across=[Tick(x(e - 1), f"{e:g}") for e in ticks(0, epochs) if 1 <= e <= epochs],
        up=[Tick(y(value), number(value)) for value in up],
        best=None if best is None else x(best),
        summary=f"{title} over {epochs} epochs, at last {last}",
    )


def any_of(series: Series) -> bool:
    """Tell whether a series has any number."""
    return any(value is not None for value in series)


def _path(series: Series, x: Scale, y: Scale) -> str:
    """Draw a series; where there is no number, the line is broken."""
    parts = []
    known = groupby(enumerate(series), key=lambda one: one[1] is not None)
    for there, values in known:
        if there:
            steps = [f"{x(epoch)} {y(value)}" for epoch, value in values if value is not None]
            # A single number is a dot: a line of no length, with a round cap.
            parts.append("M" + " L".join(steps if len(steps) > 1 else steps * 2))
    return " ".join(parts)


def ticks(low: float, high: float) -> list[float]:
    """Give round numbers, about five, that hold ``low`` and ``high`` between them."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / TICKS))
    step = next(power * many for many in (1, 2, 5, 10) if span / (power * many) <= TICKS)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(place * step, 10) for place in range(first, max(last, first + 1) + 1)]


def number(value: float) -> str:
    """Write a number as an axis has it."""
    return f"{value:g}"


def reliability_circles(calibration: ScoreCalibration) -> list[Circle]:
    """Lay bins out in a square of ``SIDE``: what scores say to the right, what is so upwards."""
    most = max((one.pairs for one in calibration.bins), default=1)
    return [
        Circle(
            x=round(SIDE * one.predicted, 1),
            y=round(SIDE * (1 - one.observed), 1),
            radius=round(max(3.0, MOST_RADIUS * math.sqrt(one.pairs / most)), 1),
            text=f"{one.pairs} hits: scores say {one.predicted:.2f}, {one.observed:.2f} are right",
        )
        for one in calibration.bins
    ]


def matrix(confusions: Sequence[Confusion], categories: Sequence[str]) -> Matrix:
    """Lay the confusions out; of many categories, those that have most to do with them."""
    weights = dict.fromkeys(categories, 0.0)
    for one in confusions:
        weights[one.category] += one.share
        weights[one.found] += one.share
    most = sorted(categories, key=lambda name: -weights[name])[:LARGEST_MATRIX]
    shown = sorted(most)
    place = {name: number for number, name in enumerate(shown)}
    return Matrix(
        shown,
        [
            Cell(
                place[one.found],
                place[one.category],
                one.share,
                f"{one.category} finds {one.found}: {one.share:.0%} of its first hits",
            )
            for one in confusions
            if one.category in place and one.found in place
        ],
    )
