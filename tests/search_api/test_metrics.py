"""``/metrics``, of all workers, against the real stack."""

import re
import time

import requests

from search_api import metrics
from tests.documents.reading import ROOT
from tests.search_api.conftest import Stack
from tests.search_api.shown import FIRST
from tests.search_api.test_search import JPEG, post
from tests.services import until

PAGE = (ROOT / "docs" / "metrics.md").read_text()


def read(stack: Stack) -> dict[str, float]:
    response = requests.get(f"{stack.url}/metrics", timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    samples = re.findall(r"^(\S+) (\S+)$", response.text, re.M)
    return {name: float(value) for name, value in samples if not name.startswith("#")}


def test_requests_stages_and_problems_are_counted(stack: Stack) -> None:
    before = read(stack)
    for _ in range(3):
        assert post(stack, JPEG + b"metrics").status_code == 200
    assert post(stack, b"no picture").status_code == 400
    requests.get(f"{stack.url}/pictures/secret-name", timeout=10)
    after = read(stack)

    def more(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    answered = 'lookalike_request_duration_seconds_count{method="POST",path="/search",status="%s"}'
    assert more(answered % 200) == 3
    assert more(answered % 400) == 1
    assert more('lookalike_problems_total{type="not-a-picture"}') == 1
    assert more('lookalike_vector_cache_lookups_total{outcome="hit"}') == 2
    for stage in ("decode", "embed", "search"):
        assert more(f'lookalike_stage_duration_seconds_count{{stage="{stage}"}}') == 3
    assert not any("secret-name" in name for name in after)


def test_searches_of_a_batch_are_counted_one_by_one(stack: Stack) -> None:
    before = read(stack)
    one, none = {"id": FIRST}, {"id": "nothing"}
    for body in ({"queries": [one, none, none]}, {"queries": []}):
        requests.post(f"{stack.url}/search/batch", json=body, timeout=30)
    requests.post(f"{stack.url}/search", json=none, timeout=30)
    after = read(stack)
    counted = {
        tuple(re.findall(r'"(.*?)"', name)): value - before.get(name, 0)
        for name, value in after.items()
        if name.startswith("lookalike_searches_total{") and value > before.get(name, 0)
    }
    assert counted == {
        ("", "200"): 1,
        ("picture-not-found", "404"): 3,
        ("invalid-parameter", "400"): 1,
    }


def test_each_worker_tells_when_it_began_and_its_memory(stack: Stack) -> None:
    samples = read(stack)
    (started,) = [name for name in samples if "worker_start_timestamp" in name]  # one, no master
    assert 1.7e9 < samples[started] < time.time()
    peak = samples[started.replace("start_timestamp_seconds", "peak_memory_bytes")]
    assert 50e6 < peak < 1e9


def test_what_is_served_is_told(stack: Stack) -> None:
    samples = read(stack)
    version = post(stack, JPEG).json()["index_version"]
    served = f'{{index_version="{version}",model_version="1"}}'
    assert samples[f"lookalike_index_served_since_timestamp_seconds{served}"] > 1.7e9
    assert samples["lookalike_index_pictures"] == 32
    assert samples['lookalike_index_swaps_total{outcome="swapped"}'] >= 1
    assert samples["lookalike_embeddings_limit"] >= 1
    assert 0 < time.time() - samples["lookalike_index_created_timestamp_seconds"] < 3600
    assert samples["lookalike_embeddings_at_work"] == 0
    assert samples["lookalike_native_work"] == 0  # these are read on a thread of their own


def test_searches_are_made_again_to_measure_recall(stack: Stack) -> None:
    def measured() -> float:
        return read(stack).get('lookalike_recall_samples_total{outcome="measured"}', 0)

    before = measured()

    def one_more() -> bool:
        assert post(stack, JPEG).status_code == 200
        return measured() > before

    until(one_more, what="a measurement")
    samples = read(stack)
    count = samples['lookalike_recall_at_10_count{filtered="no"}']
    # So few pictures are all compared.
    assert samples['lookalike_recall_at_10_sum{filtered="no"}'] == count > 0


def test_every_metric_is_documented_with_its_labels(stack: Stack) -> None:
    post(stack, JPEG)
    told = {
        name: set(re.findall(r"`(\w+)`", labels))
        for name, labels in re.findall(r"^\| `(\w+)` \|[^|]+\|([^|]*)\|", PAGE, re.MULTILINE)
    }
    ours = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in metrics.OWN.collect()
        if metric.name.startswith("lookalike_")
    }
    assert told.keys() == ours
    for sample in read(stack):
        name, _, labels = sample.partition("{")
        name = re.sub("_(bucket|sum|count)$", "", name)
        if name.startswith("lookalike_"):
            assert set(re.findall(r'(\w+)="', labels)) - {"le"} == told[name], sample
