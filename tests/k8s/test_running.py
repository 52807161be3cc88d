"""The local overlay, running: from an empty store to answers, through failures and an update.

The model is a toy, so that it takes seconds; tests/demo has the bootstrap Job with the real one.
"""

import copy
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from k8s.render import OVERLAYS
from lookalike.key_file import line_of
from tests.k8s.manifests import Manifests, rendered
from tests.k8s.running.cluster import Cluster
from tests.k8s.running.pod import RunningPod
from tests.pictures import write_pictures
from tests.services import publish_toy_model, until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="mount namespaces of containers take root"
)

SERVING, SEARCH = "tensorflow-serving", "search-api"
READY_SECONDS = 90.0


def url(cluster: Cluster, path: str) -> str:
    address, port = cluster.address(SEARCH, 80)
    return f"http://{address}:{port}{path}"


def search(cluster: Cluster) -> requests.Response:
    picture = next(cluster.claim("pictures").rglob("*.png"))
    return requests.post(url(cluster, "/search"), files={"image": picture.read_bytes()}, timeout=30)


def only(cluster: Cluster, name: str) -> RunningPod:
    (pod,) = cluster.pods[name]
    return pod


def answers(cluster: Cluster) -> bool:
    try:
        return search(cluster).status_code == 200
    except requests.ConnectionError:
        return False


def publish(cluster: Cluster, seed: int = 0) -> int:
    """Put a toy model into the store as export-model does: whole at once, by the pods' user."""
    models = Path("models/embedder")
    kept, drafted = cluster.claim("store") / models, cluster.claim("store").parent / "drafted"
    version = publish_toy_model(drafted, seed=seed)
    cluster.hand_over(drafted)
    if not kept.exists():
        kept.mkdir(parents=True)
        cluster.hand_over(kept.parent)
    shutil.copytree(drafted / models / str(version), cluster.claim("store") / "brought")
    cluster.hand_over(cluster.claim("store") / "brought")
    (cluster.claim("store") / "brought").rename(kept / str(version))
    return version


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(rendered(OVERLAYS / "local"), tmp_path_factory.mktemp("cluster"))
    try:
        write_pictures(made.claim("pictures"), 12)
        made.hand_over(made.claim("pictures"))
        made.apply(SERVING, SEARCH)
        yield made
    finally:
        made.close()


