"""The forms in which a search can be asked, and what it can be told, against the real stack."""

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import requests

from lookalike.picture import PictureContract, read_picture
from lookalike.serving import RestEmbedder
from lookalike.serving.base import ModelAddress
from tests.pictures import write_pictures
from tests.search_api.conftest import Stack
from tests.search_api.test_search import assert_problem
from tests.services import SIZE

NAME = "label-1/4.jpg"


def ask(stack: Stack, **body: Any) -> requests.Response:
    return requests.post(f"{stack.url}/search", json=body, timeout=30)


def results(stack: Stack, **body: Any) -> list[dict[str, Any]]:
    response = ask(stack, **body)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def image(stack: Stack, name: str = NAME) -> dict[str, str]:
    return {"b64": base64.b64encode((stack.pictures / name).read_bytes()).decode()}


def vector(stack: Stack, name: str = NAME) -> list[float]:
    address = ModelAddress(
        name="embedder", version=1, picture=PictureContract(size=SIZE), dimensions=128
    )
    embedder = RestEmbedder(stack.environment["LOOKALIKE_MODEL_SERVER_REST"], address)
    pixels = read_picture((stack.pictures / name).read_bytes(), address.picture)
    numbers: list[float] = embedder.embed(pixels[np.newaxis])[0].tolist()
    return numbers


def test_a_picture_its_id_and_its_vector_find_the_same(stack: Stack) -> None:
    by_picture = results(stack, image=image(stack), k=8)
    by_id = results(stack, id=NAME, k=8)
    by_vector = results(stack, vector=vector(stack), k=8)
    assert by_picture[0]["id"] == NAME
    for other in (by_id, by_vector):
        assert [hit["id"] for hit in other] == [hit["id"] for hit in by_picture]
        near = [hit["distance"] for hit in by_picture]
        assert [hit["distance"] for hit in other] == pytest.approx(near, abs=1e-3)


def b64(numbers: Any, kind: str = "<f4") -> dict[str, str]:
    return {"b64": base64.b64encode(np.asarray(numbers, kind).tobytes()).decode()}


def test_a_vector_of_numbers_and_of_bytes_find_the_same(stack: Stack) -> None:
    numbers = vector(stack)
    assert results(stack, vector=b64(numbers), k=8) == results(stack, vector=numbers, k=8)
    queries = {"queries": [{"vector": b64(numbers)}, {"vector": numbers}]}
    answer = requests.post(f"{stack.url}/search/batch", json=queries, timeout=30).json()
    first, second = (outcome["answer"]["results"] for outcome in answer["outcomes"])
    assert first == second == results(stack, vector=numbers)


# One search, in a form that is answered before Flask and in forms that only Flask reads.
USUAL, OTHERS = "application/json", ("application/json; charset=utf-8", "Application/JSON")


ONE = [{"id": NAME, "k": 3}, {"id": "nobody"}, {"id": NAME, "k": 0}, {}]
SEVERAL = [{"queries": ONE[:2]}, {"queries": ONE}, {"queries": []}, {}]


@pytest.mark.parametrize(
    ("path", "body"),
    [*(("/search", body) for body in ONE), *(("/search/batch", body) for body in SEVERAL)],
)
def test_whoever_reads_a_search_answers_the_same(
    stack: Stack, path: str, body: dict[str, Any]
) -> None:
    def asked(data: Any, media_type: str) -> tuple[int, dict[str, Any], set[str]]:
        headers = {"Content-Type": media_type, "X-Request-ID": "of-both"}
        answer = requests.post(f"{stack.url}{path}", data=data, headers=headers, timeout=30)
        told = json.loads(answer.text, object_hook=timeless)
        return answer.status_code, told, {name for name in answer.headers if name != "Date"}

    def timeless(told: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in told.items() if name != "took_ms"}

    data = json.dumps(body).encode()
    usual = asked(data, USUAL)
    assert {asked_of[0] for asked_of in (usual, asked(iter([data]), USUAL))} == {usual[0]}
    for other in OTHERS:
        assert asked(data, other) == usual


