"""``PUT /pictures``, against a service of two workers: found on both, and never lost."""

import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import requests

from lookalike.changes import Addition, Additions, Embedding, open_changes
from lookalike.client import Client, Duplicates, ServiceError
from search_api.capacity import FIRST_EMBEDDINGS
from tests.pictures import write_pictures
from tests.search_api.test_search import assert_problem, encoded
from tests.services import models_served, publish_toy_model, run, search_service, status, until

# So many connections reach both workers.
BOTH = 24
# To the toy model, which sees little, all pictures are near each other.
NEAR = 0.01


class Gallery:
    """A service, the store behind it, and pictures that it does not have."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root, self.environment, self.url = root, environment, ""
        self.changes = open_changes(environment["LOOKALIKE_STORE"], "default")

    @property
    def client(self) -> Client:
        """A client with a connection of its own, to either worker."""
        return Client(self.url)

    def ran(self, *arguments: str) -> str:
        made = run([*arguments], self.environment)
        assert made.returncode == 0, made.stderr
        return made.stdout

    def versions(self) -> set[str]:
        return {self.client.index()["version"] for _ in range(BOTH)}

    def first(self, data: bytes, **parameters: Any) -> str | None:
        hits = self.client.search(data, k=1, **parameters).results
        return hits[0].id if hits and (hits[0].distance or 0) < 1e-3 else None

    def told(self, name: str, *fields: str) -> tuple[Any, ...] | None:
        """What a worker tells of a picture; none of one that has not looked yet, and soon does."""
        with suppress(ServiceError):
            found = self.client.picture(name)
            return tuple(getattr(found, field) for field in fields)
        return None

    def everywhere(self, data: bytes, name: str | None) -> None:
        """Wait until all workers find this picture at no distance, or none."""
        until(lambda: {self.first(data) for _ in range(BOTH)} == {name}, 30, str(name))


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    root = tmp_path_factory.mktemp("additions")
    publish_toy_model(root / "store")
    write_pictures(root / "pictures", labels=3, each=10)
    with models_served(root / "store") as found:
        gallery = Gallery(root, {**found, "LOOKALIKE_CACHE": str(root / "cache")})
        gallery.ran("reindex", str(root / "pictures"))
        yield gallery


@pytest.fixture(scope="module")
def gallery(behind: Gallery) -> Iterator[Gallery]:
    with served(behind) as gallery:
        yield gallery


@contextmanager
def served(behind: Gallery) -> Iterator[Gallery]:
    environment = {**behind.environment, "LOOKALIKE_WORKERS": "2"}
    with search_service(environment, behind.root / "service.log") as url:
        until(lambda: status(f"{url}/readyz") == 200, what="readiness")
        gallery = Gallery(behind.root, behind.environment)
        gallery.url = url
        yield gallery


def drawn(seed: int) -> bytes:
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return encoded(".png", cv2.resize(small, (90, 60), interpolation=cv2.INTER_CUBIC))


def test_places_at_the_model_server_are_those_of_both_workers(gallery: Gallery) -> None:
    def limit() -> float:
        text = requests.get(f"{gallery.url}/metrics", timeout=10).text
        [told] = re.findall(r"^lookalike_embeddings_limit (\S+)$", text, re.MULTILINE)
        return float(told)

    until(lambda: limit() == 2 * FIRST_EMBEDDINGS, what="the places of both")


def test_a_picture_that_is_put_is_found_at_once_and_everywhere(gallery: Gallery) -> None:
    data = drawn(1)
    told = {"price": 2.5, "in stock": True, "note": None, "größe": "xl"}
    for label, replaced in (("owl", False), ("eagle owl", True)):
        made = gallery.client.put("birds/ö wl?.png", data, label=label, attributes=told)
        assert made["replaced"] == replaced
        assert gallery.root.joinpath("store/requests/default", made["record"]).exists()
    gallery.everywhere(data, "birds/ö wl?.png")

    def labels() -> set[tuple[Any, ...] | None]:
        return {gallery.told("birds/ö wl?.png", "label") for _ in range(BOTH)}

    until(lambda: labels() == {("eagle owl",)}, 10, "the second")
    found = gallery.client.picture("birds/ö wl?.png")
    assert (found.label, found.attributes) == ("eagle owl", told)
    assert found.uri == found.id
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert gallery.client.picture_image("birds/ö wl?.png", 64)
    assert gallery.client.index()["added"] >= 1


def test_of_two_puts_at_once_one_is_the_picture_on_every_worker(gallery: Gallery) -> None:
    pictures = {f"label {seed}": drawn(seed) for seed in range(60, 68)}
    begin, records = threading.Barrier(len(pictures)), dict[str, str]()

    def put(label: str, data: bytes) -> None:
        client = gallery.client
        begin.wait()
        records[label] = client.put("contested", data, label=label)["record"]

    putting = [threading.Thread(target=put, args=item) for item in pictures.items()]
    for thread in putting:
        thread.start()
    for thread in putting:
        thread.join()
    assert len(set(records.values())) == len(pictures)
    last = max(records, key=records.__getitem__)

    def told() -> set[tuple[Any, ...] | None]:
        return {gallery.told("contested", "label", "sha256") for _ in range(BOTH)}

    # On their way there both may tell of an earlier one, or of none.
    expected = (last, hashlib.sha256(pictures[last]).hexdigest())
    until(lambda: told() == {expected}, 10, "the last one on both workers")
    gallery.everywhere(pictures[last], "contested")
    hits = gallery.client.search(pictures[last], k=100).results
    assert [hit.id for hit in hits].count("contested") == 1


def test_all_that_a_search_can_be_asked_goes_for_added_pictures(gallery: Gallery) -> None:
    data = drawn(2)
    gallery.client.put("asked", data, label="asked", attributes={"group": "g", "price": 7})
    gallery.client.put("asked too", drawn(3), label="asked", attributes={"group": "g", "price": 8})
    for name in ("asked", "asked too"):
        gallery.everywhere(drawn(2 if name == "asked" else 3), name)
    client = gallery.client
    assert client.search(id="asked", k=1).results[0].id == "asked"
    itself = client.search(id="asked", k=100, exclude_self=True).results
    assert "asked" not in {hit.id for hit in itself}
    assert "asked too" in {hit.id for hit in itself}
    cheap = {"attribute": "price", "gte": 7, "lt": 8}
    assert [hit.id for hit in client.search(data, filter=cheap).results] == ["asked"]
    grouped = client.search(id="asked", k=50, group_by="group").results
    assert [hit.id for hit in grouped if hit.attributes.get("group") == "g"] == ["asked"]
    assert client.search(id="asked", k=1, offset=1).results[0].id != "asked"
    box = {"left": 0, "top": 0, "right": 1, "bottom": 1}
    assert client.search(id="asked", k=1, box=box).results[0].id == "asked"
    one, other = client.search_batch([{"picture": data, "k": 1}, {"id": "asked too", "k": 1}])
    assert not isinstance(one, ServiceError)
    assert not isinstance(other, ServiceError)
    assert (one.results[0].id, other.results[0].id) == ("asked", "asked too")


def test_it_can_be_sent_in_each_of_three_ways(gallery: Gallery) -> None:
    data, url = drawn(4), f"{gallery.url}/pictures/ways"
    raw = requests.put(
        url,
        data=data,
        headers={"Content-Type": "image/png"},
        params={"label": "raw", "attributes": '{"n": 1}'},
        timeout=30,
    )
    assert raw.status_code == 201
    until(lambda: gallery.told("ways", "label", "attributes") == ("raw", {"n": 1}), 10, "the body")
    form = requests.put(url, files={"image": data}, data={"label": ""}, timeout=30)
    assert form.status_code == 200
    until(lambda: gallery.told("ways", "label") == (None,), 10, "the form")
    body = {"image": {"b64": msgspec.to_builtins(data)}, "label": "json"}
    assert requests.put(url, json=body, timeout=30).status_code == 200
    until(lambda: gallery.told("ways", "label") == ("json",), 10, "the JSON")


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"attributes": '{"label": "x"}'}, "invalid-parameter"),
        ({"attributes": '{"a": [1]}'}, "invalid-parameter"),
        ({"attributes": "[]"}, "invalid-parameter"),
        ({"attributes": "{"}, "invalid-parameter"),
        ({"attributes": msgspec.json.encode({"a": "x" * 8200}).decode()}, "invalid-parameter"),
        ({"label": "x" * 1025}, "invalid-parameter"),
        ({"k": "5"}, "invalid-parameter"),
        ({}, "not-a-picture"),
    ],
)
def test_what_cannot_be_found_is_refused_and_nothing_is_written(
    gallery: Gallery, told: dict[str, str], kind: str
) -> None:
    before = gallery.changes.listed()
    data = drawn(5) if told else b"no picture"
    refused = requests.put(
        f"{gallery.url}/pictures/x", files={"image": data}, data=told, timeout=30
    )
    assert_problem(refused, 400, kind)
    assert gallery.changes.listed() == before


def test_putting_deleting_and_putting_again(gallery: Gallery) -> None:
    first, second = drawn(6), drawn(7)
    original = (gallery.root / "pictures/label-0/1.png").read_bytes()
    assert gallery.client.put("label-0/1.png", first)["replaced"]
    gallery.everywhere(first, "label-0/1.png")
    gallery.everywhere(original, None)
    gallery.client.delete("label-0/1.png")
    gallery.everywhere(first, None)
    assert not gallery.client.put("label-0/1.png", second)["replaced"]
    gallery.everywhere(second, "label-0/1.png")
    gallery.everywhere(original, None)


def test_it_outlives_the_service_and_a_rebuild_takes_it_in_without_a_gap(behind: Gallery) -> None:
    data = drawn(8)
    with served(behind) as gallery:
        gallery.client.put("kept", data, label="kept")
    with served(behind) as gallery:
        gallery.everywhere(data, "kept")
        first = gallery.client.index()["version"]
        seen: list[tuple[str, list[str]]] = []
        done = threading.Event()
        hammer = threading.Thread(target=_ask, args=(gallery, data, seen, done))
        hammer.start()
        gallery.ran("reindex", str(gallery.root / "pictures"))
        until(lambda: gallery.versions().isdisjoint({first}), 30, "the swap of both workers")
        assert gallery.client.index()["added"] == 0
        gallery.ran("index", "rollback", first)
        until(lambda: gallery.versions() == {first}, 30, "the way back")
        assert gallery.client.index()["added"] >= 1
        done.set()
        hammer.join()
        gallery.everywhere(data, "kept")
    assert len({version for version, _ in seen}) == 2
    assert {tuple(found) for _, found in seen} == {("kept",)}


def _ask(
    gallery: Gallery, data: bytes, seen: list[tuple[str, list[str]]], done: threading.Event
) -> None:
    """Ask again and again for all pictures, and keep those that are at no distance."""
    while not done.is_set():
        answer = gallery.client.search(data, k=100)
        near = [hit.id for hit in answer.results if (hit.distance or 0) < 1e-3]
        seen.append((answer.index_version, near))


def test_bytes_without_a_record_are_nothing(gallery: Gallery) -> None:
    # As after a kill between the two writes.
    data = drawn(10)
    gallery.changes.put_picture(data)
    assert gallery.first(data) is None
    gallery.client.put("after all", data)
    gallery.everywhere(data, "after all")


def test_a_record_without_a_vector_of_the_model_is_embedded_here(gallery: Gallery) -> None:
    good, torn = drawn(11), drawn(12)[:200]
    other = Embedding(model="embedder", version=9, weights_sha256="9" * 64, vector=b"")
    gallery.changes.append(
        Additions(
            [
                Addition("torn", gallery.changes.put_picture(torn)),
                Addition("late", gallery.changes.put_picture(good), embedding=other),
            ]
        )
    )
    gallery.everywhere(good, "late")
    with pytest.raises(ServiceError, match="no picture"):
        gallery.client.picture("torn")
    metrics = requests.get(f"{gallery.url}/metrics", timeout=10).text
    assert "lookalike_unusable_additions_total" in metrics


def test_an_id_that_ends_in_image_is_a_picture_like_any_other(gallery: Gallery) -> None:
    whole, part = drawn(13), drawn(14)
    gallery.client.put("an/image", whole)
    gallery.client.put("an", part)
    gallery.everywhere(whole, "an/image")
    gallery.everywhere(part, "an")
    client = gallery.client
    digests = [(hashlib.sha256(data).hexdigest(),) for data in (whole, part)]
    names = ("an/image", "an")
    until(lambda: [gallery.told(name, "sha256") for name in names] == digests, what="both ids")
    assert client.picture_image("an/image", 90) != client.picture_image("an", 90)
    assert (
        requests.get(f"{gallery.url}/pictures/an/image", timeout=10)
        .headers["Content-Type"]
        .startswith("image/")
    )
    client.delete("an/image")
    gallery.everywhere(whole, None)
    until(lambda: gallery.told("an", "id") == ("an",), what="the other")


def test_an_id_that_is_no_utf8_is_refused_and_never_read_as_another(gallery: Gallery) -> None:
    """Latin-1, a lone surrogate, a character that is cut off: each would be U+FFFD."""
    name = "caf\N{REPLACEMENT CHARACTER}"
    gallery.client.put(name, drawn(20), label="mine")
    headers = {"Content-Type": "image/png"}
    for id_ in ("caf%E9", "caf%ED%A0%80", "caf%C3"):
        url = f"{gallery.url}/pictures/{id_}"
        assert_problem(
            requests.put(url, drawn(21), headers=headers, timeout=30), 400, "bad-request"
        )
        for method in ("GET", "DELETE"):
            assert_problem(requests.request(method, url, timeout=30), 400, "bad-request")
        assert_problem(requests.get(f"{url}/image", timeout=30), 400, "bad-request")
    gallery.everywhere(drawn(20), name)
    until(lambda: gallery.told(name, "label") == ("mine",), what="the picture of this id")


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_label_that_is_no_utf8_is_refused_and_never_kept_as_another(
    gallery: Gallery, method: str
) -> None:
    path = "pictures/unread?label" if method == "PUT" else "search?group_by"
    url = f"{gallery.url}/{path}"
    headers = {"Content-Type": "image/png"}
    asked = requests.request(method, f"{url}=%FF", data=drawn(22), headers=headers, timeout=30)
    assert_problem(asked, 400, "bad-request")
    field = path.partition("?")[2]
    form: Any = {"image": ("a.png", drawn(22), "image/png"), field: (None, b"caf\xe9")}
    asked = requests.request(method, url.partition("?")[0], files=form, timeout=30)
    assert_problem(asked, 400, "bad-request")
    assert status(f"{gallery.url}/pictures/unread") == 404


def test_duplicates_are_told_from_pictures_that_are_only_alike(gallery: Gallery) -> None:
    data = drawn(15)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    for number in range(4):
        gallery.client.put(f"copy {number}", data)
    gallery.client.put("recoded", encoded(".jpg", pixels))
    last = f"{gallery.url}/pictures/recoded"
    until(lambda: {status(last) for _ in range(BOTH)} == {200}, 10, "the last of them everywhere")

    def near(name: str, **more: Any) -> Duplicates:
        return gallery.client.duplicates(name, distance=NEAR, **more)

    def all_four(name: str) -> bool:
        try:
            return {len(near(name).duplicates) for _ in range(BOTH)} == {4}
        except ServiceError:  # there is a worker yet that does not know it
            return False

    for name in ("copy 3", "recoded"):
        until(partial(all_four, name), 10, "all of them")
    found = near("copy 3")
    same = {one.id: one.same_bytes for one in found.duplicates}
    assert same == {"copy 0": True, "copy 1": True, "copy 2": True, "recoded": False}
    assert found.duplicates[-1].id == "recoded"
    assert not found.more
    assert (len(near("copy 3", k=2).duplicates), near("copy 3", k=2).more) == (2, True)
    exact = gallery.client.duplicates("copy 3", distance=0)
    assert {one.id for one in exact.duplicates} == {"copy 0", "copy 1", "copy 2"}
    for name, kind, code in (("nobody", "picture-not-found", 404), ("", "invalid-parameter", 400)):
        refused = requests.get(f"{gallery.url}/duplicates", params={"id": name}, timeout=10)
        assert_problem(refused, code, kind)


def test_a_store_that_cannot_be_written_to_says_so(gallery: Gallery) -> None:
    requested = gallery.root / "store/requests"
    aside = requested.with_name("aside")
    shutil.move(requested, aside)
    try:
        requested.write_bytes(b"no folder")
        refused = requests.put(
            f"{gallery.url}/pictures/x",
            data=drawn(16),
            headers={"Content-Type": "image/png"},
            timeout=30,
        )
        assert_problem(refused, 503, "store-error")
    finally:
        requested.unlink()
        shutil.move(aside, requested)
