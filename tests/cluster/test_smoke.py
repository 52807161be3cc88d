"""``overlays/local`` on a real cluster: first answers, a promotion under load, a rollback, a drain.

It changes the cluster that it is pointed at, so that one is named on purpose; the images must be
there already:

    SMOKE_CONTEXT=kind-kind .venv/bin/pytest tests/cluster -rs
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from demo.processes import free_port
from k8s.render import OVERLAYS, find_kubectl
from tests.services import until

CONTEXT = os.environ.get("SMOKE_CONTEXT", "")
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3 * 3600),
    pytest.mark.skipif(not CONTEXT, reason="no cluster is named: SMOKE_CONTEXT=… runs this on one"),
]
HOUR = 3600


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Run kubectl in the namespace; fail with what it says."""
    finished = subprocess.run(
        [str(find_kubectl()), "--context", CONTEXT, "--namespace", "lookalike", *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"kubectl {' '.join(arguments)}: {finished.stderr}"
    return finished.stdout


def run_job(cronjob: str, *more: str) -> None:
    """Run a CronJob's pods to their end, with further arguments."""
    name = f"{cronjob}-{int(time.time())}"
    made = kubectl(
        "create", "job", name, f"--from=cronjob/{cronjob}", "--dry-run=client", "--output=json"
    )
    job: dict[str, Any] = json.loads(made)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["args"] += more
    kubectl("apply", "--filename=-", given=json.dumps(job))
    kubectl("wait", "--for=condition=complete", f"job/{name}", f"--timeout={HOUR}s")


@contextmanager
def forwarded() -> Iterator[str]:
    """Give a URL that leads to the Service."""
    port = free_port(0)
    command = [str(find_kubectl()), "--context", CONTEXT, "--namespace", "lookalike"]
    command += ["port-forward", "service/search-api", f"{port}:80"]
    forward = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    try:
        until(answers, 60, "an answer through the forwarded port")
        yield url
    finally:
        forward.terminate()
        forward.wait()


def search(url: str) -> dict[str, Any]:
    """Search by a picture of the index, which the pods have; fail on anything but a 200."""
    path = kubectl("exec", "deployment/search-api", "--", "find", "/srv/pictures", "-name", "*.png")
    name = path.splitlines()[0].removeprefix("/srv/pictures/")
    response = requests.post(f"{url}/search", json={"id": name}, timeout=30)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["results"][0]["id"] == name
    return answer


def volumes_of_one_node() -> list[str]:
    """Name the claims' volumes that other nodes cannot have."""
    volumes = json.loads(kubectl("get", "persistentvolumes", "--output=json"))["items"]
    return [
        one["metadata"]["name"]
        for one in volumes
        if one["spec"].get("claimRef", {}).get("namespace") == "lookalike"
        # Of a zone's disk it names the zone.
        and "kubernetes.io/hostname" in json.dumps(one["spec"].get("nodeAffinity"))
    ]


@pytest.fixture(scope="module", autouse=True)
def deployed() -> None:
    kubectl("apply", "--kustomize", str(OVERLAYS / "local"))
    kubectl("wait", "--for=condition=complete", "job/bootstrap", f"--timeout={HOUR}s")
    kubectl("rollout", "status", "deployment/search-api", f"--timeout={HOUR}s")


def test_applying_the_overlay_ends_with_an_answer_about_the_sample_pictures() -> None:
    with forwarded() as url:
        assert search(url)["model_version"] >= 1


def test_a_retrained_model_is_promoted_and_rolled_back_without_a_failed_request() -> None:
    statuses: list[int] = []
    done = threading.Event()
    with forwarded() as url:
        before = search(url)
        name = before["results"][0]["id"]

        def ask() -> None:
            while not done.is_set():
                body = {"id": name}
                statuses.append(requests.post(f"{url}/search", json=body, timeout=30).status_code)
                time.sleep(0.05)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            run_job("train", f"--seed={int(time.time())}", "--size=64")
            run_job("export-model")
            run_job("reindex")
            until(
                lambda: search(url)["model_version"] == before["model_version"] + 1,
                120,
                "the index of the retrained model",
            )
            run_job("rollback")
            until(
                lambda: search(url)["index_version"] == before["index_version"],
                120,
                "the index before it",
            )
        finally:
            done.set()
            asking.join()
    assert len(statuses) > 100
    assert set(statuses) == {200}


def test_a_drained_node_s_pods_come_back_elsewhere() -> None:
    nodes = json.loads(kubectl("get", "nodes", "--output=json"))["items"]
    if len(nodes) < 2:
        pytest.skip("the cluster has one node, from which nothing can move")
    if volumes_of_one_node():
        pytest.skip("the claims lie on one node's disk, as kind's do: nothing can move from it")
    selector = "--selector=app.kubernetes.io/name=search-api"
    pods = json.loads(kubectl("get", "pods", selector, "--output=json"))["items"]
    node = pods[0]["spec"]["nodeName"]
    try:
        kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s")
        kubectl("rollout", "status", "deployment/search-api", "--timeout=600s")
        with forwarded() as url:
            search(url)
    finally:
        kubectl("uncordon", node)
