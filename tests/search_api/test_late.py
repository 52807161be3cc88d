"""Additions without a vector of the served model: embedded later, and given up only for good."""

from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from lookalike.changes import Added, Addition, open_changes
from lookalike.errors import (
    CorruptPicture,
    ModelServerError,
    ModelServerUnavailable,
    NoFeatures,
)
from lookalike.picture import PictureContract
from lookalike.picture.contract import Pixels
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from search_api import late
from search_api.late import LateEmbedding
from tests.clock import Clock


class Waiting:
    """A version in which one addition waits, and what serves it."""

    def __init__(self, added: Added) -> None:
        model = SimpleNamespace(picture=PictureContract(size=32))
        self.details, self.index, self.embedder = SimpleNamespace(model=model), self, self
        self._added = [added]
        self.laid: list[Vectors | None] = []

    def waiting(self, most: int, but: Collection[str] = ()) -> list[Added]:
        return [added for added in self._added if added.record not in but][:most]

    def lay_over(self, added: Added, uri: str, vector: Vectors | None) -> None:  # noqa: ARG002
        self._added.remove(added)
        self.laid.append(vector)

    def embed(self, pixels: Pixels) -> Vectors:
        return np.ones((len(pixels), 8), np.float32)


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    sha256 = open_changes(str(tmp_path), "default").put_picture(picture)
    return Waiting(Added("record", Addition("a", sha256)))


def embedding(waiting: Any, tmp_path: Path, clock: Clock | None = None) -> LateEmbedding:
    changes = open_changes(str(tmp_path), "default")
    return LateEmbedding(changes, lambda: waiting, Settings(), clock or Clock())


@pytest.mark.parametrize(
    "error", [TimeoutError("slow"), ConnectionError("away"), OSError(5, "I/O"), PermissionError()]
)
def test_a_store_that_is_away_for_a_moment_is_waited_for(
    error: OSError, waiting: Waiting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(late, "read_bytes", fails)
        with pytest.raises(type(error)):
            embedding(waiting, tmp_path).embed_some()
    assert waiting.laid == []
    assert embedding(waiting, tmp_path).embed_some() == 1
    assert [vector is not None for vector in waiting.laid] == [True]


def test_a_model_server_that_is_away_is_waited_for(
    waiting: Waiting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Pixels) -> Vectors:
        raise ModelServerUnavailable("away")

    monkeypatch.setattr(waiting, "embed", fails)
    with pytest.raises(ModelServerUnavailable):
        embedding(waiting, tmp_path).embed_some()
    assert waiting.laid == []


def test_one_that_the_model_server_fails_at_holds_up_no_other(
    waiting: Waiting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [failing] = waiting._added
    other = Added("record 2", Addition("b", failing.addition.sha256))
    waiting._added += [other]
    answers: list[Vectors | Exception] = [ModelServerError("500"), np.ones((1, 8), np.float32)]

    def embed(_: Pixels) -> Vectors:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(waiting, "embed", embed)
    late_embedding = embedding(waiting, tmp_path, clock := Clock())
    late_embedding.embed_some()
    assert waiting._added == [failing]
    assert late_embedding.embed_some() == 0  # it is left alone for a while
    clock.now += 2 * late.ASIDE_SECONDS
    answers.append(np.ones((1, 8), np.float32))
    assert late_embedding.embed_some() == 1
    assert waiting._added == []


@pytest.mark.parametrize(
    "error", [FileNotFoundError("gone"), CorruptPicture("damaged"), NoFeatures("white")]
)
def test_what_nothing_can_be_made_of_is_given_up(
    error: Exception, waiting: Waiting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(late, "read_bytes", fails)
    assert embedding(waiting, tmp_path).embed_some() == 1
    assert waiting.laid == [None]
