"""The examples do what they say."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.search_api.conftest import Stack, running_stack

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("examples")
    with running_stack(root, settings={"LOOKALIKE_POLL_SECONDS": "0.2"}) as running:
        yield running


def example(name: str, stack: Stack, *arguments: str) -> str:
    interpreter = [sys.executable] if name.endswith(".py") else []
    return ran([*interpreter, str(EXAMPLES / name), *arguments], stack)


def ran(command: list[str], stack: Stack) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_copies_in_a_folder_are_found_and_each_group_is_told_once(stack: Stack) -> None:
    for copy in ("label-1/copy.jpg", "label-3/another.jpg"):
        shutil.copyfile(stack.pictures / "label-0" / "0.jpg", stack.pictures / copy)
    (stack.pictures / "label-0" / "broken.jpg").write_bytes(b"no picture")
    found = example(
        "find_duplicates.py", stack, str(stack.pictures), "--url", stack.url, "--distance", "0.001"
    )
    assert found == "label-0/0.jpg\tlabel-1/copy.jpg\tlabel-3/another.jpg\n"


def test_a_picture_is_searched_for_with_curl_alone(stack: Stack) -> None:
    picture = stack.pictures.parent / "with,a;comma.png"
    shutil.copyfile(stack.pictures / "label-2" / "3.png", picture)
    told = json.loads(example("search.sh", stack, str(picture), stack.url))
    assert told["results"][0]["id"] == "label-2/3.png"
    assert len(told["results"]) == 5
    assert set(told["results"][0]) == {"id", "score", "distance"}


def test_locust_searches_by_pictures_and_by_what_was_found(stack: Stack) -> None:
    flags = ("--headless", "--users", "4", "--spawn-rate", "4", "--run-time", "6s", "--json")
    locust = [sys.executable, "-m", "locust", "--locustfile", str(EXAMPLES / "locustfile.py")]
    target = ["--host", stack.url, "--pictures", str(stack.pictures / "label-1")]
    asked = {one["name"]: one for one in json.loads(ran([*locust, *target, *flags], stack))}
    assert asked.keys() == {"by picture", "by id"}
    assert all(one["num_requests"] > 0 for one in asked.values())
    assert all(one["num_failures"] == 0 for one in asked.values())
