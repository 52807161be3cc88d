"""Alerts and the dashboard: they read metrics that exist, and each alert has its runbook."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY

from search_api import metrics
from tests.k8s.manifests import Manifests, Object, rendered, with_components

ROOT = Path(__file__).parents[2]
MODEL_SERVER = (ROOT / "model_server" / "metrics.py").read_text()
# What kube-state-metrics offers (its docs/metrics/workload).
KUBERNETES = {
    "kube_cronjob_status_last_successful_time",
    "kube_deployment_status_replicas_unavailable",
    "kube_job_failed",
}
SUFFIXES = ("_bucket", "_sum", "_count", "_total")
# Grafana fills it in.
INTERVAL = "$__rate_interval"


@pytest.fixture(scope="module")
def monitoring(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    return with_components(["monitoring"], tmp_path_factory.mktemp("monitoring"))


def alerts(manifests: Manifests) -> list[Object]:
    groups = manifests.named("PrometheusRule", "lookalike")["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard(manifests: Manifests) -> dict[str, Any]:
    data = manifests.named("ConfigMap", "lookalike-dashboard")["data"]["dashboard.json"]
    found: dict[str, Any] = json.loads(data)
    return found


def queries(manifests: Manifests) -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts(manifests))
    for panel in dashboard(manifests)["panels"]:
        yield from (target["expr"].replace(INTERVAL, "5m") for target in panel["targets"])


def offered() -> set[str]:
    """Name the metrics that are scraped, as they stand in a query, without a suffix."""
    own = {family.name for family in REGISTRY.collect() if family.name.startswith("lookalike_")}
    served = set(re.findall(r'"(:tensorflow:[a-z:_]+)"', MODEL_SERVER))
    return own | served | KUBERNETES


def read(query: str) -> set[str]:
    return set(re.findall(r"(?<![\w$])(:?[a-z_]+(?::[a-z_]+)*)(?=[{\[])", query))


def test_every_query_is_promql_of_metrics_that_are_there(monitoring: Manifests) -> None:
    assert metrics.REQUESTS is not None  # they are registered as they are imported
    asked = list(queries(monitoring))
    assert len(asked) > 20
    for query in asked:
        promql_parser.parse(query)
        names = read(query) | set(re.findall(r"lookalike_[a-z_0-9]+", query))
        assert names, query
        for name in names:
            stem = next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)
            assert {name, stem} & offered(), (name, query)


def test_what_scales_besides_the_processor_is_offered_by_the_rules_of_its_page(
    tmp_path: Path,
) -> None:
    page = (ROOT / "k8s" / "components" / "autoscaling" / "README.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    rules = yaml.safe_load(block)["rules"]["external"]
    scalers = with_components(["autoscaling"], tmp_path).of_kind("HorizontalPodAutoscaler")
    scaled = {
        metric["external"]["metric"]["name"]
        for scaler in scalers
        for metric in scaler["spec"]["metrics"]
        if metric["type"] == "External"
    }
    assert {rule["name"]["as"] for rule in rules} == scaled
    for rule in rules:
        series, _, _ = rule["seriesQuery"].partition("{")
        assert {series, series.removesuffix("_sum")} & offered()
        query = rule["metricsQuery"].replace("<<.Series>>", series)
        promql_parser.parse(query.replace("<<.LabelMatchers>>", 'namespace="lookalike"'))


def test_labels_that_are_asked_for_are_those_of_the_metrics(monitoring: Manifests) -> None:
    types = {error.type for error in _errors()}
    for query in queries(monitoring):
        for given in re.findall(r'(?:type|problem)=~?"([^"]+)"', query):
            assert set(given.split("|")) <= types, query


def test_what_alerts_are_a_share_of_are_searches_and_neither_probes_nor_scrapes(
    monitoring: Manifests,
) -> None:
    """Else a replica that nobody asks drowns the few searches that fail, or fails for all."""
    shares = {rule["alert"]: rule["expr"] for rule in alerts(monitoring)}
    for alert in ("SearchesFail", "SearchesAreTurnedAway"):
        some, every = shares[alert].split(" / ")
        assert read(some) == read(every) == {"lookalike_searches_total"}


def test_a_reindex_whose_second_pod_succeeded_has_not_failed(monitoring: Manifests) -> None:
    """kube_job_status_failed counts pods, and a Job that is complete keeps its failed ones."""
    (rule,) = [rule for rule in alerts(monitoring) if rule["alert"] == "ReindexFailed"]
    assert read(rule["expr"]) == {"kube_job_failed"}
    assert 'condition="true"' in rule["expr"]


def test_a_catalogue_that_stays_as_it_is_alerts_nobody(monitoring: Manifests) -> None:
    """As long as reindex runs, and finds nothing new, an old index is the right one."""
    (rule,) = [rule for rule in alerts(monitoring) if rule["alert"] == "IndexIsStale"]
    old, succeeded = rule["expr"].split(" unless on() ")
    assert re.findall(r"lookalike_[a-z_]+", old) == ["lookalike_index_created_timestamp_seconds"]
    assert read(succeeded) == {"kube_cronjob_status_last_successful_time"}
    (watched,) = re.findall(r'cronjob="([^"]+)"', succeeded)
    assert "suspend" not in monitoring.named("CronJob", watched)["spec"]
    assert old.rpartition(" > ")[2] == succeeded.rpartition(" < ")[2]


def test_every_alert_says_how_bad_it_is_and_what_to_do(monitoring: Manifests) -> None:
    pages = (ROOT / "docs" / "runbooks.md").read_text()
    headings = re.findall(r"^## (\w+)$", pages, re.MULTILINE)
    assert headings == [rule["alert"] for rule in alerts(monitoring)]
    for rule in alerts(monitoring):
        assert rule["labels"]["severity"] in ("warning", "critical")
        told = rule["annotations"]
        assert told.keys() - {"description"} == {"summary", "look_at", "action"}
        assert all(text.endswith((".", ".)")) for text in told.values())
        assert "{{" not in "".join(told.values())  # Prometheus would take it for a template


def test_what_an_alert_tells_to_run_and_to_read_is_there(monitoring: Manifests) -> None:
    texts = [text for rule in alerts(monitoring) for text in rule["annotations"].values()]
    for page in re.findall(r"docs/[\w-]+\.md", " ".join(texts)):
        assert (ROOT / page).is_file()
    named = {rule["alert"] for rule in alerts(monitoring)}
    assert set(re.findall(r"see ([A-Z]\w+)", " ".join(texts))) <= named
    jobs = re.findall(r"--from=cronjob/(\S+) (\S+)", " ".join(texts))
    assert {job for job, _ in jobs} == {"reindex", "rollback", "verify"}
    for job, name in jobs:
        assert monitoring.named("CronJob", job)
        assert name == f"{job}-$(date"  # so that it can be run again


def test_what_the_issue_names_is_watched(monitoring: Manifests) -> None:
    assert {rule["alert"] for rule in alerts(monitoring)} >= {
        "SearchesAreSlow",
        "SearchesFail",
        "RecallIsLow",
        "IndexIsStale",
        "ReindexFailed",
        "ModelAndIndexDisagree",
    }


def test_services_are_scraped_at_ports_and_paths_that_they_have(monitoring: Manifests) -> None:
    paths = {"search-api": "/metrics", "tensorflow-serving": "/monitoring/prometheus/metrics"}
    monitors = monitoring.of_kind("ServiceMonitor")
    assert {monitor["metadata"]["name"] for monitor in monitors} == set(paths)
    for monitor in monitors:
        service = monitoring.named("Service", monitor["metadata"]["name"])
        wanted = monitor["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= service["metadata"]["labels"].items()
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert endpoint["path"] == paths[monitor["metadata"]["name"]]
        # By default it looks in its own, so that both can be moved to another together.
        assert "namespaceSelector" not in monitor["spec"]
        assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"]


def test_prometheus_is_let_in_and_nobody_else_is(monitoring: Manifests, tmp_path: Path) -> None:
    base = rendered(_base(tmp_path))
    for name, port in (("search-api", 8080), ("tensorflow-serving", 8501)):
        before = base.named("NetworkPolicy", name)["spec"]["ingress"]
        *others, added = monitoring.named("NetworkPolicy", name)["spec"]["ingress"]
        assert others == before
        assert added["ports"] == [{"port": port, "protocol": "TCP"}]
        assert list(added["from"][0]) == ["namespaceSelector"]


def test_the_panels_of_the_dashboard_do_not_lie_on_each_other(monitoring: Manifests) -> None:
    made = dashboard(monitoring)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["title"] for panel in made["panels"]}) == len(places)


def _base(folder: Path) -> Path:
    from k8s.render import HERE

    return HERE / "base" if folder.is_dir() else folder


def _errors() -> Iterator[Any]:
    from lookalike import errors

    for found in vars(errors).values():
        if isinstance(found, type) and issubclass(found, errors.LookalikeError):
            yield found