def test_with_an_empty_store_nothing_is_ready_and_nothing_is_restarted(cluster: Cluster) -> None:
    service = only(cluster, SEARCH)
    alive = f"http://{service.address}:{service.pod.ports['http']}/healthz"

    def lives() -> bool:
        try:
            return requests.get(alive, timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    until(lives, what="the service's start")
    for name in (SERVING, SEARCH):
        assert not only(cluster, name).ready
        assert [one.restarts for one in only(cluster, name).containers] == [0] * len(
            only(cluster, name).containers
        )
    with pytest.raises(requests.ConnectionError):
        search(cluster)  # a Service leads to pods that are ready, and there is none


def test_a_model_and_reindex_make_it_answer(cluster: Cluster) -> None:
    publish(cluster)
    until(lambda: only(cluster, SERVING).ready, READY_SECONDS, "the model server's readiness")
    assert "96 pictures" in cluster.run_job("reindex")
    until(lambda: only(cluster, SEARCH).ready, READY_SECONDS, "the service's readiness")
    found = search(cluster).json()["results"]
    assert found[0]["distance"] < 1e-3
    drawn = url(cluster, f"/pictures/{found[0]['id']}/image")
    # A service that has just begun, beside other tests, may turn one away.
    until(lambda: requests.get(drawn, timeout=30).status_code != 429, READY_SECONDS, "a turn")
    image = requests.get(drawn, timeout=30)
    assert image.headers["Content-Type"] == "image/jpeg", image.text[:300]


def test_what_is_served_is_described_though_a_pod_has_no_folder_for_temporary_files(
    cluster: Cluster,
) -> None:
    response = requests.get(url(cluster, "/index"), timeout=30)
    assert response.status_code == 200, response.text
    described = response.json()
    assert described["model_card"]["weights_sha256"] == described["model"]["weights_sha256"]


def test_the_jobs_by_hand_run_to_their_end(cluster: Cluster) -> None:
    assert "all as their manifest says" in cluster.run_job("verify")
    assert "0 versions removed" in cluster.run_job("prune")
    # Each part of its own, and what reindex embedded is known.
    assert cluster.run_job("extract").count("(0 by the model, the others known)") == 4
    assert "nothing changed" in cluster.run_job("build")
    assert "nothing changed" in cluster.run_job("reindex")  # the nights go on as before


def test_what_may_not_be_written_cannot_be(cluster: Cluster) -> None:
    for name, mount in ((SEARCH, "/srv/store/CURRENT"), (SEARCH, "/x"), (SERVING, "/srv/models/x")):
        pod = only(cluster, name)
        process = pod.container(name).process
        written = os.system(f"nsenter --mount --target {process.pid} touch {mount} 2>/dev/null")  # noqa: S605
        assert written != 0, (name, mount)
    # On a volume that ignores fsGroup, what root makes would be root's for good.
    changes = (cluster.claim("store") / "requests").stat()
    assert changes.st_uid == only(cluster, SEARCH).pod.spec["securityContext"]["runAsUser"]


@pytest.mark.long
def test_a_key_that_may_changes_what_is_found_though_the_index_is_mounted_read_only(
    cluster: Cluster,
) -> None:
    picture = next(cluster.claim("pictures").rglob("*.png")).read_bytes()
    refused = requests.put(url(cluster, "/pictures/new"), picture, timeout=30)
    assert refused.status_code == 401  # LOOKALIKE_API_KEYS=off: nobody may
    (cluster.claim("store") / "keys").write_text(line_of("office", ["admin"], "a key"))
    keyed = cluster.add(SEARCH, {"LOOKALIKE_API_KEYS": "/srv/store/keys"})
    until(lambda: keyed.ready, READY_SECONDS, "the service's readiness")
    pod = f"http://{keyed.address}:{keyed.pod.ports['http']}"
    new = f"{pod}/pictures/new"
    key = {"X-API-Key": "a key", "Content-Type": "image/png"}
    added = requests.put(new, picture, headers=key, timeout=30)
    assert added.status_code == 201, added.text
    deleted = requests.delete(new, headers=key, timeout=30)
    assert deleted.status_code == 200, deleted.text
    # What an operator asks is read from the store, with no folder for temporary files.
    (model,) = requests.get(f"{pod}/models", headers=key, timeout=30).json()["models"]
    assert model["served"]
    assert model.get("problem") is None
    versions = requests.get(f"{pod}/index/versions", headers=key, timeout=30).json()["versions"]
    assert [version.get("obstacle") for version in versions] == [None] * len(versions)
    assert cluster.remove(keyed) == {SEARCH: 0}


@pytest.mark.parametrize(
    ("deployment", "container"),
    [
        (SERVING, "sync-models"),
        pytest.param(SERVING, SERVING, marks=pytest.mark.long),  # it takes the longest to start
        (SEARCH, SEARCH),
    ],
)
def test_a_container_that_is_killed_comes_back(
    cluster: Cluster, deployment: str, container: str
) -> None:
    killed = only(cluster, deployment).container(container)
    before = killed.restarts
    os.kill(killed.process.pid, signal.SIGKILL)
    until(lambda: killed.restarts > before, what="another start")
    until(lambda: only(cluster, deployment).ready, READY_SECONDS, "readiness")
    until(lambda: answers(cluster), READY_SECONDS, "an answer")


@contextmanager
def asked_without_a_pause(cluster: Cluster) -> Iterator[list[int | str]]:
    """Search all the while; gives the status of each answer, or why there was none."""
    until(lambda: answers(cluster), READY_SECONDS, "an answer")
    statuses: list[int | str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                statuses.append(search(cluster).status_code)
            except requests.RequestException as error:
                statuses.append(repr(error))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield statuses
    finally:
        done.set()
        asking.join()


def test_a_rolling_update_loses_no_request(cluster: Cluster) -> None:
    """Surge 1, unavailable 0: a new pod is ready before the old one is told to stop."""
    strategy = cluster.manifests.named("Deployment", SEARCH)["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}
    with asked_without_a_pause(cluster) as statuses:
        old = only(cluster, SEARCH)
        new = cluster.add(SEARCH)
        until(lambda: new.ready, READY_SECONDS, "the new pod's readiness")
        begun = time.monotonic()
        ended = cluster.remove(old)
    assert ended == {SEARCH: 0}  # by itself, and not by SIGKILL
    assert time.monotonic() - begun < old.pod.spec["terminationGracePeriodSeconds"]
    assert len(statuses) > 10
    assert set(statuses) == {200}


def test_a_retrained_model_is_promoted_and_rolled_back_without_a_failed_request(
    cluster: Cluster,
) -> None:
    with asked_without_a_pause(cluster) as statuses:
        retrained = publish(cluster, seed=1)
        cluster.run_job("reindex")  # which waits until the model server has it
        until(lambda: model(cluster) == retrained, what="the index of the retrained model")
        cluster.run_job("rollback")
        until(lambda: model(cluster) == retrained - 1, what="the index before it")
    assert set(statuses) == {200}


def model(cluster: Cluster) -> int:
    version: int = search(cluster).json()["model_version"]
    return version


Change = Callable[[Manifests], None]


def _container(manifests: Manifests, name: str) -> Any:
    return manifests.named("Deployment", name)["spec"]["template"]["spec"]["containers"][0]


def _wrong_flag(manifests: Manifests) -> None:
    _container(manifests, SERVING)["args"].append("--no_such_flag")


def _wrong_port(manifests: Manifests) -> None:
    _container(manifests, SERVING)["args"][1] = "--rest_api_port=8511"


def _wrong_probe(manifests: Manifests) -> None:
    _container(manifests, SERVING)["readinessProbe"]["httpGet"]["path"] = "/v1/models/embeder"


def _wrong_mount(manifests: Manifests) -> None:
    mounts = _container(manifests, SERVING)["volumeMounts"]
    mounts[0]["mountPath"] = "/srv/model"


def _wrong_folder(manifests: Manifests) -> None:
    (config,) = [
        item
        for item in manifests.of_kind("ConfigMap")
        if item["metadata"]["name"].startswith(SERVING)
    ]
    text = config["data"]["models.config"]
    config["data"]["models.config"] = text.replace("/srv/models", "/srv/store/models")


@pytest.mark.long
@pytest.mark.parametrize(
    "change", [_wrong_flag, _wrong_port, _wrong_probe, _wrong_mount, _wrong_folder]
)
def test_what_is_wrong_in_a_manifest_is_found(change: Change, tmp_path: Path) -> None:
    """That the harness can fail: with one word wrong, the model server is never ready."""
    manifests = Manifests(copy.deepcopy(rendered(OVERLAYS / "local")))
    change(manifests)
    made = Cluster(manifests, tmp_path)
    try:
        publish(made)
        made.apply(SERVING)
        with pytest.raises(AssertionError):
            until(lambda: only(made, SERVING).ready, 25, "readiness")
    finally:
        made.close()
