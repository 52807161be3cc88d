"""The Python client and ``lookalike search``, against the real stack."""

import json

import pytest

from lookalike.client import Client, ServiceError
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
    assert lines[0].split()[-1] == "label-0/3.png"
    assert lines[0].split()[1] == "0.0000"
    assert len(lines) == 4
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
