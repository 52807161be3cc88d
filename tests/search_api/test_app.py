"""What the application is made of, without a server."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from flask import Flask

from lookalike.errors import NoFeatures, StoreError
from lookalike.picture.contract import Pixels
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from search_api import problems
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.parameters import Parameters
from search_api.problems import problem_response
from search_api.query import Picture, Query
from search_api.search import search
from search_api.serving import Serving
from tests.pictures import write_pictures
from tests.toy_indexes import empty_details


def test_the_service_imports_no_tensorflow_and_nothing_of_the_other_rooms() -> None:
    program = (
        "import sys, search_api.app\n"
        "heavy = ('tensorflow', 'keras', 'grpc', 'pyarrow', 'onnx', 'training', 'indexing')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


class Blind:
    """An embedder that sees nothing in any picture."""

    def embed(self, pixels: Pixels, timeout: float, headers: object = None) -> Vectors:  # noqa: ARG002
        return np.zeros((len(pixels), 128), np.float32)

    def available_versions(self) -> set[int]:
        return {1}

    def close(self) -> None:
        pass


def test_a_picture_without_features_is_a_422_of_its_own(tmp_path: Path) -> None:
    [path] = write_pictures(tmp_path, labels=1, each=1).rglob("*.jpg")
    details = empty_details()
    index = SimpleNamespace(details=details)
    query = Query(Picture(path.read_bytes()), Parameters())
    with pytest.raises(NoFeatures) as raised:
        search(
            query, Serving(index, Blind()), Capacity.of(Settings()), Caller(time.monotonic() + 60)
        )
    response = problem_response(raised.value)
    assert response.status_code == 422
    assert b"urn:lookalike:problem:no-features" in response.data


def test_no_answer_says_where_this_machine_keeps_things() -> None:
    problems.register(Flask("told"), ["/srv/store", "/srv/store/cache", "bucket"])
    told = StoreError("/srv/store/cache/a is not /srv/store/b, nor bucket/c")
    assert problems.said(told) == "a is not b, nor bucket/c"
