"""``POST /search`` over HTTP, against the real stack."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests

from tests.search_api.conftest import Stack

PROBLEM = "application/problem+json"


def post(stack: Stack, data: bytes, media_type: str | None = "image/jpeg", **params: object):
    headers = {"Content-Type": media_type} if media_type else {}
    return requests.post(
        f"{stack.url}/search", data=data, params=params, headers=headers, timeout=30
    )


def assert_problem(response: requests.Response, status: int, kind: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == PROBLEM
    problem = response.json()
    assert problem["type"] == f"urn:lookalike:problem:{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


def encoded(suffix: str, pixels: np.ndarray) -> bytes:
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    high = np.iinfo(dtype).max + 1
    return np.random.default_rng(1).integers(0, high, shape, dtype=dtype)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 64))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


JPEG = encoded(".jpg", noise(60, 90, 3))


def test_every_picture_of_the_index_finds_itself_first(stack: Stack) -> None:
    for path in sorted(stack.pictures.rglob("*.*")):
        answer = post(stack, path.read_bytes(), k=3).json()
        first = answer["results"][0]
        assert first["id"] == first["uri"] == path.relative_to(stack.pictures).as_posix()
        assert first["label"] == path.parent.name
        assert first["distance"] < 1e-3
        distances = [hit["distance"] for hit in answer["results"]]
        assert distances == sorted(distances)
        assert len(distances) == 3


def test_an_answer_names_its_versions_and_times_its_stages(stack: Stack) -> None:
    answer = post(stack, JPEG).json()
    ready = requests.get(f"{stack.url}/readyz", timeout=10).json()
    assert answer["index_version"] == ready["index_version"]
    assert answer["model_version"] == ready["model_version"] == 1
    took = answer["took_ms"]
    assert set(took) == {"decode", "embed", "search", "total"}
    assert sum(took[stage] for stage in ("decode", "embed", "search")) <= took["total"] + 0.01
    assert answer["results"][0].keys() == {
        *("id", "distance", "score", "label", "uri", "attributes")
    }
    assert len(answer["results"]) == 10


def test_a_form_and_raw_bytes_give_the_same_answer(stack: Stack) -> None:
    form = requests.post(
        f"{stack.url}/search", files={"image": ("x.jpg", JPEG)}, data={"k": "4"}, timeout=30
    ).json()
    query = requests.post(
        f"{stack.url}/search?k=4", files={"image": ("x.jpg", JPEG, "image/jpeg")}, timeout=30
    ).json()
    raw = post(stack, JPEG, k=4).json()
    assert form["results"] == query["results"] == raw["results"]
    assert len(raw["results"]) == 4


@pytest.mark.parametrize("media_type", ["image/png", "image/*", "application/octet-stream", None])
def test_the_bytes_tell_the_format_not_the_content_type(
    stack: Stack, media_type: str | None
) -> None:
    assert post(stack, JPEG, media_type).status_code == 200


def test_more_than_there_is_gives_all_there_is(stack: Stack) -> None:
    assert len(post(stack, JPEG, k=1000).json()["results"]) == 32


def test_a_large_form_upload_is_read_without_touching_a_disk(stack: Stack) -> None:
    large = encoded(".png", noise(700, 800, 3))
    assert 1_000_000 < len(large) < 2_000_000
    response = requests.post(f"{stack.url}/search", files={"image": large}, timeout=30)
    assert response.status_code == 200


ACCEPTED = {
    "grey": encoded(".png", noise(40, 50)),
    "grey jpeg": encoded(".jpg", noise(40, 50)),
    "16 bit": encoded(".png", noise(40, 50, 3, dtype=np.uint16)),
    "16 bit grey": encoded(".png", noise(40, 50, dtype=np.uint16)),
    "alpha": encoded(".png", noise(40, 50, 4)),
    "webp": encoded(".webp", noise(40, 50, 3)),
    "avif": encoded(".avif", noise(40, 50, 3)),
    "bmp": encoded(".bmp", noise(40, 50, 3)),
    "gif": encoded(".gif", noise(40, 50, 3)),
    "tiny": encoded(".png", noise(1, 1, 3)),
    "thin": encoded(".png", noise(1, 3000, 3)),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_unusual_pictures_work(stack: Stack, name: str) -> None:
    response = post(stack, ACCEPTED[name])
    assert response.status_code == 200, response.text


HEIC = struct.pack(">I", 24) + b"ftypheic" + b"\0" * 4 + b"mif1heic" + b"\0" * 64
REFUSED = {
    "text": (b"this is not a picture at all", "not-a-picture"),
    "html": (b"<html><body>hello</body></html>", "not-a-picture"),
    "one byte": (b"\xff", "not-a-picture"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "truncated-picture"),
    "truncated png": (ACCEPTED["alpha"][:-30], "truncated-picture"),
    "bomb": (png_header(50_000, 50_000), "picture-too-large"),
    "no width": (png_header(0, 10), "bad-dimensions"),
    "no area": (png_header(0, 0), "bad-dimensions"),
    "heic": (HEIC, "unsupported-format"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unusable_pictures_are_refused_each_with_its_own_type(stack: Stack, name: str) -> None:
    data, kind = REFUSED[name]
    assert_problem(post(stack, data), 400, kind)
    form = requests.post(f"{stack.url}/search", files={"image": ("x.png", data)}, timeout=30)
    assert_problem(form, 400, kind)


def test_damage_inside_a_picture_is_refused(stack: Stack) -> None:
    png = bytearray(encoded(".png", noise(64, 64, 3)))
    png[200:260] = bytes(60)
    assert_problem(post(stack, bytes(png)), 400, "corrupt-picture")


@pytest.mark.parametrize("media_type", [None, "image/jpeg", "application/octet-stream"])
def test_an_empty_body_is_refused(stack: Stack, media_type: str | None) -> None:
    assert_problem(post(stack, b"", media_type), 400, "missing-picture")


def test_an_empty_file_is_refused(stack: Stack) -> None:
    response = requests.post(f"{stack.url}/search", files={"image": ("x.jpg", b"")}, timeout=30)
    assert_problem(response, 400, "empty-picture")


def test_a_wrong_field_is_named(stack: Stack) -> None:
    response = requests.post(f"{stack.url}/search", files={"picture": JPEG}, timeout=30)
    assert_problem(response, 400, "missing-picture")
    assert response.json()["detail"].startswith("the form has no file 'image', only 'picture'; ")


def test_a_picture_that_is_sent_as_text_is_told_from_a_file(stack: Stack) -> None:
    response = requests.post(f"{stack.url}/search", files={"image": (None, "a.jpg")}, timeout=30)
    assert_problem(response, 400, "missing-picture")
    said = "the form has text as its field 'image', and not a file (curl: -F image=@photo.jpg); "
    assert response.json()["detail"].startswith(said)


def test_a_picture_without_a_file_s_name_is_told_so(stack: Stack) -> None:
    response = requests.post(f"{stack.url}/search", files={"image": (None, JPEG)}, timeout=30)
    assert_problem(response, 400, "missing-picture")
    assert "as its field 'image', and not a file" in response.json()["detail"]
    large = {"image": (None, JPEG + bytes(600_000))}
    response = requests.post(f"{stack.url}/search", files=large, timeout=30)
    assert_problem(response, 413, "body-too-large")
    assert "a field of the form has more than 500000 bytes" in response.json()["detail"]


def test_a_form_of_too_many_parts_is_told_so(stack: Stack) -> None:
    parts = [("image", ("a.jpg", JPEG)), *[("k", (None, "1"))] * 1000]
    response = requests.post(f"{stack.url}/search", files=parts, timeout=30)
    assert_problem(response, 413, "body-too-large")
    assert response.json()["detail"] == "the form has more than 1000 parts"


def test_a_field_of_a_form_may_come_as_a_file(stack: Stack) -> None:
    """As a browser sends a Blob, which it gives a name."""
    told = ("blob", b'{"attribute": "label", "eq": "label-2"}', "application/json")
    form = {"image": ("a.jpg", JPEG), "filter": told, "k": ("k", b"32")}
    response = requests.post(f"{stack.url}/search", files=form, timeout=30)
    assert [hit["label"] for hit in response.json()["results"]] == ["label-2"] * 8
    for data, code, kind in (
        (b'{"attribute": "label", "eq": "\xff"}', 400, "bad-request"),
        (b" " * 500_001, 413, "body-too-large"),
    ):
        wrong = {**form, "filter": ("blob", data)}
        refused = requests.post(f"{stack.url}/search", files=wrong, timeout=30)
        assert_problem(refused, code, kind)


def test_a_file_of_a_form_that_nothing_reads_is_named(stack: Stack) -> None:
    form = {"image": ("a.jpg", JPEG), "photo": ("b.jpg", JPEG)}
    response = requests.post(f"{stack.url}/search", files=form, timeout=30)
    assert_problem(response, 400, "invalid-parameter")
    assert "'photo'" in response.json()["detail"]


def test_two_pictures_are_one_too_many(stack: Stack) -> None:
    files = [("image", ("a.jpg", JPEG)), ("image", ("b.jpg", JPEG))]
    response = requests.post(f"{stack.url}/search", files=files, timeout=30)
    assert_problem(response, 400, "missing-picture")


@pytest.mark.parametrize("k", ["0", "-1", "1001", "ten", "1.5", "", "99999999999999999999"])
def test_k_out_of_range_is_refused(stack: Stack, k: str) -> None:
    response = post(stack, JPEG, k=k)
    assert_problem(response, 400, "invalid-parameter")
    assert "1 to 1000" in response.json()["detail"]


def test_an_unknown_parameter_is_refused_by_its_name(stack: Stack) -> None:
    response = post(stack, JPEG, limit=3)
    assert_problem(response, 400, "invalid-parameter")
    assert "limit" in response.json()["detail"]


def test_a_parameter_given_twice_is_refused(stack: Stack) -> None:
    assert_problem(post(stack, JPEG, k=["1", "2"]), 400, "invalid-parameter")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_other_content_types_are_refused(stack: Stack, media_type: str) -> None:
    assert_problem(post(stack, JPEG, media_type), 415, "unsupported-media-type")


def test_a_broken_form_is_refused(stack: Stack) -> None:
    broken = post(stack, b"--x\r\nnonsense", "multipart/form-data; boundary=x")
    assert_problem(broken, 400, "missing-picture")
    assert_problem(post(stack, b"--x", "multipart/form-data"), 400, "missing-picture")


@pytest.mark.parametrize("rest", [b"", b'; filename="a.jpg"'])
def test_a_part_of_a_form_without_a_name_is_refused(stack: Stack, rest: bytes) -> None:
    """Beside a picture as by itself, and as a file as well as a field."""
    nameless = b"--x\r\nContent-Disposition: form-data%b\r\n\r\n1\r\n" % rest
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    for form in (nameless + b"--x--", nameless + head + JPEG + b"\r\n--x--"):
        broken = post(stack, form, "multipart/form-data; boundary=x")
        assert_problem(broken, 400, "bad-request")


def test_a_body_over_the_limit_is_refused(stack: Stack) -> None:
    assert_problem(post(stack, b"x" * 2_000_001), 413, "body-too-large")
    form = requests.post(f"{stack.url}/search", files={"image": b"x" * 2_000_001}, timeout=30)
    assert_problem(form, 413, "body-too-large")


@pytest.mark.parametrize("media_type", ["image/jpeg", "application/json", "multipart/form-data"])
def test_a_body_in_chunks_over_the_limit_is_refused(stack: Stack, media_type: str) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    start = {"image/jpeg": JPEG, "application/json": b'{"id": "', "multipart/form-data": head}
    chunks = iter([start[media_type], *[b"x" * 100_000] * 21])
    headers = {"Content-Type": f"{media_type}; boundary=x"}
    response = requests.post(f"{stack.url}/search", data=chunks, headers=headers, timeout=30)
    assert_problem(response, 413, "body-too-large")


def test_other_paths_and_methods_are_problems_too(stack: Stack) -> None:
    assert_problem(requests.get(f"{stack.url}/nothing", timeout=10), 404, "not-found")
    response = requests.get(f"{stack.url}/search", timeout=10)
    assert_problem(response, 405, "method-not-allowed")
    assert "POST" in response.headers["Allow"]


def test_no_answer_tells_where_the_service_keeps_its_files(stack: Stack, tmp_path: Path) -> None:
    for response in (
        post(stack, JPEG),
        post(stack, b"x"),
        requests.get(f"{stack.url}/readyz", timeout=10),
    ):
        assert str(stack.pictures.parent) not in response.text