def test_offset_passes_over_the_nearest(stack: Stack) -> None:
    first, rest = results(stack, id=NAME, k=7), results(stack, id=NAME, k=4, offset=3)
    assert rest == first[3:]
    assert results(stack, id=NAME, k=10, offset=1000) == []


def test_fields_are_those_asked_for(stack: Stack) -> None:
    [hit] = results(stack, id=NAME, k=1, fields=["label", "id"])
    assert hit == {"id": NAME, "label": "label-1"}


def test_a_whole_number_may_be_written_with_a_fraction_of_zero(stack: Stack) -> None:
    assert results(stack, id=NAME, k=3.0, offset=1.0) == results(stack, id=NAME, k=3, offset=1)
    assert_problem(ask(stack, id=NAME, k=3.5), 400, "invalid-parameter")


def test_no_fields_are_all_fields(stack: Stack) -> None:
    [hit] = results(stack, id=NAME, k=1, fields=[])
    raw = (stack.pictures / NAME).read_bytes()
    headers = {"Content-Type": "image/jpeg"}
    by_url = requests.post(f"{stack.url}/search?k=1&fields=", raw, headers=headers, timeout=30)
    assert len(hit) == 6
    assert by_url.json()["results"][0].keys() == hit.keys()


def test_the_picture_itself_can_be_left_out(stack: Stack) -> None:
    for source in ({"id": NAME}, {"image": image(stack)}):
        everything = [hit["id"] for hit in results(stack, k=6, **source)]
        others = [hit["id"] for hit in results(stack, k=5, exclude_self=True, **source)]
        assert others == everything[1:]


def test_of_each_group_the_best_comes(stack: Stack) -> None:
    all_hits = results(stack, id=NAME, k=32)
    groups = results(stack, id=NAME, k=10, group_by="label")
    best: dict[str, str] = {}
    for hit in all_hits:
        best.setdefault(hit["label"], hit["id"])
    assert [hit["id"] for hit in groups] == list(best.values())
    assert len(results(stack, id=NAME, group_by="colour")) == 1  # nobody has it: one group


def test_a_filter_says_which_may_be_answered(stack: Stack) -> None:
    wanted = {"attribute": "label", "eq": "label-2"}
    nearest = [hit["id"] for hit in results(stack, id=NAME, k=32) if hit["label"] == "label-2"]
    assert [hit["id"] for hit in results(stack, id=NAME, k=32, filter=wanted)] == nearest
    raw = requests.post(
        f"{stack.url}/search",
        data=(stack.pictures / NAME).read_bytes(),
        params={"k": 32, "filter": msgspec.json.encode({"not": wanted}).decode()},
        headers={"Content-Type": "image/jpeg"},
        timeout=30,
    )
    assert len(raw.json()["results"]) == 24
    other = {"attribute": "label", "in": ["label-0", "label-3"]}
    groups = results(stack, id=NAME, filter=other, group_by="label", k=10)
    assert {hit["label"] for hit in groups} == {"label-0", "label-3"}


def test_a_box_is_searched_by_itself(stack: Stack, tmp_path: Path) -> None:
    [other] = write_pictures(tmp_path, labels=1, each=1, seed=77).rglob("*.jpg")
    wanted = cv2.imread(str(stack.pictures / "label-3/5.png"))
    clutter = cv2.imread(str(other))
    assert wanted is not None
    assert clutter is not None
    done, both = cv2.imencode(".png", np.hstack([clutter, wanted]))
    assert done
    encoded = {"b64": base64.b64encode(both.tobytes()).decode()}
    width, height = wanted.shape[1], wanted.shape[0]
    pixels = {"left": width, "top": 0, "right": 2 * width, "bottom": height, "unit": "pixel"}
    halves = {"left": 0.5, "top": 0, "right": 1, "bottom": 1}
    for box in (pixels, halves):
        [hit] = results(stack, image=encoded, box=box, k=1)
        assert hit["id"] == "label-3/5.png"
        assert hit["distance"] < 1e-3
    raw = requests.post(
        f"{stack.url}/search",
        data=both.tobytes(),
        params={"k": 1, "box": msgspec.json.encode(halves).decode(), "fields": "id"},
        headers={"Content-Type": "image/png"},
        timeout=30,
    )
    assert raw.json()["results"] == [{"id": "label-3/5.png"}]


