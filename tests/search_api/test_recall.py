"""The recall meter, on a real index: what it measures is true, and how little it takes."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from prometheus_client import REGISTRY

from indexing.build import BuildSettings, build_base
from indexing.factory import Recipe
from lookalike.changes import Deletion, open_changes
from lookalike.index import (
    IndexDetails,
    IndexVersion,
    ModelReference,
    PictureRow,
    Probe,
    SearchParameters,
    filter_of,
    probes,
    write_probes,
)
from lookalike.picture import PictureContract
from lookalike.settings import Settings
from search_api import recall
from search_api.apart import run_idle
from search_api.asked import Asked
from search_api.capacity import Capacity
from search_api.native import run_native
from search_api.recall import RecallMeter, Sample, recall_of
from tests.lookalike.index.segments import clustered

COUNT, QUERIES = 3000, 200
VECTORS = clustered(COUNT + QUERIES, clusters=7)
EVEN = filter_of({"attribute": "label", "eq": "even"})
RECIPES = {
    "IVF64,Flat": SearchParameters(nprobe=1),
    "IVF64,PQ32x4fs,Refine(SQfp16)": SearchParameters(nprobe=1, k_factor=2),
}


@pytest.fixture(scope="module", params=RECIPES)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, IndexDetails]:
    """A version of three shards that is searched much too carelessly."""
    folder = tmp_path_factory.mktemp("version")
    rows = [
        PictureRow(f"{number:06d}", "s3://b/x", ("even", "odd")[number % 2], b"%032d" % number)
        for number in range(COUNT)
    ]
    recipe = Recipe(request.param, RECIPES[request.param])
    settings = BuildSettings(recipe=recipe, shard_limit=1000, processes=1)
    built = build_base(iter(rows), VECTORS[:COUNT], settings, folder)
    picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    write_probes(folder / probes.FILE_NAME, [Probe("", picture, [1.0])])
    model = ModelReference(
        name="m", version=1, weights_sha256="0", picture=PictureContract(size=32), dimensions=128
    )
    return folder, IndexDetails(
        name="default",
        model=model,
        metric="cosine",
        factory=built.factory,
        search=RECIPES[request.param],
        trained=built.trained,
        shards=built.shards,
        pictures=COUNT,
        quarantined=0,
    )


@pytest.fixture
def version(made: tuple[Path, IndexDetails]) -> IndexVersion:
    return IndexVersion("version", *made)


def asked(number: int, **known: object) -> Asked:
    return Asked(vector=VECTORS[number], decoded=0, embedded=0, **known)  # type: ignore[arg-type]


def true_recall(version: IndexVersion, queries: range, reachable: np.ndarray) -> float:
    """Of the ten nearest by the vectors themselves, among reachable ids."""
    found = 0
    for query in queries:
        gaps = np.linalg.norm(VECTORS[reachable] - VECTORS[query], axis=1)
        nearest = {f"{number:06d}" for number in reachable[np.argsort(gaps)[:10]]}
        hits = version.search(VECTORS[query], 10)
        found += len(nearest & {hit.picture.id for hit in hits})
    return found / (10 * len(queries))


def measured(version: IndexVersion, queries: range, wanted: object = None) -> float:
    samples = [Sample(version, asked(query), wanted) for query in queries]  # type: ignore[arg-type]
    return float(np.mean([recall_of(sample) for sample in samples]))


NEW = range(COUNT, COUNT + QUERIES)


def test_a_crippled_search_is_told_as_what_it_is(version: IndexVersion) -> None:
    true = true_recall(version, NEW, np.arange(COUNT))
    assert 0.2 < true < 0.9
    assert measured(version, NEW) == pytest.approx(true, abs=0.01)


def test_what_was_deleted_is_not_missed(version: IndexVersion, tmp_path: Path) -> None:
    changes = open_changes(str(tmp_path), "default")
    before = measured(version, NEW)
    nearest = {hit.picture.id for query in NEW for hit in version.search(VECTORS[query], 10)}
    changes.append(Deletion(sorted(nearest)))
    version.apply(changes)
    reachable = np.array([n for n in range(COUNT) if f"{n:06d}" not in nearest])
    true = true_recall(version, NEW, reachable)
    assert 0 < len(nearest) < COUNT
    assert measured(version, NEW) == pytest.approx(true, abs=0.01)
    everything = [f"{number:06d}" for number in range(COUNT)]
    changes.append(Deletion(everything))
    version.apply(changes)
    assert recall_of(Sample(version, asked(NEW[0]), None)) is None
    assert before > 0


def test_a_filter_holds_for_what_would_have_been_exact_too(version: IndexVersion) -> None:
    selection = version.select(EVEN)
    found = total = 0
    for query in NEW:
        gaps = np.linalg.norm(VECTORS[:COUNT:2] - VECTORS[query], axis=1)
        nearest = {f"{2 * number:06d}" for number in np.argsort(gaps)[:10]}
        hits = version.search(VECTORS[query], 10, selection)
        found, total = found + len(nearest & {hit.picture.id for hit in hits}), total + 10
    assert measured(version, NEW, EVEN) == pytest.approx(found / total, abs=0.01)


@pytest.mark.parametrize("known", ["id", "sha256"])
def test_the_picture_itself_is_left_out(version: IndexVersion, known: str) -> None:
    own = {"id": lambda n: f"{n:06d}", "sha256": lambda n: b"%032d" % n}[known]
    as_itself = [Sample(version, asked(n, **{known: own(n)}), None) for n in range(300)]
    as_vector = [Sample(version, asked(n), None) for n in range(300)]
    left_out = np.mean([recall_of(sample) for sample in as_itself])
    with_it = np.mean([recall_of(sample) for sample in as_vector])
    # One of ten is found for certain: (9 r + 1) / 10.
    assert with_it > left_out
    assert 0.9 * left_out + 0.1 == pytest.approx(with_it, abs=0.03)


def sample_of(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def outcome(name: str) -> float:
    return sample_of("lookalike_recall_samples_total", outcome=name)


@pytest.fixture
def more() -> Callable[[str], float]:
    names = ("measured", "empty", "failed", "skipped_busy", "skipped_budget")
    before = {name: outcome(name) for name in names}
    return lambda name: outcome(name) - before[name]


def test_one_search_of_many_is_measured_and_the_rest_are_counted(
    version: IndexVersion, more: Callable[[str], float]
) -> None:
    now = [0.0]
    meter = RecallMeter(10, 0.01, clock=lambda: now[0])
    before = sample_of("lookalike_recall_at_10_count", filtered="yes")
    for _ in range(30):
        meter.note(version, asked(NEW[0]), EVEN)
    assert more("skipped_busy") == 2
    meter.measure()
    assert (more("measured"), more("failed")) == (1, 0)
    assert sample_of("lookalike_recall_at_10_count", filtered="yes") - before == 1
    meter.measure()  # nothing waits
    for _ in range(10):
        meter.note(version, asked(NEW[0]), EVEN)
    assert more("skipped_budget") == 1
    now[0] += 3600
    for _ in range(10):
        meter.note(version, asked(NEW[0]), EVEN)
    meter.measure()
    assert (more("measured"), more("skipped_budget"), more("skipped_busy")) == (2, 1, 2)


def test_the_rest_is_as_long_as_the_share_says(
    version: IndexVersion, monkeypatch: pytest.MonkeyPatch, more: Callable[[str], float]
) -> None:
    monkeypatch.setattr(recall, "_timed", lambda _: (0.5, 2.0))
    now = [0.0]
    meter = RecallMeter(1, 0.01, clock=lambda: now[0])
    meter.note(version, asked(NEW[0]), None)
    meter.measure()
    for moment, skipped in ((197.9, 1), (198.1, 1)):
        now[0] = moment
        meter.note(version, asked(NEW[0]), None)
        assert more("skipped_budget") == skipped
    meter.measure()
    assert more("measured") == 2


def test_all_workers_share_a_hundredth_of_a_core() -> None:
    one, four = (Capacity.of(Settings(workers=workers)).recall for workers in (1, 4))
    assert one.share == pytest.approx(0.01)
    assert four.share == pytest.approx(0.0025)


def test_none_is_measured_where_none_is_to_be(
    version: IndexVersion, more: Callable[[str], float]
) -> None:
    meter = RecallMeter(0, 0.01)
    for _ in range(5):
        meter.note(version, asked(NEW[0]), None)
    meter.measure()
    assert [more(name) for name in ("measured", "skipped_busy", "skipped_budget")] == [0, 0, 0]


def test_a_failure_is_counted_and_the_next_one_is_measured(
    version: IndexVersion, more: Callable[[str], float]
) -> None:
    now = [0.0]
    meter = RecallMeter(1, 0.01, clock=lambda: now[0])
    meter.note(version, asked(NEW[0]), filter_of({"attribute": "nothing", "eq": 1}))
    meter.measure()
    assert more("failed") == 1
    now[0] = 61
    meter.note(version, asked(NEW[0]), None)
    meter.measure()
    assert more("measured") == 1


def test_measuring_has_a_thread_of_its_own_and_of_the_usual_priority() -> None:
    def where() -> tuple[int, int]:
        return threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    idle, usual = run_idle(where), run_native(where)
    assert idle[0] not in (usual[0], threading.get_native_id())
    # A low one would keep Python's lock from the others for as long as it gets no processor.
    assert idle[1] == usual[1]
