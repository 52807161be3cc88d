"""The store is on this machine, and the pictures are in a bucket, or at some server."""

import csv
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import pytest
import requests

from lookalike.client import Client
from tests.pictures import write_pictures
from tests.s3_server import s3_server
from tests.services import models_served, publish_toy_model, run, search_service, status, until

AT_ONCE = 10
WAIT_SECONDS = 10
REQUEST_SECONDS = 2
BUCKET = "s3://pictures/"
GONE = "label-3/2.jpg"


class Far(NamedTuple):
    """A service, and the server of some of its pictures, which can be made to hang."""

    url: str
    awake: Event


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    root = tmp_path_factory.mktemp("far")
    publish_toy_model(root / "store")
    folder = write_pictures(root / "pictures")
    with s3_server(), page_server(folder) as (pages, awake):
        import s3fs

        s3fs.S3FileSystem().put(str(folder), "pictures", recursive=True)
        catalogue = write_catalogue(root / "catalogue.csv", pages)
        with models_served(root / "store") as environment:
            environment = {**environment, "LOOKALIKE_CACHE": str(root / "cache")}
            indexed = run(["reindex", str(catalogue)], environment)
            assert indexed.returncode == 0, indexed.stderr
            own = {"LOOKALIKE_REQUEST_SECONDS": str(REQUEST_SECONDS)}
            with search_service({**environment, **own}, root / "service.log") as url:
                until(lambda: status(f"{url}/readyz") == 200, what="readiness")
                yield Far(url, awake)
            # What read from storage holds up no worker's end: it would have been killed.
            assert "Shutting down: Master" in (root / "service.log").read_text()


@contextmanager
def page_server(folder: Path) -> Iterator[tuple[str, Event]]:
    """Serve a folder over HTTP; while the event is not set, an answer does not end."""
    awake = Event()
    awake.set()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def do_GET(self) -> None:
            awake.wait(60)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", awake
    awake.set()
    server.shutdown()
    server.server_close()


def write_catalogue(path: Path, pages: str) -> Path:
    with path.open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "uri"])
        writer.writerows([name, BUCKET + name] for name in [*names(), GONE])
        writer.writerows([f"page/{name}", pages + name] for name in names())
    return path


def names() -> list[str]:
    return [f"label-{label}/{number}.jpg" for label in range(3) for number in (0, 2, 4, 6)]


def image(url: str, name: str) -> requests.Response:
    return requests.get(f"{url}/pictures/{name}/image?size=64", timeout=WAIT_SECONDS)


def patient_image(url: str, name: str) -> requests.Response:
    """Ask again where the service is busy, as its page does."""
    for _ in range(AT_ONCE):
        answer = image(url, name)
        if answer.status_code != 429:
            break
        time.sleep(0.2)
    return answer


@pytest.mark.parametrize("where", ["", "page/"])
def test_pictures_are_drawn_many_at_once(far: Far, where: str) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda name: patient_image(far.url, where + name), names()))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["Content-Type"] for answer in answers} == {"image/jpeg"}


def test_a_part_of_one_is_searched_for_and_explained(far: Far) -> None:
    client = Client(far.url, timeout=WAIT_SECONDS)
    box = {"left": 0.1, "top": 0.1, "right": 0.9, "bottom": 0.9, "unit": "fraction"}
    for name in names():
        assert len(client.search(id=name, box=box).results) == 10
    explained = client.explain(id=names()[0], hits=names()[:3]).explained
    assert explained[0].cosine == pytest.approx(1, abs=1e-3)


def test_one_that_is_gone_from_the_bucket_is_told_and_holds_nothing_up(far: Far) -> None:
    import s3fs

    s3fs.S3FileSystem(use_listings_cache=False).rm(BUCKET + GONE)
    for _ in range(AT_ONCE):
        told = image(far.url, GONE)
        assert told.status_code == 404
        assert told.json()["type"].endswith(":picture-unreadable")
    assert image(far.url, names()[0]).status_code == 200


def test_storage_that_does_not_answer_holds_nothing_up_for_longer_than_a_request(
    far: Far,
) -> None:
    far.awake.clear()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda name: image(far.url, f"page/{name}"), names()))
    finally:
        far.awake.set()
    assert {answer.status_code for answer in answers} <= {429, 503}
    told = {answer.json()["type"].rpartition(":")[2] for answer in answers}
    assert told <= {"deadline-exceeded", "too-busy"}
    assert image(far.url, f"page/{names()[0]}").status_code == 200
