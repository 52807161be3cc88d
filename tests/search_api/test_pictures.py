"""``/pictures`` and ``/index``, and keys, against a service that has some."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest
import requests

from lookalike.client import Client, ServiceError
from tests.pictures import write_pictures
from tests.search_api.test_search import assert_problem
from tests.services import (
    models_served,
    publish_toy_model,
    run,
    run_here,
    search_service,
    status,
    until,
)

ODD = "/label-0//a b?#%2F'\né😀.png"


class Shop:
    """A service with keys over pictures that are there to be changed."""

    def __init__(self, url: str, root: Path, search: str, admin: str) -> None:
        self.url, self.root, self.search, self.admin = url, root, search, admin
        self.reader, self.writer = Client(url, key=search), Client(url, key=admin)

    def get(self, path: str, **headers: str) -> requests.Response:
        with_key = {"X-API-Key": self.search, **headers}
        return requests.get(self.url + path, headers=with_key, timeout=30)


def new_key(path: Path, name: str, *flags: str) -> str:
    made = run_here(["api-key", name, "--file", str(path), *flags], {})
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("shop")
    publish_toy_model(root / "store")
    pictures = write_pictures(root / "pictures", labels=2, each=6)
    manifest = root / "shop.csv"
    odd = pictures / "odd.png"
    shutil.copy(pictures / "label-1/3.png", odd)
    odd.write_bytes(odd.read_bytes() + b"\0")  # of its own digest
    rows = [f'{path.relative_to(pictures)},{path},"9"' for path in sorted(pictures.rglob("*/*.*"))]
    rows.append(f'"{ODD}",{odd},"12"')
    manifest.write_text("\n".join(["id,uri,price", *rows]))
    keys = root / "keys"
    search, admin = new_key(keys, "web"), new_key(keys, "office", "--admin")
    with models_served(root / "store") as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(root / "cache")}
        made = run(["reindex", str(manifest)], environment)
        assert made.returncode == 0, made.stderr
        environment["LOOKALIKE_API_KEYS"] = str(keys)
        with search_service(environment, root / "service.log") as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            yield Shop(url, root, search, admin)


def test_a_picture_is_described(shop: Shop) -> None:
    found = shop.reader.picture("label-1/3.png")
    assert found.id == found.uri == "label-1/3.png"
    assert str(shop.root) not in shop.get("/pictures/label-1/3.png").text
    assert str(found.attributes["price"]) == "9"
    assert len(found.sha256) == 64


def test_any_id_can_be_asked_for(shop: Shop) -> None:
    assert shop.reader.picture(ODD).id == ODD
    assert shop.reader.search(id=ODD, k=1).results[0].distance == pytest.approx(0, abs=1e-3)
    assert shop.reader.picture_image(ODD)


def test_an_id_of_any_length_has_an_answer(shop: Shop) -> None:
    assert_problem(shop.get(f"/pictures/{'a' * 4096}"), 404, "picture-not-found")
    assert_problem(shop.get(f"/pictures/{'a' * 9000}"), 414, "uri-too-long")


def test_a_picture_that_is_not_there_is_a_404(shop: Shop) -> None:
    assert_problem(shop.get("/pictures/nobody"), 404, "picture-not-found")
    assert_problem(shop.get("/pictures/nobody/image"), 404, "picture-not-found")


@pytest.mark.parametrize("size", [16, 45, 300])
def test_it_is_shown_at_the_size_asked_for(shop: Shop, size: int) -> None:
    data = np.frombuffer(shop.reader.picture_image("label-0/2.jpg", size), np.uint8)
    shown = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert shown is not None
    assert max(shown.shape[:2]) == size
    original = cv2.imread(str(shop.root / "pictures/label-0/2.jpg"))
    assert original is not None
    same = cv2.resize(original, shown.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(shown.astype(int) - same).mean() < 25  # a JPEG of few pixels is coarse


@pytest.mark.parametrize("size", ["0", "15", "2049", "x", "1.5", "", "²"])
def test_a_size_out_of_bounds_is_refused(shop: Shop, size: str) -> None:
    path = f"/pictures/label-0/2.jpg/image?size={quote(size)}"
    assert_problem(shop.get(path), 400, "invalid-parameter")


@pytest.mark.parametrize("query", ["sizes=1", "size=20&size=30", "size=20&k=1"])
def test_what_is_no_parameter_of_an_image_is_refused(shop: Shop, query: str) -> None:
    path = f"/pictures/label-0/2.jpg/image?{query}"
    assert_problem(shop.get(path), 400, "invalid-parameter")


def test_what_a_browser_has_is_not_sent_again(shop: Shop) -> None:
    path = "/pictures/label-0/2.jpg/image?size=64"
    first = shop.get(path)
    assert first.headers["Content-Type"] == "image/jpeg"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    again = shop.get(path, **{"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert not again.content


def test_a_file_that_was_replaced_or_removed_is_not_shown(shop: Shop) -> None:
    pictures = shop.root / "pictures"
    shutil.copy(pictures / "label-0/1.png", pictures / "label-0/5.png")
    (pictures / "label-0/3.png").unlink()
    for name in ("label-0/5.png", "label-0/3.png"):
        assert_problem(shop.get(f"/pictures/{name}/image"), 404, "picture-unreadable")
        assert shop.reader.search(id=name, k=1).results[0].id == name


def test_the_index_is_described(shop: Shop) -> None:
    about = shop.reader.index()
    assert about["version"] in about["versions"]
    assert about["pictures"] == 13
    assert about["model"]["version"] == 1
    assert about["model_card"]["backbone"] == "toy"


def test_a_deleted_picture_is_gone_at_once(shop: Shop) -> None:
    record = shop.writer.delete("label-1/0.jpg")
    assert (record["id"], record["found"]) == ("label-1/0.jpg", True)
    assert_problem(shop.get("/pictures/label-1/0.jpg"), 404, "picture-not-found")
    answer = shop.reader.search(id="label-1/1.png", k=100)
    assert "label-1/0.jpg" not in {hit.id for hit in answer.results}
    with pytest.raises(ServiceError, match="no picture"):
        shop.reader.search(id="label-1/0.jpg")
    assert list((shop.root / "store/requests/default").glob(record["record"]))
    assert shop.writer.delete("label-1/misspelt.jpg")["found"] is False


def test_a_request_without_a_key_is_refused(shop: Shop) -> None:
    for headers in ({}, {"X-API-Key": "guess"}, {"Authorization": "Bearer guess"}):
        response = requests.get(f"{shop.url}/index", headers=headers, timeout=30)
        assert_problem(response, 401, "missing-key")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert status(f"{shop.url}/healthz") == status(f"{shop.url}/readyz") == 200


def test_what_takes_a_key_is_described_so(shop: Shop) -> None:
    described = requests.get(f"{shop.url}/openapi.json", timeout=30).json()
    for path, item in described["paths"].items():
        for method in item.keys() - {"parameters"}:
            url = shop.url + path.replace("{id}", "label-1/2.jpg")
            refused = requests.request(method, url, timeout=30).status_code == 401
            assert refused == bool(item[method]["security"]), (method, path)


def test_a_key_does_what_its_scopes_say(shop: Shop) -> None:
    with pytest.raises(ServiceError) as raised:
        shop.reader.delete("label-1/2.jpg")
    assert raised.value.problem["type"].endswith(":missing-scope")
    assert shop.reader.picture("label-1/2.jpg").label is None


def test_a_key_that_is_taken_out_of_the_file_is_refused_soon(shop: Shop) -> None:
    keys = shop.root / "keys"
    late = Client(shop.url, key=new_key(keys, "late"))

    def knows() -> bool:
        try:
            late.index()
        except ServiceError as error:
            return not error.problem["type"].endswith(":missing-key")
        return True

    until(knows, 10, "the new key")
    kept = [line for line in keys.read_text().splitlines() if not line.startswith("late ")]
    keys.write_text("\n".join(kept))
    until(lambda: not knows(), 10, "the end of the key")
    keys.write_text("torn")  # a broken file leaves the keys as they are
    assert shop.reader.index()
    keys.write_text("\n".join(kept))
