"""Searches that go on by the vector which an earlier one answered."""

import re
from typing import Any

import msgspec
import numpy as np
import pytest

from lookalike.client import Answer, Client, ServiceError
from tests.search_api.conftest import Stack
from tests.search_api.test_forms import NAME

HALF = {"left": 0, "top": 0, "right": 0.5, "bottom": 1}


def ids(answer: Answer) -> list[str]:
    return [hit.id for hit in answer.results]


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack.url)


def sources(stack: Stack) -> list[dict[str, Any]]:
    picture = (stack.pictures / NAME).read_bytes()
    return [{"picture": picture}, {"picture": picture, "box": HALF}, {"id": NAME}]


def test_an_answered_vector_finds_what_its_picture_finds(stack: Stack, client: Client) -> None:
    narrower = {"filter": {"not": {"attribute": "label", "eq": "label-0"}}, "exclude_self": True}
    for source in sources(stack):
        first = client.search(**source, with_vector=True)
        assert first.vector is not None
        assert first.vector.numbers.shape == (128,)
        again = client.search(vector=first.vector, **narrower, with_vector=True)
        assert ids(again) == ids(client.search(**source, **narrower))
        assert NAME not in ids(again)
        assert again.vector == first.vector


def test_a_batch_answers_vectors_and_goes_on_with_them(stack: Stack, client: Client) -> None:
    asked = [{**source, "with_vector": True} for source in sources(stack)]
    first = client.search_batch(asked)
    vectors = [one.vector for one in first if isinstance(one, Answer)]
    assert [client.search(**one).vector for one in asked] == vectors
    again = client.search_batch([{"vector": one} for one in vectors])
    assert [ids(one) for one in again if isinstance(one, Answer)] == [
        ids(one) for one in first if isinstance(one, Answer)
    ]


def test_no_vector_is_answered_unasked(client: Client) -> None:
    answer = client.search(id=NAME)
    assert answer.vector is None
    assert "vector" not in msgspec.json.decode(answer.raw)


def test_a_vector_alone_is_answered_as_it_came(client: Client) -> None:
    numbers = np.arange(1, 129, dtype=np.float32)
    answered = client.search(vector=numbers, with_vector=True).vector
    assert answered is not None
    assert answered.b64 == numbers.tobytes()
    assert answered.sha256 is None


def test_what_is_not_known_of_a_vector_may_be_null(client: Client) -> None:
    vector = {"b64": np.ones(128, np.float32).tobytes(), "space": None, "sha256": None}
    assert client._ask("/search", {"vector": vector})


def test_a_vector_of_another_model_is_refused(stack: Stack, client: Client) -> None:
    vector = client.search(id=NAME, with_vector=True).vector
    assert vector is not None
    assert re.fullmatch("embedder/1-[0-9a-f]{12}/cosine", str(vector.space))
    for space in ("embedder/2-", "other/1-", "l2"):
        changed = re.sub("embedder/1-|cosine", space, str(vector.space), count=1)
        with pytest.raises(
            ServiceError, match=f"is of {changed}, and this index is of {vector.space}"
        ):
            client.search(vector=msgspec.structs.replace(vector, space=changed))
    other = msgspec.structs.replace(vector, space="another")
    with pytest.raises(ServiceError) as refused:
        client.search(vector=other)
    assert (refused.value.status, refused.value.kind) == (409, "other-model")
    [outcome] = client.search_batch([{"vector": other}])
    assert isinstance(outcome, ServiceError)
    assert outcome.kind == "other-model"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "AB" * 32},
        {"sha256": "ab"},
        {"sha256": "ab" * 32 + "\n"},
        {"space": 1},
        {"name": "x"},
    ],
)
def test_what_a_vector_is_said_to_be_of_is_checked(stack: Stack, wrong: dict[str, Any]) -> None:
    vector = {"b64": np.ones(128, np.float32).tobytes(), **wrong}
    with pytest.raises(ServiceError) as refused:
        Client(stack.url)._ask("/search", {"vector": vector})
    assert refused.value.kind == "invalid-parameter"
