"""The Python client and ``lookalike search``, against the real stack."""

import json

import pytest

from lookalike.client import Client, ServiceError
from tests.answering import answering
from tests.search_api.conftest import Stack
from tests.services import run


def test_the_client_gives_typed_hits(stack: Stack) -> None:
    picture = stack.pictures / "label-2" / "5.png"
    answer = Client(stack.url).search(picture.read_bytes(), k=2)
    assert [type(hit.distance) for hit in answer.results] == [float, float]
    assert answer.results[0].id == "label-2/5.png"
    assert answer.results[0].label == "label-2"
    assert answer.model_version == 1
    assert json.loads(answer.raw)["index_version"] == answer.index_version


def test_the_client_passes_on_the_service_s_own_words(stack: Stack) -> None:
    with pytest.raises(ServiceError, match="This is not a picture") as raised:
        Client(stack.url).search(b"no picture")
    assert raised.value.problem["type"].endswith(":not-a-picture")


def test_the_client_says_what_to_start_where_nobody_answers() -> None:
    with pytest.raises(ServiceError, match="lookalike serve"):
        Client("http://127.0.0.1:9", timeout=2).search(b"x")


def test_the_command_prints_hits_nearest_first(stack: Stack) -> None:
    picture = str(stack.pictures / "label-0" / "3.png")
    finished = run(["search", picture, "-k", "3", "--url", stack.url], {})
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert lines[0].split() == ["distance", "score", "label", "id"]
    assert lines[1].split()[-1] == "label-0/3.png"
    assert lines[1].split()[1] == "0.0000"
    assert len(lines) == 5
    assert "model 1" in lines[-1]


def test_the_command_can_print_json(stack: Stack) -> None:
    picture = str(stack.pictures / "label-0" / "3.png")
    finished = run(["search", picture, "--json", "--url", stack.url], {})
    assert len(json.loads(finished.stdout)["results"]) == 10


def test_the_command_fails_in_one_line(stack: Stack) -> None:
    finished = run(["search", str(stack.log), "--url", stack.url], {})
    assert finished.returncode == 8
    assert finished.stderr.startswith("lookalike: This is not a picture")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "body", "match"),
    [
        (308, b"<html>moved</html>", "308"),
        (200, b"<html>welcome</html>", "something else than the service"),
        (200, b"[]", "something else than the service"),
        (500, b"<html>oops</html>", "500"),
    ],
)
def test_what_is_no_answer_of_a_service_is_an_error(status: int, body: bytes, match: str) -> None:
    with (
        answering(lambda _: (status, body)) as port,
        pytest.raises(ServiceError, match=match),
    ):
        Client(f"http://127.0.0.1:{port}", tries=1).index()


def test_a_page_is_no_picture() -> None:
    with (
        answering(lambda _: (308, b"<html>moved</html>")) as port,
        pytest.raises(ServiceError, match="308"),
    ):
        Client(f"http://127.0.0.1:{port}", tries=1).picture_image("a")


def test_the_command_says_what_a_url_is(stack: Stack) -> None:
    picture = str(stack.pictures / "label-0" / "3.png")
    finished = run(["search", picture, "--url", "127.0.0.1:8080"], {})
    assert finished.returncode == 2
    assert "http://" in finished.stderr
    assert "Traceback" not in finished.stderr
