"""A replica on good days and bad ones: what is ready, what is served, what is refused."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from demo.processes import free_port
from lookalike.errors import DigestMismatch, NothingPublished, StoreError
from lookalike.settings import Settings
from lookalike.store import Collection, VerifiedCache, open_indexes
from search_api.replica import LOOK_AGAIN_SECONDS, Replica
from tests.pictures import write_pictures
from tests.services import (
    models_served,
    publish_toy_model,
    run,
    run_here,
    search_service,
    status,
    until,
)
from tests.toy_indexes import empty_details


@pytest.fixture
def store(tmp_path: Path) -> Path:
    publish_toy_model(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures", labels=2, each=4)


def unready(url: str, kind: str) -> Callable[[], bool]:
    """Make what tells whether a service has nothing to answer with, for this reason."""

    def matches() -> bool:
        response = requests.get(f"{url}/readyz", timeout=30)
        return response.status_code == 503 and response.json()["type"].endswith(f":{kind}")

    return matches


def told(url: str, kind: str) -> Callable[[], bool]:
    """Make what tells whether a service that answers says that something is wrong."""

    def matches() -> bool:
        response = requests.get(f"{url}/readyz", timeout=30)
        problem = response.json().get("problem") or {"type": ""}
        return response.status_code == 200 and problem["type"].endswith(f":{kind}")

    return matches


def healthy(url: str) -> bool:
    """Tell whether a service answers, and says that nothing is wrong."""
    response = requests.get(f"{url}/readyz", timeout=30)
    return response.status_code == 200 and response.json()["problem"] is None


def post(url: str, pictures: Path, name: str = "label-0/0.jpg") -> requests.Response:
    data = (pictures / name).read_bytes()
    headers = {"Content-Type": "image/jpeg"}
    return requests.post(f"{url}/search", data=data, headers=headers, timeout=30)


def reindex(pictures: Path, environment: dict[str, str]) -> str:
    """Index with one picture more than the last time, so that no file is as before."""
    seed = len(list(pictures.rglob("*.*")))
    write_pictures(pictures / "label-1" / str(seed), labels=1, each=1, seed=seed)
    finished = run(["reindex", str(pictures), "--rebuild"], environment)
    assert finished.returncode == 0, finished.stderr
    return open_indexes(environment["LOOKALIKE_STORE"], "default").current()


def damage(shard: Path) -> None:
    """Flip a bit; copies that others hold of the file are their own."""
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.unlink()
    shard.write_bytes(data)


def test_from_nothing_to_ready_and_through_the_model_server_s_death(
    store: Path, pictures: Path, tmp_path: Path
) -> None:
    ports = (free_port(0), free_port(0))
    environment = {
        "LOOKALIKE_STORE": str(store),
        "LOOKALIKE_CACHE": str(tmp_path / "cache"),
        "LOOKALIKE_MODEL_SERVER_REST": f"http://127.0.0.1:{ports[0]}",
        "LOOKALIKE_MODEL_SERVER_GRPC": f"127.0.0.1:{ports[1]}",
    }
    with search_service(environment, tmp_path / "service.log") as url:
        until(unready(url, "nothing-published"), what="nothing published")
        refused = post(url, pictures)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.json()["type"].endswith(":nothing-published")

        with models_served(store, ports):
            version = reindex(pictures, environment)
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            assert post(url, pictures).json()["index_version"] == version

        assert post(url, pictures).status_code == 200  # its vector is remembered
        refused = post(url, pictures, "label-1/1.png")
        assert refused.status_code == 503
        assert refused.json()["type"].endswith(":model-server-unavailable")
        by_id = requests.post(f"{url}/search", json={"id": "label-1/1.png"}, timeout=30)
        assert by_id.json()["results"][0]["id"] == "label-1/1.png"
        assert status(f"{url}/healthz") == 200
        until(told(url, "model-server-unavailable"), what="the model server's absence")

        with models_served(store, ports):
            until(lambda: healthy(url), what="its return")
            assert post(url, pictures).status_code == 200


def test_a_new_version_takes_over_with_no_failed_request(
    store: Path, pictures: Path, tmp_path: Path
) -> None:
    with models_served(store) as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(tmp_path / "cache")}
        first = reindex(pictures, environment)
        with search_service(environment, tmp_path / "service.log") as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            seen: list[tuple[int, str]] = []
            done = threading.Event()

            def ask() -> None:
                while not done.is_set():
                    answer = post(url, pictures)
                    seen.append((answer.status_code, answer.json().get("index_version", "")))

            asking = threading.Thread(target=ask)
            asking.start()
            second = reindex(pictures, environment)
            until(lambda: seen[-1][1] == second, what="the swap")
            assert run_here(["index", "rollback"], environment).returncode == 0
            until(lambda: seen[-1][1] == first, what="the way back")
            done.set()
            asking.join()
    assert {code for code, _ in seen} == {200}
    assert {version for _, version in seen} == {first, second}


@pytest.mark.long
def test_another_model_under_the_same_version_is_never_answered_with(
    store: Path, pictures: Path, tmp_path: Path
) -> None:
    with models_served(store) as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(tmp_path / "cache")}
        reindex(pictures, environment)
    publish_toy_model(tmp_path / "other", seed=9)
    with models_served(tmp_path / "other") as wrong:
        environment = {**environment, **wrong, "LOOKALIKE_STORE": str(store)}
        with search_service(environment, tmp_path / "service.log") as url:
            until(unready(url, "probe-mismatch"), what="the mismatch")
            assert post(url, pictures).status_code == 503


def test_a_damaged_version_is_refused_and_the_old_one_goes_on_serving(
    store: Path, pictures: Path, tmp_path: Path
) -> None:
    with models_served(store) as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(tmp_path / "cache")}
        first = reindex(pictures, environment)
        # Published by another machine: not in this one's cache of verified copies.
        elsewhere = {**environment, "LOOKALIKE_CACHE": str(tmp_path / "elsewhere")}
        second = reindex(pictures, elsewhere)
        indexes = open_indexes(str(store), "default")
        indexes.set_current(first)
        with search_service(environment, tmp_path / "service.log") as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            damage(store / "indexes" / "default" / second / "shard-00000.faiss")
            indexes.set_current(second)
            until(told(url, "digest-mismatch"), what="the refusal")
            assert post(url, pictures).json()["index_version"] == first


@pytest.mark.long
def test_a_refused_version_is_copied_again_only_after_a_while_or_a_change_of_current(
    store: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    fetch = VerifiedCache.fetch

    def counted(cache: VerifiedCache, version: str) -> Path:
        fetched.append(version)
        return fetch(cache, version)

    with models_served(store) as environment:
        environment = {
            **environment,
            "LOOKALIKE_CACHE": str(tmp_path / "cache"),
            "LOOKALIKE_POLL_SECONDS": "1000",  # the first wait
        }
        good, bad = reindex(pictures, environment), reindex(pictures, environment)
        damage(store / "indexes" / "default" / bad / "shard-00000.faiss")
        monkeypatch.setattr(VerifiedCache, "fetch", counted)
        replica = Replica(Settings.from_environment(environment))
        indexes = open_indexes(str(store), "default")
        for current in (bad, bad, bad, good, bad, bad):
            indexes.set_current(current)
            replica.refresh()
            assert isinstance(replica.problem, DigestMismatch) == (current == bad)
        assert fetched == [bad, good, bad]


def test_a_version_that_is_no_index_is_refused_and_left_alone_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its files are what its manifest says, and nothing can be made of them."""
    indexes = open_indexes(str(tmp_path / "store"), "default")
    with indexes.draft() as folder:
        (folder / "probes.msgpack").write_bytes(b"garbage")
        version = indexes.publish(folder, empty_details())
    indexes.set_current(version)
    settings = Settings(
        store=str(tmp_path / "store"), cache=str(tmp_path / "cache"), poll_seconds=1000
    )
    replica = Replica(settings)
    for _ in range(3):
        replica.refresh()
        assert isinstance(replica.problem, DigestMismatch)
        assert version in str(replica.problem)
    assert sum(record.exc_info is not None for record in caplog.records) == 1


