"""Searches by ``url``: what is fetched is searched for as if it had been sent."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lookalike.client import Client, ServiceError
from lookalike.errors import DeadlineExceeded, InvalidParameter, MissingPicture, NotAPicture
from lookalike.picture import Box
from lookalike.settings import Settings
from search_api.asked import Asked
from search_api.asking import ask
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.parameters import SOURCES
from search_api.query import Remote, decode_query
from tests.pictures import write_pictures
from tests.search_api import far_network
from tests.search_api.conftest import Stack
from tests.search_api.far_host import FarHost, gives
from tests.search_api.test_asking import Worker
from tests.search_api.test_fetching import NAME, fetcher
from tests.services import run

HALF = Box(0, 0, 0.5, 1)


@pytest.fixture
def host() -> Iterator[FarHost]:
    host = FarHost()
    yield host
    host.close()


@pytest.fixture
def worker(tmp_path: Path, host: FarHost) -> Worker:
    path = sorted(write_pictures(tmp_path, labels=1, each=1).rglob("*.*"))[0]
    capacity = msgspec.structs.replace(Capacity.of(Settings()), fetcher=fetcher(host))
    return Worker([path.read_bytes()], capacity)


def ask_by_url(worker: Worker, host: FarHost, seconds: float = 60, **body: Any) -> Asked:
    url = f"http://{NAME}:{host.port}/a.jpg"
    query = decode_query(msgspec.json.encode({"url": url, **body}))
    assert query.source == Remote(url)
    serving: Any = worker.serving
    return ask(query, serving, worker.capacity, Caller(time.monotonic() + seconds))


def test_it_is_a_search_by_the_file(worker: Worker, host: FarHost) -> None:
    host.sends = gives(worker.pictures[0])
    by_url, by_picture = ask_by_url(worker, host), worker.ask()
    assert by_url.sha256 == by_picture.sha256
    assert (by_url.vector == by_picture.vector).all()
    assert len(worker.embedder.timeouts) == 1  # the second was known


def test_it_goes_with_a_box(worker: Worker, host: FarHost) -> None:
    host.sends = gives(worker.pictures[0])
    by_url = ask_by_url(worker, host, box={"left": 0, "top": 0, "right": 0.5, "bottom": 1})
    assert (by_url.vector == worker.ask(box=HALF).vector).all()
    assert len(worker.embedder.timeouts) == 1


def test_a_file_that_is_no_picture_is_refused_as_if_it_were_sent(
    worker: Worker, host: FarHost
) -> None:
    host.sends = gives(b"<html>sesame</html>")
    with pytest.raises(NotAPicture) as refused:
        ask_by_url(worker, host)
    assert "sesame" not in str(refused.value)


def test_nothing_is_fetched_that_would_come_too_late(worker: Worker, host: FarHost) -> None:
    with pytest.raises(DeadlineExceeded):
        ask_by_url(worker, host, seconds=-1)
    assert not host.requests


@pytest.mark.parametrize("other", [name for name in SOURCES if name != "url"])
def test_it_is_one_source_of_several(other: str) -> None:
    given = {"image": {"b64": ""}, "id": "a", "vector": [1]}[other]
    with pytest.raises(MissingPicture, match="exactly one of image, url, id and vector"):
        decode_query(msgspec.json.encode({"url": "http://a.example/", other: given}))


@pytest.mark.parametrize("url", ["", "http://a.example/" + "a" * 2048, 1, None, ["a"]])
def test_it_is_a_text_of_some_length(url: object) -> None:
    with pytest.raises(InvalidParameter):
        decode_query(msgspec.json.encode({"url": url}))


def test_it_is_off_where_no_setting_says_otherwise(stack: Stack) -> None:
    assert Settings().url_hosts == ""
    client, url = Client(stack.url), "https://example.com/a.jpg"
    with pytest.raises(ServiceError, match="off here; LOOKALIKE_URL_HOSTS") as refused:
        client.search(url=url, k=3)
    assert refused.value.problem["type"] == "urn:lookalike:problem:url-not-allowed"
    assert refused.value.problem["status"] == 403
    one, other = client.search_batch([{"url": url}, {"id": "label-0/3.png", "k": 1}])
    assert isinstance(one, ServiceError)
    assert one.problem["status"] == 403
    assert not isinstance(other, ServiceError)
    assert other.results[0].id == "label-0/3.png"


def test_a_whole_service_fetches_from_the_internet_and_from_nowhere_else(tmp_path: Path) -> None:
    """In a network of its own, where an address of the internet's is this machine's too."""
    own_network = ["unshare", "--net", "--mount", "--propagation", "private"]
    program = [sys.executable, "-m", "tests.search_api.far_network", str(tmp_path)]
    ran = subprocess.run(
        [*own_network, *program], capture_output=True, text=True, check=False, timeout=240
    )
    assert ran.returncode == 0, ran.stderr
    outcomes = json.loads((tmp_path / "outcomes.json").read_text())
    by_url, by_picture = outcomes["found"]
    assert by_url == by_picture
    assert by_url[0][1] == pytest.approx(0, abs=1e-3)
    [request] = outcomes["asked"]
    assert request.startswith(f"GET /a.jpg HTTP/1.1\r\nHost: {far_network.NAME}\r\n")
    kinds = {what: outcomes[what].rpartition(":")[2] for what in ("inside", "other", "moved")}
    assert kinds == {
        "inside": "url-not-allowed",  # an allowed name that leads to an address that is not
        "other": "url-not-allowed",
        "moved": "url-unreadable",
    }


def test_the_service_does_not_start_with_a_list_of_something_else() -> None:
    refused = run(["serve"], {"LOOKALIKE_URL_HOSTS": "https://a.example/"})
    assert refused.returncode == 2
    assert "LOOKALIKE_URL_HOSTS" in refused.stderr
    assert refused.stderr.count("\n") == 1
