"""Deletions and additions, as a running service takes them up."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import msgspec
import pytest
import requests

from lookalike.changes import Deletion, open_changes
from lookalike.client import Client
from search_api.apart import run_beside
from search_api.changes import Changes
from search_api.metrics import OWN, note_served
from tests.indexing.publishing.galleries import Gallery
from tests.indexing.publishing.test_overlay import add
from tests.pictures import write_pictures
from tests.search_api.test_replica import healthy, told
from tests.services import models_served, publish_toy_model, run, search_service, status, until


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    root = tmp_path_factory.mktemp("deletions")
    publish_toy_model(root / "store")
    write_pictures(root / "pictures", labels=3, each=10)
    with models_served(root / "store") as found:
        environment = {**found, "LOOKALIKE_CACHE": str(root / "cache"), "ROOT": str(root)}
        made = run(["reindex", str(root / "pictures")], environment)
        assert made.returncode == 0, made.stderr
        yield environment


@pytest.fixture(scope="module")
def url(environment: dict[str, str]) -> Iterator[str]:
    # Looks at CURRENT are far apart, so that nothing here comes about by them.
    environment = {**environment, "LOOKALIKE_POLL_SECONDS": "3600"}
    with search_service(environment, Path(environment["ROOT"]) / "service.log") as found:
        until(lambda: status(f"{found}/readyz") == 200, what="readiness")
        yield found


def ids(url: str, picture: Path) -> list[str]:
    return [hit.id for hit in Client(url).search(picture.read_bytes(), k=100).results]


def test_a_deleted_picture_is_gone_within_seconds_without_a_new_version(
    environment: dict[str, str], url: str
) -> None:
    picture = Path(environment["ROOT"]) / "pictures/label-1/3.png"
    assert ids(url, picture)[0] == "label-1/3.png"
    version = Client(url).search(picture.read_bytes()).index_version
    made = run(["delete", "label-1/3.png", "--json"], environment)
    receipt = msgspec.json.decode(made.stdout)
    assert receipt["found_in"] == {"label-1/3.png": [version]}
    assert receipt["holds_for"] == [version]
    until(lambda: "label-1/3.png" not in ids(url, picture), 10, "the deletion")
    assert Client(url).search(picture.read_bytes()).index_version == version
    assert len(ids(url, picture)) == 29
    assert Client(url).index()["pictures"] == 29
    assert requests.get(f"{url}/readyz", timeout=30).json()["pictures"] == 29
    metric = "\nlookalike_index_pictures 29.0\n"
    until(lambda: metric in requests.get(f"{url}/metrics", timeout=30).text, 10, "the metric")


def test_the_metric_counts_what_can_be_found_after_each_change(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(60)
    gallery.publish()
    version = gallery.opened()
    changes = Changes(gallery.changes, lambda: [version])
    told = []
    for change in (None, "a", "picture 0001", "picture 0002"):
        if change is not None:
            add(gallery, change, 100)
        changes.look()
        told.append(OWN.get_sample_value("lookalike_index_pictures"))
    for name in ("a", "picture 0002", "picture 0003", "nothing"):
        gallery.changes.append(Deletion([name]))
        changes.look()
        told.append(OWN.get_sample_value("lookalike_index_pictures"))
    assert told == [60, 61, 61, 61, 60, 59, 58, 58]
    version.close()


def test_a_version_whose_recall_was_not_measured_is_not_given_that_of_the_one_before() -> None:
    note_served("20261124T000345.123Z-1cb8b69c643e", 1, 3, 0.9)
    assert OWN.get_sample_value("lookalike_index_measured_recall") == 0.9
    note_served("20261125T000345.123Z-1cb8b69c643e", 1, 3, None)
    recall = OWN.get_sample_value("lookalike_index_measured_recall")
    assert recall is not None
    assert math.isnan(recall)


def test_additions_that_there_is_no_room_for_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lookalike.index.changed.MOST_ADDED", 1)
    monkeypatch.setattr("lookalike.index.changed.AT_ONCE", 0)
    gallery = Gallery(tmp_path)
    gallery.fill(60)
    gallery.publish()
    for number, name in enumerate("abc"):
        add(gallery, name, 100 + number)
    version = gallery.opened()
    changes = Changes(gallery.changes, lambda: [version])
    for _ in range(2):
        changes.look()
    [told] = caplog.records
    assert told.getMessage().startswith("2 additions cannot be found until lookalike reindex")
    version.close()


def test_a_store_that_hangs_is_told_of_until_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_api.changes.LONG_SECONDS", 0.5)
    goes_on, reading = threading.Event(), threading.Event()

    def apply(_: object) -> None:
        reading.set()
        goes_on.wait()

    version: Any = SimpleNamespace(apply=apply, findable=1, added=0, passed_over=0)
    log: Any = None  # which the version would read
    changes = Changes(log, lambda: [version])
    changes.start()
    reading.wait()
    until(lambda: changes.problem is not None, what="the time that it is told after")
    assert str(changes.problem).startswith("reading the changes has taken ")
    goes_on.set()
    until(lambda: changes.problem is None, what="the end of the look")


def test_a_damaged_record_is_told_and_the_replica_goes_on_serving(
    environment: dict[str, str], url: str
) -> None:
    record = open_changes(environment["LOOKALIKE_STORE"], "default").append(Deletion(["x"]))
    path = Path(environment["LOOKALIKE_STORE"]) / "requests/default" / record.name
    torn = path.with_name(f"9{record.name}")
    torn.write_bytes(b"{")
    until(told(url, "store-error"), 10, "the damage")
    assert ids(url, Path(environment["ROOT"]) / "pictures/label-0/1.png")
    torn.unlink()
    until(lambda: healthy(url), 10, "the end of it")


def test_a_change_log_that_hangs_holds_up_no_metrics() -> None:
    back = threading.Event()
    version: Any = SimpleNamespace(
        apply=lambda _: back.wait(60), added=0, findable=0, passed_over=0
    )
    changes = Changes(open_changes("/none", "default"), lambda: [version])
    looking = gevent.spawn(changes.look)
    gevent.sleep(0)  # lets it begin
    assert gevent.spawn(run_beside, lambda: "metrics").get(timeout=30) == "metrics"
    assert not looking.ready()
    back.set()
    looking.get()
