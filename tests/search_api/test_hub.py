"""Nothing that takes long runs on the event loop, whatever the service is asked."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import requests

from demo.processes import free_port
from lookalike.client import Client
from tests.search_api import hub_watch
from tests.search_api.conftest import Stack
from tests.search_api.hub_watch import MARK
from tests.search_api.test_forms import vector
from tests.search_api.test_search import encoded, noise, png_header
from tests.services import run_here, status, until

NAME = "label-0/3.png"


def findings(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text().splitlines()
    return [json.loads(line.partition(MARK)[2]) for line in lines if MARK in line]


@pytest.fixture
def watched(stack: Stack, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    url, log = f"127.0.0.1:{free_port(0)}", tmp_path / "log"
    line = run_here(["api-key", "office", "--admin", "--file", str(tmp_path / "keys")], {})
    environment = {
        **os.environ,
        **stack.environment,
        "LOOKALIKE_BIND": url,
        "LOOKALIKE_WORKERS": "1",
        "LOOKALIKE_API_KEYS": str(tmp_path / "keys"),
        "LOOKALIKE_POLL_SECONDS": "0.2",
        "LOOKALIKE_URL_HOSTS": "*",
        "KEY": line.stdout.strip(),
    }
    with log.open("wb") as output:
        service = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", hub_watch.__file__],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: status(f"http://{url}/readyz") == 200, what="readiness")
        (tmp_path / "key").write_text(line.stdout.strip())
        yield f"http://{url}", log
    finally:
        service.send_signal(signal.SIGINT)
        service.wait(60)


def ask_everything(url: str, key: str, stack: Stack) -> None:
    """Ask each path in each form, rightly and wrongly."""
    client = Client(url, key=key, tries=1)
    session = requests.Session()
    session.headers["X-API-Key"] = key
    small = (stack.pictures / NAME).read_bytes()
    large = encoded(".jpg", cv2.resize(noise(30, 40, 3), (4000, 3000)))
    wanted = {"attribute": "label", "eq": "label-0"}
    half = {"left": 0, "top": 0, "right": 0.5, "bottom": 1}
    for picture in (small, large):
        client.search(picture, k=5, box=half)
        client.search(picture, filter=wanted, group_by="label", offset=1)
        raw = {"Content-Type": "image/jpeg"}
        assert session.post(f"{url}/search", data=picture, headers=raw).status_code == 200
        assert session.post(f"{url}/search", files={"image": picture}).status_code == 200
    client.search(id=NAME, exclude_self=True, fields=["id"])
    client.search(id=NAME, box=half)
    client.search(vector=vector(stack, NAME), k=1000)
    for picture in (small, large):
        assert client.explain(picture, hits=[NAME] * 24, box=half).explained
    client.search_batch([{"picture": large}, *[{"id": NAME, "k": 1000}] * 62, {"picture": b"x"}])
    for hostile in (b"", b"no picture", small[:-20], large[:9000], png_header(60000, 60000)):
        assert session.post(f"{url}/search", data=hostile, headers=raw).status_code == 400
    too_deep = b'{"filter":' * 2000 + b"1" + b"}" * 2000
    as_json = {"Content-Type": "application/json"}
    assert session.post(f"{url}/search", data=too_deep, headers=as_json).status_code == 400
    encoded_twice = base64.b64encode(base64.b64encode(large)).decode()
    wrong = session.post(f"{url}/search", json={"image": {"b64": encoded_twice}})
    assert wrong.status_code == 400
    inside = session.post(f"{url}/search", json={"url": "http://localhost/a.jpg"})
    assert inside.json()["type"].endswith(":url-not-allowed")
    client.picture(NAME)
    client.picture_image(NAME)
    client.index()
    client.put("new", large, label="x", attributes={"price": 1})
    client.search(small, filter={"attribute": "price", "lt": 2})
    assert session.put(f"{url}/pictures/new", data=small, headers=raw).status_code == 200
    client.duplicates("new", k=1000, distance=10)
    client.roll_back(client.versions().versions[0].version)
    assert session.post(f"{url}/index/rollback", json={"version": "no"}).status_code == 404
    assert client.models().models
    assert client.quarantine(k=1).pictures == []
    assert session.get(f"{url}/quarantine/none/image").status_code == 404
    client.delete("new")
    for path in (
        "metrics",
        "healthz",
        "readyz",
        "openapi.json",
        "docs",
        "",
        "admin",
        "web/page.js",
        "web/nothing.js",
        "nothing",
        "pictures/none",
    ):
        assert session.get(f"{url}/{path}").status_code in (200, 404)
    assert requests.post(f"{url}/search", data=small, headers=raw, timeout=30).status_code == 401


def test_nothing_that_takes_long_is_called_on_the_hub(
    watched: tuple[str, Path], stack: Stack, tmp_path: Path
) -> None:
    url, log = watched
    key = (tmp_path / "key").read_text()
    ask_everything(url, key, stack)
    (tmp_path / "keys").touch()  # and all again, now that whatever is looked at now and then was
    until(lambda: status(f"{url}/readyz") == 200, what="readiness")
    ask_everything(url, key, stack)
    found = findings(log)
    held_up = [one for one in found if one["where"] == "hub"]
    assert not held_up, "\n".join(f"{one['what']}: {one['stack']}" for one in held_up)
    elsewhere = {one["what"].split()[0] for one in found}
    assert {"cv2.imdecode", "IndexVersion.nearest", "IndexVersion.find", "open"} <= elsewhere
    assert any(what.startswith("faiss._swigfaiss.") for what in elsewhere)
    assert {"hashlib.sha256", "msgspec.json.decode"} <= elsewhere


SCRIPT = """
import socket, sqlite3, threading
import cv2, hashlib, numpy
from tests.search_api.hub_watch import Watch

def heavy():
    cv2.resize(numpy.zeros((2, 2), numpy.uint8), (4, 4))
    hashlib.sha256(b"0" * 100).digest()
    hashlib.sha256(b"0" * 100_000).digest()
    open("/dev/null").close()
    sqlite3.connect(":memory:").close()

found = []
watch = Watch(lambda where, what, stack: found.append((where, what)))
watch.install()
heavy()
watch.begin()
heavy()
thread = threading.Thread(target=heavy)
thread.start()
thread.join()
print(sorted(found))
"""


def test_the_watch_tells_the_hub_from_other_threads() -> None:
    """In a process of its own: what is watched stays watched."""
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    heavy = ["cv2.resize", "hashlib.sha256", "open '/dev/null'", "sqlite3.connect"]
    assert finished.stdout.strip() == str(
        [(where, what) for where in ("elsewhere", "hub") for what in heavy]
    )