def test_a_box_of_a_picture_of_the_index_is_cut_from_its_file(stack: Stack) -> None:
    whole = {"left": 0, "top": 0, "right": 1, "bottom": 1}
    assert results(stack, id=NAME, box=whole, k=1)[0]["distance"] < 1e-3
    corner = {"left": 0, "top": 0, "right": 0.2, "bottom": 0.2}
    assert results(stack, id=NAME, box=corner, k=1)[0]["distance"] > 1e-2


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "missing-picture"),
    ({"id": NAME, "vector": [1.0]}, 400, "missing-picture"),
    ({"id": "nobody"}, 404, "picture-not-found"),
    ({"id": ""}, 400, "invalid-parameter"),
    ({"id": 7}, 400, "invalid-parameter"),
    ({"vector": [1.0] * 127}, 400, "invalid-parameter"),
    ({"vector": []}, 400, "invalid-parameter"),
    ({"vector": [0.0] * 128}, 422, "no-features"),
    ({"vector": [1e39] * 128}, 400, "invalid-parameter"),
    ({"vector": ["1"] * 128}, 400, "invalid-parameter"),
    ({"vector": b64([])}, 400, "invalid-parameter"),
    ({"vector": b64([1.0] * 127)}, 400, "invalid-parameter"),
    ({"vector": b64([1] * 127, "u1")}, 400, "invalid-parameter"),
    ({"vector": b64([0.0] * 128)}, 422, "no-features"),
    ({"vector": b64([float("nan")] * 128)}, 400, "invalid-parameter"),
    ({"vector": {"b64": "?"}}, 400, "invalid-parameter"),
    ({"image": {"b64": "?"}}, 400, "invalid-parameter"),
    ({"image": {"b64": ""}}, 400, "empty-picture"),
    ({"image": {"b64": "AAAA"}}, 400, "not-a-picture"),
    ({"image": {"url": "x"}}, 400, "invalid-parameter"),
    ({"id": NAME, "k": 0}, 400, "invalid-parameter"),
    ({"id": NAME, "k": 1001}, 400, "invalid-parameter"),
    ({"id": NAME, "offset": -1}, 400, "invalid-parameter"),
    ({"id": NAME, "offset": 1001}, 400, "invalid-parameter"),
    ({"id": NAME, "fields": ["secret"]}, 400, "invalid-parameter"),
    ({"id": NAME, "colour": 1}, 400, "invalid-parameter"),
    ({"id": NAME, "group_by": ""}, 400, "invalid-parameter"),
    ({"id": NAME, "filter": {"attribute": "label"}}, 400, "invalid-filter"),
    ({"id": NAME, "filter": {"attribute": "nobody's", "eq": 1}}, 400, "invalid-filter"),
    ({"id": NAME, "filter": {"attribute": "label", "near": 1}}, 400, "invalid-filter"),
    ({"id": NAME, "min_score": 0.5}, 400, "invalid-parameter"),
    ({"id": NAME, "box": {"left": 0, "top": 0, "right": 2, "bottom": 1}}, 400, "bad-box"),
    ({"id": NAME, "box": [0, 0, 1, 1]}, 400, "invalid-parameter"),
    (
        {"vector": [1.0] * 128, "box": {"left": 0, "top": 0, "right": 1, "bottom": 1}},
        400,
        "invalid-parameter",
    ),
]


@pytest.mark.parametrize(("body", "code", "kind"), BAD)
def test_what_cannot_be_used_is_said(
    stack: Stack, body: dict[str, Any], code: int, kind: str
) -> None:
    assert_problem(ask(stack, **body), code, kind)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"id": "\xff"}', b"[" * 100_000])
