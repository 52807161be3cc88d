"""How well pictures of a category find each other, before and after fine-tuning.

Held-out pictures are the queries, training pictures the gallery. It compares vectors; how
they are made is the concern of features.py and of the model.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from lookalike.vectors import Metric, Vectors
from training.labelled import Labels
from training.retrieval import RECALL_AT, Means, Retrieval, query_gallery

RAW, PRETRAINED, TUNED = "raw", "pretrained", "tuned"
TITLES = {
    RAW: "raw 32x32 pixels",
    PRETRAINED: "pretrained, pooled",
    TUNED: "fine-tuned, dense_1",
}
METRICS: tuple[Metric, ...] = ("cosine", "l2")

Share = Annotated[float, Meta(ge=0, le=1)]


class Judged(msgspec.Struct, frozen=True):
    """One kind of vectors of both sides: gallery ``float32[m, d]``, queries ``float32[n, d]``."""

    gallery: Vectors
    queries: Vectors


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one kind of vectors, compared by one metric."""

    vectors: str
    metric: Metric
    dimensions: int
    mean_average_precision: Share
    nearest_neighbour: Share
    recall_at_10: Share


class CategoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one category's queries by cosine, before fine-tuning and after.

    Attributes:
        pretrained, tuned: mean average precision.
    """

    category: str
    gallery: int
    queries: int
    pretrained: Share
    tuned: Share
    pretrained_nearest_neighbour: Share
    tuned_nearest_neighbour: Share
    pretrained_recall_at_10: Share
    tuned_recall_at_10: Share


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one model on one split."""

    gallery: int
    queries: int
    rows: list[Row]
    categories: list[CategoryRow]

    def quality(self) -> dict[str, float]:
        """Flatten the rows for a model card: ``tuned_cosine_map`` and the like."""
        return {
            f"{row.vectors}_{row.metric}_{name}": round(value, 4)
            for row in self.rows
            for name, value in (
                ("map", row.mean_average_precision),
                ("nearest_neighbour", row.nearest_neighbour),
                (f"recall_at_{RECALL_AT}", row.recall_at_10),
            )
        }


def compare(
    kinds: dict[str, Judged], gallery_labels: Labels, query_labels: Labels, categories: list[str]
) -> Report:
    """Measure each kind of vectors by each metric.

    Args:
        kinds: by name, ``PRETRAINED`` and ``TUNED`` among them.
        gallery_labels: ``int64[m]``, places in ``categories``.
        query_labels: ``int64[n]``, likewise.
        categories: their names.
    """
    results = {
        (name, metric): query_gallery(
            judged.queries, query_labels, judged.gallery, gallery_labels, metric
        )
        for name, judged in kinds.items()
        for metric in METRICS
    }
    rows = [
        _row(name, metric, kinds[name].queries.shape[1], result)
        for (name, metric), result in results.items()
    ]
    before, after = results[PRETRAINED, "cosine"], results[TUNED, "cosine"]
    return Report(
        gallery=len(gallery_labels),
        queries=len(query_labels),
        rows=rows,
        categories=[
            _category(
                name,
                int((gallery_labels == label).sum()),
                int((query_labels == label).sum()),
                before.of_category(label),
                after.of_category(label),
            )
            for label, name in enumerate(categories)
            if (before.labels == label).any()
        ],
    )


def as_text(report: Report) -> str:
    """Lay a report out as two tables."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.queries} held-out queries against a gallery of {report.gallery} pictures"
    yield f"{'vectors':26}{'metric':>8}{'mAP':>8}{'nearest':>9}{f'recall@{RECALL_AT}':>11}"
    for row in report.rows:
        title = f"{TITLES[row.vectors]} ({row.dimensions})"
        figures = f"{row.mean_average_precision:8.3f}{row.nearest_neighbour:9.3f}"
        yield f"{title:26}{row.metric:>8}{figures}{row.recall_at_10:11.3f}"
    yield ""
    width = max([len(c.category) for c in report.categories] + [len("category")])
    yield f"{'category':{width}}{'gallery':>9}{'queries':>9}{'mAP before':>12}{'after':>8}"
    for c in report.categories:
        yield (f"{c.category:{width}}{c.gallery:9}{c.queries:9}{c.pretrained:12.3f}{c.tuned:8.3f}")


def _category(name: str, gallery: int, queries: int, before: Means, after: Means) -> CategoryRow:
    return CategoryRow(
        category=name,
        gallery=gallery,
        queries=queries,
        pretrained=before.average_precision,
        tuned=after.average_precision,
        pretrained_nearest_neighbour=before.nearest,
        tuned_nearest_neighbour=after.nearest,
        pretrained_recall_at_10=before.recall,
        tuned_recall_at_10=after.recall,
    )


def _row(name: str, metric: Metric, dimensions: int, result: Retrieval) -> Row:
    means = result.means()
    return Row(
        vectors=name,
        metric=metric,
        dimensions=dimensions,
        mean_average_precision=means.average_precision,
        nearest_neighbour=means.nearest,
        recall_at_10=means.recall,
    )
