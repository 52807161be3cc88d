"""Explanations: what each part of a picture adds to the cosine with others."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import requests

from lookalike.client import Client, ServiceError
from lookalike.errors import NoFeatures
from search_api.explaining import explained
from tests.search_api.conftest import Stack, running_stack

NAME, OTHER, THIRD = "label-1/4.jpg", "label-2/1.png", "label-0/3.png"
OUTSIDE = {"left": 2, "top": 0, "right": 3, "bottom": 1}


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack.url)


def cosine(client: Client, query: str, other: str) -> float:
    """The similarity of two pictures, as a search has it: distances are of unit vectors."""
    hits = client.search(id=query, k=1000).results
    distance = next(hit.distance for hit in hits if hit.id == other)
    assert distance is not None
    return 1 - distance**2 / 2


def test_the_parts_are_the_cosine_of_the_search(client: Client) -> None:
    told = client.explain(id=NAME, hits=[OTHER, THIRD])
    assert [one.id for one in told.explained] == [OTHER, THIRD]
    for one in told.explained:
        parts = np.array(one.parts)
        assert parts.shape == (2, 2)
        assert parts.sum() == pytest.approx(one.cosine, abs=1e-4)
        assert one.cosine == pytest.approx(cosine(client, NAME, one.id), abs=0.01)
    assert told.explained[0].parts != told.explained[1].parts
    assert told.model_version == 1


def test_a_picture_is_all_of_itself(client: Client, stack: Stack) -> None:
    data = (stack.pictures / NAME).read_bytes()
    [one] = client.explain(data, hits=[NAME]).explained
    assert one.cosine == pytest.approx(1, abs=0.01)
    assert one == client.explain(id=NAME, hits=[NAME]).explained[0]


def test_the_area_has_the_white_margins(client: Client, stack: Stack) -> None:
    """The pictures are 90 by 60, within a square."""
    area = client.explain(id=NAME, hits=[OTHER]).area
    assert (area.left, area.right) == (0, 1)
    assert area.top == pytest.approx(-0.25, abs=0.05)
    assert area.bottom == pytest.approx(1.25, abs=0.05)
    half = {"left": 0, "top": 0, "right": 1 / 3, "bottom": 1}
    upright = client.explain(id=NAME, hits=[OTHER], box=half).area
    assert (upright.top, upright.bottom) == (0, 1)
    assert upright.left == pytest.approx(-0.5, abs=0.05)
    ok, data = cv2.imencode(".png", np.full((40, 40, 3), 90, np.uint8))
    assert ok
    square = client.explain(data.tobytes(), hits=[OTHER]).area
    assert (square.left, square.top, square.right, square.bottom) == (0, 0, 1, 1)


def test_a_place_adds_what_lies_there_and_units_that_are_off_add_nothing() -> None:
    parts = np.zeros((2, 2, 3), np.float32)
    parts[0, 1] = [3, 4, -1]  # the third unit is off
    parts[1, 0] = [0, 0, -2]
    found = np.array([[2, 0, 0], [0, 0, 5], [3, 4, 0]], np.float32)
    told = explained(parts, ["first", "third", "both"], found)
    assert [one.cosine for one in told] == [0.6, 0, 1]
    assert told[0].parts == [[0, 0.6], [0, 0]]
    assert told[1].parts == [[0, 0], [0, 0]]
    with pytest.raises(NoFeatures):
        explained(-parts[..., 2:] * 0 - 1, ["first"], found[:, :1])


def test_a_form_and_raw_bytes_are_read_too(stack: Stack) -> None:
    data = (stack.pictures / NAME).read_bytes()
    url, hits = f"{stack.url}/explain", f'["{OTHER}"]'
    form = requests.post(url, files={"image": data}, data={"hits": hits}, timeout=10)
    raw = requests.post(
        url, data, params={"hits": hits}, headers={"Content-Type": "image/jpeg"}, timeout=10
    )
    assert form.status_code == raw.status_code == 200
    assert form.json() == raw.json()


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"id": NAME, "hits": []}, "invalid-parameter"),
        ({"id": NAME, "hits": [OTHER] * 25}, "invalid-parameter"),
        ({"id": NAME}, "invalid-parameter"),
        ({"id": NAME, "hits": [OTHER], "k": 3}, "invalid-parameter"),
        ({"hits": [OTHER]}, "missing-picture"),
        ({"id": NAME, "image": {"b64": ""}, "hits": [OTHER]}, "missing-picture"),
        ({"id": "nothing", "hits": [OTHER]}, "picture-not-found"),
        ({"id": NAME, "hits": ["nothing"]}, "picture-not-found"),
        ({"image": {"b64": "bm8="}, "hits": [OTHER]}, "not-a-picture"),
        (
            {"id": NAME, "hits": [OTHER], "box": OUTSIDE},
            "bad-box",
        ),
    ],
)
def test_what_is_wrong_is_told(stack: Stack, asked: dict[str, object], kind: str) -> None:
    answer = requests.post(f"{stack.url}/explain", json=asked, timeout=10)
    assert answer.json()["type"] == f"urn:lookalike:problem:{kind}", answer.text
    assert 400 <= answer.status_code < 500


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service whose model says of itself that it cannot explain."""
    root = tmp_path_factory.mktemp("older")
    with running_stack(root, explains=False) as running:
        yield running


def test_a_model_that_cannot_is_told(older: Stack) -> None:
    with pytest.raises(ServiceError, match="export it anew") as told:
        Client(older.url).explain(id=NAME, hits=[OTHER])
    assert told.value.problem["status"] == 409
    assert Client(older.url).index()["model"]["explains"] is False


def test_the_index_says_that_it_can(client: Client) -> None:
    assert client.index()["model"]["explains"] is True