def test_a_failure_of_the_moment_refuses_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another worker removes the copy of a version that is about to be opened."""
    indexes = open_indexes(str(tmp_path / "store"), "default")
    with indexes.draft() as folder:
        (folder / "probes.msgpack").write_bytes(b"")
        indexes.set_current(indexes.publish(folder, empty_details()))
    opened: list[str] = []

    def fails(version: str, folder: Path) -> None:
        opened.append(version)
        raise FileNotFoundError(2, "No such file or directory", str(folder))

    monkeypatch.setattr("search_api.replica.IndexVersion", fails)
    settings = Settings(
        store=str(tmp_path / "store"), cache=str(tmp_path / "cache"), poll_seconds=1000
    )
    replica = Replica(settings)
    for looks in range(1, 4):
        replica.refresh()
        assert type(replica.problem) is StoreError
        assert len(opened) == looks


def test_an_index_of_another_model_is_refused_and_the_old_one_goes_on_serving(
    store: Path, pictures: Path, tmp_path: Path
) -> None:
    publish_toy_model(tmp_path / "other", seed=9)
    with models_served(tmp_path / "other") as other:
        second = reindex(pictures, {**other, "LOOKALIKE_CACHE": str(tmp_path / "cache")})
    with models_served(store) as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(tmp_path / "cache")}
        first = reindex(pictures, environment)
        versions = Path("indexes") / "default"
        shutil.copytree(tmp_path / "other" / versions / second, store / versions / second)
        with search_service(environment, tmp_path / "service.log") as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            open_indexes(str(store), "default").set_current(second)
            until(told(url, "probe-mismatch"), what="the refusal")
            answer = post(url, pictures)
            assert answer.status_code == 200
            assert answer.json()["index_version"] == first


@pytest.mark.long
def test_every_worker_answers_as_soon_as_an_index_is_published(
    store: Path, pictures: Path, tmp_path: Path
) -> None:
    with models_served(store) as environment:
        environment = {
            **environment,
            "LOOKALIKE_CACHE": str(tmp_path / "cache"),
            "LOOKALIKE_WORKERS": "3",
            "LOOKALIKE_POLL_SECONDS": "600",  # so that only requests can find the index
        }
        with search_service(environment, tmp_path / "service.log") as url:
            assert post(url, pictures).status_code == 503
            version = reindex(pictures, environment)
            time.sleep(LOOK_AGAIN_SECONDS)  # whoever looked just now does not look again
            answers = [post(url, pictures) for _ in range(30)]
    assert [answer.status_code for answer in answers] == [200] * 30
    assert {answer.json()["index_version"] for answer in answers} == {version}


def test_nobody_waits_for_a_look_for_long_and_for_readiness_only_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: Collection) -> str:
        begun.set()
        go_on.wait()
        raise NothingPublished("looked at last")

    monkeypatch.setattr(Collection, "current", slow)
    monkeypatch.setattr("search_api.replica.FIRST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr("search_api.replica.READY_SECONDS", 0.01)
    paths = {"LOOKALIKE_STORE": str(tmp_path / "store"), "LOOKALIKE_CACHE": str(tmp_path / "cache")}
    replica = Replica(Settings.from_environment(paths))
    looking = threading.Thread(target=replica.refresh)
    looking.start()
    try:
        until(begun.is_set, what="the look")
        for asked in (replica.check_ready, replica.serving):
            with pytest.raises(NothingPublished, match="no index is loaded yet: 'look"):
                asked()
    finally:
        go_on.set()
        looking.join()
    monkeypatch.setattr(replica, "_await_a_look", pytest.fail)  # it has looked by now
    with pytest.raises(NothingPublished, match="looked at last"):
        replica.check_ready()
