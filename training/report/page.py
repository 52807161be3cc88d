"""The report as one HTML page that needs nothing from elsewhere, not even a script.

Labels and names of files are other people's text: Jinja escapes all of it.
"""

import hashlib
from base64 import b64encode
from collections import defaultdict
from pathlib import Path
from statistics import median

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.evaluation import PRETRAINED, TITLES, TUNED, Row
from training.report import charts
from training.report.figures import Evaluation, Point
from training.report.thumbnails import GROUPS, OF_A_GROUP, Thumbnails

FOLDER = Path(__file__).parent
# Rows that a page is still readable with; all are in the JSON.
MOST_CATEGORIES = 200
MOST_SKIPPED = 100
MOST_NAMES = 40  # on a map


def as_page(evaluation: Evaluation, large: Thumbnails, small: Thumbnails) -> str:
    """Lay the report out.

    Args:
        evaluation: its figures.
        large: thumbnails of what queries find and of copies.
        small: those of the maps.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"share": _share, "bytes": _bytes, "whole": "{:,}".format}
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    data = evaluation.data
    page = environment.get_template("page.html").render(
        e=evaluation,
        charts=charts,
        style=style,
        style_digest=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        before=_row(evaluation, PRETRAINED),
        after=_row(evaluation, TUNED),
        titles=TITLES,
        curves=charts.curves(evaluation.history),
        categories=sorted(evaluation.categories, key=lambda one: one.tuned),
        most_categories=MOST_CATEGORIES,
        matrix=charts.matrix(evaluation.confusions, [c.category for c in data.categories]),
        pairs=[pair for pair in evaluation.confusions if pair.examples],
        circles=charts.reliability_circles(evaluation.calibration),
        centres=_centres(evaluation),
        groups=data.near_copies[:GROUPS],
        of_a_group=OF_A_GROUP,
        skipped=[*data.skipped, *data.validation_skipped],
        most_skipped=MOST_SKIPPED,
        large=large,
        small=small,
    )
    return page + "\n"


def _row(evaluation: Evaluation, vectors: str) -> Row:
    return next(r for r in evaluation.rows if r.vectors == vectors and r.metric == "cosine")


def _centres(evaluation: Evaluation) -> dict[str, dict[str, list[float]]]:
    """Say where a category's name stands on either map: amid its pictures, if it has many."""
    points = defaultdict[str, list[Point]](list)
    for point in evaluation.map:
        points[point.picture.category].append(point)
    most = sorted(points.items(), key=lambda one: -len(one[1]))[:MOST_NAMES]
    return {
        which: {
            name: [median(getattr(one, which)[axis] for one in members) for axis in (0, 1)]
            for name, members in most
        }
        for which in ("before", "after")
    }


def _share(value: float | None) -> str:
    """Write a share as the tables do."""
    return "-" if value is None else f"{value:.3f}"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