def test_a_body_that_is_no_search_is_refused(stack: Stack, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = requests.post(f"{stack.url}/search", data=body, headers=headers, timeout=30)
    assert_problem(response, 400, "invalid-parameter")


def test_json_that_is_nested_too_deeply_is_refused(stack: Stack) -> None:
    deep, headers = b"[" * 100_000, {"Content-Type": "application/json"}
    for path, body in (("search", b'{"id": ' + deep), ("search/batch", b'{"queries": [' + deep)):
        response = requests.post(f"{stack.url}/{path}", data=body, headers=headers, timeout=30)
        assert_problem(response, 400, "invalid-parameter")
    form = {"files": {"image": b"x"}, "data": {"box": deep}}
    response = requests.post(f"{stack.url}/search", timeout=30, **form)
    assert_problem(response, 400, "invalid-parameter")


def test_parameters_of_json_are_in_its_body(stack: Stack) -> None:
    response = requests.post(f"{stack.url}/search?k=3", json={"id": NAME}, timeout=30)
    assert_problem(response, 400, "invalid-parameter")


def test_a_wrong_parameter_is_named_and_explained(stack: Stack) -> None:
    detail = ask(stack, id=NAME, offset=5000).json()["detail"]
    assert "offset" in detail
    assert "0 to 1000" in detail


def test_a_batch_has_an_outcome_for_each(stack: Stack) -> None:
    queries = [
        {"id": NAME, "k": 3},
        {"id": "nobody"},
        {"image": image(stack, "label-0/1.png"), "k": 1},
        {"vector": vector(stack), "k": 2},
        {"k": "three"},
    ]
    response = requests.post(f"{stack.url}/search/batch", json={"queries": queries}, timeout=30)
    assert response.status_code == 200, response.text
    outcomes = response.json()["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == [200, 404, 200, 200, 400]
    assert outcomes[0]["answer"]["results"] == results(stack, id=NAME, k=3)
    assert outcomes[1]["problem"]["type"].endswith(":picture-not-found")
    assert [hit["id"] for hit in outcomes[2]["answer"]["results"]] == ["label-0/1.png"]
    assert outcomes[3]["answer"]["results"][0]["id"] == NAME
    assert len({outcomes[place]["answer"]["index_version"] for place in (0, 2, 3)}) == 1


def test_a_search_in_a_batch_is_answered_as_by_itself(stack: Stack) -> None:
    label = {"attribute": "label", "in": ["label-3"]}
    queries: list[dict[str, Any]] = [
        {"id": NAME, "k": 4},
        {"id": "label-2/2.jpg", "k": 3, "offset": 1},
        {"id": "label-0/0.jpg", "k": 4, "filter": label},
        {"id": "label-3/1.png", "k": 4, "filter": label},
        {"id": NAME, "k": 4, "exclude_self": True},
        {"id": NAME, "k": 4, "group_by": "label"},
        {"id": NAME, "k": 4, "filter": {"attribute": "nothing", "eq": 1}},
        {"id": "label-2/2.jpg", "k": 4, "fields": ["id"]},
    ]
    response = requests.post(f"{stack.url}/search/batch", json={"queries": queries}, timeout=30)
    for query, outcome in zip(queries, response.json()["outcomes"], strict=True):
        alone = ask(stack, **query)
        assert outcome["status"] == alone.status_code
        if outcome["status"] == 200:
            assert outcome["answer"]["results"] == alone.json()["results"]
        else:
            by_itself = {**alone.json(), "request_id": response.headers["X-Request-ID"]}
            assert outcome["problem"] == by_itself


@pytest.mark.parametrize(
    "body", [{"queries": []}, {"queries": [{"id": NAME}] * 65}, {"query": []}, []]
)
def test_a_batch_of_none_or_too_many_is_refused(stack: Stack, body: Any) -> None:
    response = requests.post(f"{stack.url}/search/batch", json=body, timeout=30)
    assert_problem(response, 400, "invalid-parameter")


def test_a_batch_is_json(stack: Stack) -> None:
    response = requests.post(f"{stack.url}/search/batch", data=b"x", timeout=30)
    assert_problem(response, 415, "unsupported-media-type")
