"""The metrics, made of their definitions."""

from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase

from search_api import metrics

HEAD = """# Metrics

What `GET /metrics` tells, of all workers together. This page is generated from
`search_api/metrics.py` by `python -m reference`; how they are used is told in
[observability.md](observability.md), and the alerts on them in [runbooks.md](runbooks.md).

| metric | type | labels | what it is |
|---|---|---|---|
"""
# A histogram or a summary is several series, of which Prometheus makes rates and quantiles.
SERIES = {"histogram": "_bucket, _sum, _count", "summary": "_sum, _count"}


def metrics_page() -> str:
    """Render the metrics, in the order of their definition, as a Markdown page."""
    return HEAD + "".join(map(_row, _defined()))


def _defined() -> Iterator[MetricWrapperBase]:
    return (one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase))


def _row(metric: MetricWrapperBase) -> str:
    (family,) = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    series = SERIES.get(family.type)
    kind = family.type if series is None else f"{family.type} ({series})"
    labels = ", ".join(f"`{label}`" for label in _labels(metric))
    return f"| `{name}` | {kind} | {labels} | {family.documentation} |\n"


def _labels(metric: MetricWrapperBase) -> list[str]:
    # prometheus_client has no public way to them.
    named = list(metric._labelnames)
    each_worker = getattr(metric, "_multiprocess_mode", "").endswith("all")
    return [*named, "pid"] if each_worker else named
